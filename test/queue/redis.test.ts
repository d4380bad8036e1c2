import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { openRedisStore } from '../../src/jobs/queue/redis-store.ts'
import { isLong } from '../support/long.ts'
import { createEffects } from './effects.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { createGate, defineTestJob, openTestQueue, until } from './support.ts'

const freezeMs = isLong ? 40_000 : 12_000
const asKey = (value: unknown): { key: string } => {
  if (typeof value !== 'object' || value === null || !('key' in value)) throw new Error('no key')
  return { key: String(value.key) }
}
const deaths: string[] = []
const onDead = (reason: string) => void deaths.push(reason)

describe.skipIf(inject('redisUrl') === null)('Redis alone', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedisServer()
  })
  afterAll(() => redis.stop())

  test(`frozen for ${freezeMs} ms: jobs may run twice, side effects happen once, nothing is lost`, async () => {
    const effects = await createEffects()
    onTestFinished(() => effects.drop())
    const name = `frozen-${randomBytes(4).toString('hex')}`
    const gate = createGate()
    let countHeld = 0
    const job = defineTestJob({
      name: 'key',
      decodePayload: asKey,
      async run({ key }) {
        // The first five are caught by the freeze in the middle of their work.
        if (countHeld < 5) {
          countHeld++
          await gate.opened
        }
        await effects.write(key)
      },
    })
    const open = () => openTestQueue({ kind: 'redis', url: redis.url }, [job], { name })
    const [one, two] = [await open(), await open()]
    onTestFinished(() => Promise.all([one, two].map((queue) => queue.close({ deadlineMs: 2_000 }))).then(() => {}))
    for (let key = 0; key < 20; key++) await one.enqueue(job, { key: `k${key}` }, { callClass: 'fresh' })
    one.startWorker({ onDead })
    await until(() => countHeld === 5)
    redis.signal('SIGSTOP')
    two.startWorker({ onDead })
    await sleep(freezeMs)
    redis.signal('SIGCONT')
    const backMs = await until(async () => (await effects.countEffects()) >= 15)
    // The second worker has taken what the first still works on.
    await until(async () => (await effects.countTries()) === 20, 30_000)
    gate.open()
    await until(async () => (await effects.countTries()) === 25, 30_000)
    expect(await effects.countEffects()).toBe(20)
    await until(async () => (await one.counts()).active === 0)
    expect(await one.counts()).toEqual({ waiting: 0, delayed: 0, active: 0, failed: 0 })
    expect(deaths).toEqual([])
    console.info(`redis frozen ${freezeMs} ms: working again after ${Math.round(backMs)} ms; 5 jobs ran twice`)
  })

  test('flushed: what was queued is gone, yet the workers work on', async () => {
    const gate = createGate()
    const seen: string[] = []
    const job = defineTestJob({
      name: 'key',
      decodePayload: asKey,
      async run({ key }) {
        seen.push(key)
        if (key === 'held') await gate.opened
      },
    })
    const queue = await openTestQueue({ kind: 'redis', url: redis.url }, [job], { concurrency: 2 })
    onTestFinished(() => queue.close({ deadlineMs: 2_000 }))
    await queue.enqueue(job, { key: 'held' }, { callClass: 'fresh', jobId: 'held' })
    queue.startWorker({ onDead })
    await until(() => seen.length === 1)
    await queue.enqueue(job, { key: 'lost' }, { callClass: 'fresh', delayMs: 300 })
    await redis.command('FLUSHALL')
    gate.open()
    await queue.enqueue(job, { key: 'held' }, { callClass: 'fresh', jobId: 'held' })
    await queue.enqueue(job, { key: 'after' }, { callClass: 'fresh' })
    await until(() => seen.length === 3)
    expect(seen).toEqual(['held', 'held', 'after'])
    await sleep(400)
    expect(seen).not.toContain('lost')
  })
})

describe.skipIf(inject('redisUrl') === null)('kinds of Redis', () => {
  const refusal = (url: string): Promise<unknown> =>
    openRedisStore(url).then(
      () => 'accepted',
      (error: unknown) => error,
    )

  test('one that is too old is refused in one sentence', async () => {
    const info = 'redis_version:6.0.16\r\nmaxmemory_policy:noeviction\r\n'
    const answer = (word: string) => (/\binfo\b/i.test(word) ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n')
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (data) => {
        const words = data.toString().match(/\*\d+\r\n(?:\$\d+\r\n[^\r\n]*\r\n)+/g) ?? []
        for (const word of words) socket.write(answer(word))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    expect(String(await refusal(`redis://127.0.0.1:${port}`))).toMatch(/is version 6\.0\.16: 6\.2 or later is needed/)
  })

  test('a Cluster holds the queue as well', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tieout-test-cluster-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const redis = await startRedisServer([
      ...['--cluster-enabled', 'yes'],
      ...['--cluster-announce-ip', '127.0.0.1'],
      ...['--dir', folder],
    ])
    onTestFinished(() => redis.stop())
    await redis.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await until(async () => String(await redis.command('CLUSTER', 'INFO')).includes('cluster_state:ok'))
    const seen: string[] = []
    const job = defineTestJob({ name: 'key', decodePayload: asKey, run: async ({ key }) => void seen.push(key) })
    const queue = await openTestQueue({ kind: 'redis', url: redis.url }, [job])
    onTestFinished(() => queue.close({ deadlineMs: 2_000 }))
    queue.startWorker({ onDead })
    for (const key of ['a', 'b', 'c']) await queue.enqueue(job, { key }, { callClass: 'fresh' })
    await until(() => seen.length === 3)
  })
})
