import { describe, expect, it } from 'vitest'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { SMALL_SHOP, start } from './support.ts'

const LIMITS = { concurrent: 3, minute: 10, hour: 25 }
const tokens = [
  { token: 'one', name: 'one' },
  { token: 'two', name: 'two' },
]

describe('the windows slide on the clock of the sandbox', () => {
  it('a call beyond the minute is refused, counted, and let in once the oldest has left the window', async () => {
    const { get, clock, sandbox } = await start({ limits: LIMITS, tokens })
    for (let call = 0; call < 10; call += 1) {
      const reply = await get('/connection-test', call % 2 === 0 ? 'one' : 'two')
      expect([reply.status, reply.headers.get('minute-limit-remaining')]).toEqual([200, String(10 - call)])
      clock.advance(1000)
    }
    const refused = await get('/connection-test', 'two')
    expect([refused.status, refused.headers.get('minute-limit-remaining')]).toEqual([429, '0'])
    expect(refused.text).toBe('{"errors":"Too Many Requests"}')
    expect(sandbox.peaks()).toEqual({ concurrent: 1, minute: 11, hour: 11, count429: 1 })
    expect(sandbox.violations()).toMatchObject([{ limit: 'minute', count: 11, at: clock.now() }])
    clock.advance(50_000)
    expect((await get('/connection-test')).status).toBe(429)
    clock.advance(1)
    expect((await get('/connection-test')).status).toBe(200)
    expect((await get('/connection-test')).status).toBe(429)
  })

  it('the hour holds although every minute has room', async () => {
    const { get, clock, sandbox } = await start({ limits: LIMITS, switches: { hourHeader: 'falling' } })
    const statuses: number[] = []
    const remaining: (string | null)[] = []
    for (let call = 0; call < 26; call += 1) {
      const reply = await get('/connection-test')
      statuses.push(reply.status)
      remaining.push(reply.headers.get('hour-limit-remaining'))
      clock.advance(10_000)
    }
    expect(statuses).toEqual([...Array.from({ length: 25 }, () => 200), 429])
    expect(remaining).toEqual(Array.from({ length: 26 }, (_, at) => String(25 - at)))
    expect(sandbox.violations()).toMatchObject([{ limit: 'hour', count: 26 }])
  })

  it('a faster clock shortens the windows', async () => {
    const clock = createSimulatedClock(toInstant(Date.parse('2026-10-12T20:00:00Z')), 6000)
    const sandbox = await startSandbox({ clock, seed: 1, scenario: SMALL_SHOP, limits: { ...LIMITS, minute: 1 } })
    const get = () => fetch(`${sandbox.url}/connection-test`, { headers: { 'api-token': sandbox.token } })
    // 60 s of that clock are 10 ms.
    const statuses: number[] = []
    for (let call = 0; call < 5; call += 1) {
      statuses.push((await get()).status)
      await clock.sleep(90_000)
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200])
    await sandbox.close()
  })
})

describe('calls in progress', () => {
  it('one more than allowed is refused at once', async () => {
    const { get, sandbox } = await start({ limits: LIMITS, serviceTimeMs: 80 })
    const statuses = (await Promise.all(Array.from({ length: 4 }, () => get('/connection-test')))).map(
      ({ status }) => status,
    )
    expect(statuses.sort()).toEqual([200, 200, 200, 429])
    expect(sandbox.peaks()).toMatchObject({ concurrent: 4, count429: 1 })
  })

  it('a client that keeps to the limit is never refused, however fast it calls', async () => {
    const { get, sandbox } = await start({
      limits: { ...LIMITS, minute: 1000, hour: 1000 },
      serviceTimeMs: { min: 1, max: 4 },
    })
    const worker = async () => {
      for (let call = 0; call < 60; call += 1) expect((await get('/card-batches')).status).toBe(200)
    }
    await Promise.all([worker(), worker(), worker()])
    expect(sandbox.peaks()).toMatchObject({ concurrent: 3, count429: 0 })
  })

  it('a call whose client went away stays in progress until its work is done', async () => {
    const { get, sandbox } = await start({ limits: { ...LIMITS, concurrent: 1 }, serviceTimeMs: 300 })
    const controller = new AbortController()
    const left = fetch(`${sandbox.url}/connection-test`, {
      headers: { 'api-token': sandbox.token },
      signal: controller.signal,
    }).catch(() => 'aborted')
    await expect.poll(() => sandbox.calls().length).toBe(1)
    controller.abort()
    expect(await left).toBe('aborted')
    expect((await get('/connection-test')).status).toBe(429)
    await expect.poll(() => sandbox.calls()[0]?.answeredAt).not.toBeNull()
    expect((await get('/connection-test')).status).toBe(200)
  })
})

it('strangers fill the same windows, and are not in the peaks', async () => {
  const { get, sandbox } = await start({ limits: LIMITS })
  expect(sandbox.foreign.use(8)).toBe(8)
  expect((await get('/connection-test')).headers.get('minute-limit-remaining')).toBe('2')
  expect(sandbox.foreign.use(8)).toBe(1)
  expect((await get('/connection-test')).status).toBe(429)
  expect(sandbox.peaks()).toMatchObject({ minute: 2, count429: 1 })
})

it('calls are recorded as the server saw them', async () => {
  const { get, clock, sandbox } = await start({ tokens })
  await get('/card-batches/?collect-stats=true', 'two')
  const at = clock.now()
  expect(sandbox.calls()).toEqual([
    {
      number: 1,
      method: 'GET',
      path: '/card-batches',
      query: { 'collect-stats': 'true' },
      arrivedAt: at,
      answeredAt: at,
      status: 200,
      tokenName: 'two',
      idempotencyKey: null,
    },
  ])
})
