import { afterEach, expect, test } from 'vitest'
import { createHeartbeat, type Heartbeat } from '../../src/alerts/heartbeat.ts'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { createSecret } from '../../src/domain/secret.ts'
import { createReadableLog, type Listener, listen, START } from './support.ts'

let listener: Listener | undefined
let heartbeat: Heartbeat | undefined
afterEach(async () => {
  await heartbeat?.stop()
  await listener?.close()
})

/** A clock on which a minute passes in 30 ms. */
const clock = createSimulatedClock(toInstant(START), 2_000)

test('beats each minute while the worker works, and is silent while it does not', async () => {
  let tellEnough = () => {}
  const enough = new Promise<void>((resolve) => {
    tellEnough = resolve
  })
  listener = await listen((response, index) => {
    response.end()
    if (index === 4) tellEnough()
  })
  let isWorking = true
  let countAsked = 0
  let tellAsked = () => {}
  const asked = new Promise<void>((resolve) => {
    tellAsked = resolve
  })
  const { log, lines } = createReadableLog()
  heartbeat = createHeartbeat({
    url: createSecret(`http://127.0.0.1:${listener.port}/beat`),
    allowHosts: ['127.0.0.1'],
    clock,
    log,
    isWorking() {
      if (!isWorking) countAsked += 1
      if (countAsked === 5) tellAsked()
      return isWorking
    },
  })
  heartbeat.start()
  await enough
  isWorking = false
  // From the second question on no beat of before is under way.
  await asked
  const countBefore = listener.requests.length
  expect(countBefore).toBeGreaterThanOrEqual(5)
  expect(countBefore).toBeLessThanOrEqual(6)
  expect(new Set(listener.requests.map(({ method }) => method))).toEqual(new Set(['GET']))
  expect(lines).toEqual([])
})

test('tells the log once that it fails, once more when another thing fails, and once that it recovered', async () => {
  let tellDone = () => {}
  const done = new Promise<void>((resolve) => {
    tellDone = resolve
  })
  const statuses = [200, 500, 500, 500, 404, 404, 200, 200]
  listener = await listen((response, index) => {
    response.writeHead(statuses[index] ?? 200).end()
    if (index === statuses.length) tellDone()
  })
  const { log, lines } = createReadableLog()
  const url = createSecret(`http://127.0.0.1:${listener.port}/secret-path`)
  heartbeat = createHeartbeat({ url, allowHosts: ['127.0.0.1'], clock, log, isWorking: () => true })
  heartbeat.start()
  await done
  await heartbeat.stop()
  expect(lines.map(({ level, msg, reason }) => [level, msg, reason])).toEqual([
    ['warn', 'heartbeat.failed', 'answered 500'],
    ['warn', 'heartbeat.failed', 'answered 404'],
    ['info', 'heartbeat.recovered', undefined],
  ])
  expect(JSON.stringify(lines)).not.toContain('secret-path')
})

test('a beat that hangs does not keep the daemon from stopping', async () => {
  let tellArrived = () => {}
  const arrived = new Promise<void>((resolve) => {
    tellArrived = resolve
  })
  listener = await listen(() => tellArrived())
  const { log, lines } = createReadableLog()
  const url = createSecret(`http://127.0.0.1:${listener.port}/`)
  heartbeat = createHeartbeat({ url, allowHosts: ['127.0.0.1'], clock, log, isWorking: () => true })
  heartbeat.start()
  await arrived
  const startedAt = performance.now()
  await heartbeat.stop()
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  expect(lines).toEqual([])
})
