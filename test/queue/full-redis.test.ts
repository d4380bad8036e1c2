import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { OperatingError } from '../../src/domain/operating-error.ts'
import type { JobQueue } from '../../src/jobs/queue/queue.ts'
import { runCli, startCli } from '../kills/cli-process.ts'
import { countUnfinished, outcomeOf } from '../kills/database.ts'
import { openShop, readableTotals } from '../kills/shop.ts'
import { createTestDatabase } from '../support/database.ts'
import { createEffects } from './effects.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import { createTestLog, defineTestJob, openTestQueue, type TestContext, until } from './support.ts'

const MEMORY_MAX = 16_000_000
const BACK_MS_MAX = 5_000

const asKey = (value: unknown): string => String(value)

/** A real Redis with little memory, which can be filled to beyond it and freed again. */
async function startSmallRedis(): Promise<RedisServer & { fill(): Promise<void>; free(): Promise<unknown> }> {
  const redis = await startRedisServer(['--maxmemory', String(MEMORY_MAX)])
  onTestFinished(() => redis.stop())
  return {
    ...redis,
    async fill() {
      // Memory is looked at before a command: this one still fits, and nothing does after it.
      await redis.command('SETRANGE', 'filler', String(2 * MEMORY_MAX), 'x')
      await expect(redis.command('SET', 'any', 'thing')).rejects.toThrow(/^OOM/)
    },
    free: () => redis.command('DEL', 'filler'),
  }
}

async function enqueueForSure(queue: JobQueue<TestContext>, enqueue: () => Promise<void>): Promise<number> {
  for (let countRefused = 0; ; countRefused++) {
    try {
      await enqueue()
      return countRefused
    } catch (error) {
      if (!(error instanceof OperatingError) || countRefused > 200) throw error
      expect(error.message).toMatch(/^The queue did not take or tell anything: .*OOM/)
      expect(queue.health().isWorking).toBe(true)
      await sleep(200)
    }
  }
}

describe.skipIf(inject('redisUrl') === null)('fault 8: a Redis', () => {
  test('that is full refuses jobs, and that is told to evict goes on: each is said once, nothing is lost, and it works again within 5 s', async () => {
    const redis = await startSmallRedis()
    const effects = await createEffects()
    onTestFinished(() => effects.drop())
    const { log, named } = createTestLog()
    const deaths: string[] = []
    const done = new Set<string>()
    const follow = defineTestJob({
      name: 'follow',
      decodePayload: asKey,
      async run(key) {
        await effects.write(`follow ${key}`)
        done.add(`follow ${key}`)
      },
    })
    const lead = defineTestJob({
      name: 'lead',
      decodePayload: asKey,
      async run(key) {
        await sleep(100)
        await effects.write(`lead ${key}`)
        done.add(`lead ${key}`)
        // As a page asks for the next one: refused, the job fails and is tried again.
        await queue.enqueue(follow, key, { callClass: 'fresh', jobId: `follow-${key}` })
      },
    })
    const queue = await openTestQueue({ kind: 'redis', url: redis.url }, [lead, follow], { log })
    onTestFinished(() => queue.close({ deadlineMs: 2_000 }))
    const keys = Array.from({ length: 60 }, (_, index) => `k${index}`)
    const ask = (key: string) => queue.enqueue(lead, key, { callClass: 'backfill', jobId: `lead-${key}` })
    queue.startWorker({ onDead: (reason) => void deaths.push(reason), deadAfterMs: 2_000 })
    for (const key of keys.slice(0, 40)) await ask(key)
    await until(() => done.size >= 10)

    await redis.fill()
    const asked = Promise.all(keys.slice(40).map((key) => enqueueForSure(queue, () => ask(key))))
    // Longer than a worker may be silent: that it hears of no job is not its fault.
    await until(() => named('queue.store_filled').length > 0)
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru')
    await until(() => named('queue.store_endangered').length > 0)
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await sleep(4_000)
    expect(queue.health().isStoreReachable).toBe(false)
    const countBefore = done.size
    await redis.free()
    const backMs = await until(() => done.size > countBefore)
    expect(backMs).toBeLessThan(BACK_MS_MAX)
    // The control: it was full while there was something to be put into it.
    const refusals = await asked
    expect(Math.min(...refusals)).toBeGreaterThan(10)

    await until(() => done.size === 2 * keys.length, 40_000)
    await until(async () => (await queue.counts()).active === 0, 40_000)
    expect(await queue.counts()).toMatchObject({ failed: 0, waiting: 0, delayed: 0 })
    expect(await effects.countEffects()).toBe(2 * keys.length)
    expect(deaths).toEqual([])
    await until(() => named('queue.store_emptied').length === 1)
    expect(named('queue.store_endangered').map(({ level, reason }) => [level, reason])).toEqual([
      [50, expect.stringMatching(/ has maxmemory-policy volatile-lru and may throw jobs away: /)],
    ])
    expect(named('queue.store_secured')).toHaveLength(1)
    expect(named('queue.store_filled').map(({ level, reason }) => [level, reason])).toEqual([
      [50, expect.stringMatching(/^Redis at 127\.0\.0\.1:\d+ is full \(\d+ bytes in use, maxmemory 16000000\) /)],
    ])
    // Each kind of error at most once in its interval, which is longer than this test.
    const told = named('queue.store_failed').map(({ err }) => String((err as { message: string }).message))
    expect(new Set(told.map((text) => text.replace(/[0-9a-f]{40}|\d+/g, '#'))).size).toBe(told.length)
    console.info(
      `redis full 4 s and more: jobs lost 0 of ${2 * keys.length}, effects doubled 0, ${refusals.reduce((a, b) => a + b)} ` +
        `enqueues refused, told ${named('queue.store_filled').length} time, working again ${Math.round(backMs)} ms after`,
    )
  })

  test('with a policy that evicts is refused at the start, in one line that names the setting', async () => {
    const redis = await startSmallRedis()
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    const database = await createTestDatabase()
    onTestFinished(() => database.drop())
    const env = {
      HELCIM_API_TOKEN: 'any',
      HELCIM_BASE_URL: 'http://127.0.0.1:1/v2',
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      HTTP_PORT: 'off',
    }
    const end = await runCli(['start'], { env })
    expect(end).toMatchObject({ code: 2, stdout: '' })
    expect(end.stderr).toMatch(
      /^Redis at 127\.0\.0\.1:\d+ has maxmemory-policy allkeys-lru and may throw jobs away: set "maxmemory-policy noeviction" .*\n$/,
    )
  })

  test('that is full when a daemon starts, and told to evict while it runs: the daemon says both, and all is read', async () => {
    const redis = await startSmallRedis()
    const database = await createTestDatabase()
    const { sandbox, env } = await openShop({
      seed: 8,
      historyDays: 6,
      salesPerDay: 10,
      pageSizeMax: 10,
      serviceTimeMs: 20,
    })
    await redis.fill()
    const daemon = startCli(['start'], { env: { ...env, DATABASE_URL: database.url, REDIS_URL: redis.url } })
    onTestFinished(async () => {
      daemon.kill('SIGKILL')
      await daemon.ended
      await sandbox.close()
      await database.drop()
    })
    const events = () => daemon.stdout().split('\n')
    const countOf = (event: string) => events().filter((line) => line.includes(`"msg":"${event}"`)).length
    await until(() => countOf('daemon.started') === 1, 30_000)
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru')
    const isToldAll = (events: string[]) => () => events.every((event) => countOf(event) === 1)
    await until(isToldAll(['queue.store_filled', 'queue.store_endangered']), 30_000)
    expect(daemon.child.exitCode).toBe(null)
    const countBefore = sandbox.calls().length
    expect(await countUnfinished(database)).toBeGreaterThan(0)

    await redis.free()
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    const backMs = await until(() => sandbox.calls().length > countBefore, 30_000)
    expect(backMs).toBeLessThan(BACK_MS_MAX)
    await until(async () => (await countUnfinished(database)) === 0, 40_000)
    daemon.kill('SIGTERM')
    expect(await daemon.ended).toMatchObject({ code: 0 })
    expect([countOf('queue.store_filled'), countOf('queue.store_endangered')]).toEqual([1, 1])
    const { totals } = await outcomeOf(database)
    expect(totals).toMatchObject(readableTotals(sandbox))
    console.info(`daemon on a full redis: calling again ${Math.round(backMs)} ms after it was freed, rows lost 0`)
  })
})
