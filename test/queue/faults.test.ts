import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OperatingError } from '../../src/domain/operating-error.ts'
import type { JobQueue } from '../../src/jobs/queue/queue.ts'
import { administer } from '../support/database.ts'
import { isLong } from '../support/long.ts'
import { createEffects } from './effects.ts'
import { startProxy } from './proxy.ts'
import { startRedisServer } from './redis-server.ts'
import {
  createGate,
  createTestLog,
  createTestStore,
  defineTestJob,
  openTestQueue,
  STORE_KINDS,
  type TestContext,
  type TestStore,
  until,
} from './support.ts'

const asKey = (value: unknown): { key: string } => {
  if (typeof value !== 'object' || value === null || !('key' in value)) throw new Error('no key')
  return { key: String(value.key) }
}

// Mostly waiting: both stores at the same time, each through its faults one by one.
describe.concurrent.each(STORE_KINDS)('faults of %s', (kind) => {
  let store: TestStore
  let effects: Awaited<ReturnType<typeof createEffects>>
  beforeAll(async () => {
    store = kind === 'redis' ? await createRedisStore() : await createTestStore(kind)
    effects = await createEffects()
  })
  afterAll(async () => {
    await effects.drop()
    await store.drop()
  })

  const deaths: string[] = []
  const onDead = (reason: string) => void deaths.push(reason)

  /** Retries an enqueue as a job would that is itself retried; its id makes that harmless. */
  async function enqueueForSure(queue: JobQueue<TestContext>, job: ReturnType<typeof defineKeyJob>, key: string) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await queue.enqueue(job, { key }, { callClass: 'fresh', jobId: `job-${key}` })
      } catch (error) {
        if (!(error instanceof OperatingError) || attempt === 5_000) throw error
        expect(error.code).toBe('QUEUE_UNREACHABLE')
        await sleep(200)
      }
    }
  }

  const defineKeyJob = (run: (key: string, context: TestContext) => Promise<void>) =>
    defineTestJob({ name: 'key', decodePayload: asKey, run: ({ key }, context) => run(key, context) })

  const awayMs = [8_000, ...(isLong ? [60_000, 600_000] : [])]
  test.for(awayMs)(
    'away for %d ms: working again within 5 s of its return, no job lost, none failed',
    { concurrent: false, timeout: 700_000 },
    async (durationMs, { onTestFinished }) => {
      const proxy = await startProxy(store.settings.url)
      onTestFinished(() => proxy.close())
      const { log, named } = createTestLog()
      const done = new Set<string>()
      const doneAfter: string[] = []
      let isBack = false
      const job = defineKeyJob(async (key) => {
        await sleep(50)
        done.add(key)
        if (isBack) doneAfter.push(key)
      })
      const queue = await openTestQueue({ ...store.settings, url: proxy.url }, [job], { log })
      onTestFinished(() => queue.close({ deadlineMs: 2_000 }))
      queue.startWorker({ onDead })
      const keys = Array.from({ length: 60 }, () => randomBytes(6).toString('hex'))
      for (const key of keys.slice(0, 40)) await enqueueForSure(queue, job, key)
      await until(() => done.size > 5)

      await proxy.cut()
      const enqueued = Promise.all(keys.slice(40).map((key) => enqueueForSure(queue, job, key)))
      await sleep(durationMs)
      await proxy.restore()
      isBack = true
      const backMs = await until(() => doneAfter.length > 0)
      expect(backMs).toBeLessThan(5_000)
      await enqueued
      await until(() => done.size === keys.length, 30_000)
      expect([...done].sort()).toEqual([...keys].sort())
      await until(async () => (await queue.counts()).active === 0, 30_000)
      expect((await queue.counts()).failed).toBe(0)
      expect(deaths).toEqual([])
      expect(named('queue.store_failed').length).toBeLessThan(30)
      console.info(`${kind} away ${durationMs} ms: working again ${Math.round(backMs)} ms after its return`)
    },
  )

  test.sequential('silent towards one worker beyond the lock: the job runs twice, its side effect happens once', async ({
    onTestFinished,
  }) => {
    const proxy = await startProxy(store.settings.url)
    onTestFinished(() => proxy.close())
    const name = `silent-${randomBytes(4).toString('hex')}`
    const gate = createGate()
    const runs: string[] = []
    const define = (worker: string) =>
      defineKeyJob(async (key) => {
        runs.push(worker)
        if (worker === 'silenced') await gate.opened
        await effects.write(key)
      })
    const silencedJob = define('silenced')
    const silenced = await openTestQueue({ ...store.settings, url: proxy.url }, [silencedJob], { name })
    onTestFinished(() => silenced.close({ deadlineMs: 1_000 }))
    silenced.startWorker({ onDead })
    const countEffects = await effects.countEffects()
    const countTries = await effects.countTries()
    await enqueueForSure(silenced, silencedJob, randomBytes(6).toString('hex'))
    await until(() => runs.length === 1)
    const other = await openTestQueue(store.settings, [define('other')], { name })
    onTestFinished(() => other.close({ deadlineMs: 1_000 }))
    other.startWorker({ onDead })

    proxy.stall()
    const takenOverMs = await until(() => runs.length === 2, 30_000)
    expect(takenOverMs).toBeLessThan(15_000)
    proxy.flow()
    gate.open()
    await until(async () => (await effects.countTries()) - countTries === 2)
    expect(runs).toEqual(['silenced', 'other'])
    expect((await effects.countEffects()) - countEffects).toBe(1)
    await until(async () => (await other.counts()).active === 0)
    expect((await other.counts()).failed).toBe(0)
    console.info(`${kind} silent: the job ran elsewhere after ${Math.round(takenOverMs)} ms`)
  })

  test.sequential('connections terminated again and again under load: each job takes effect once, none fails', async ({
    onTestFinished,
  }) => {
    const { log, named } = createTestLog()
    const job = defineKeyJob(async (key) => {
      await sleep(20)
      await effects.write(key)
    })
    const queue = await openTestQueue(store.settings, [job], { log })
    onTestFinished(() => queue.close({ deadlineMs: 2_000 }))
    queue.startWorker({ onDead })
    const countEffects = await effects.countEffects()
    const keys = Array.from({ length: 150 }, () => randomBytes(6).toString('hex'))
    const enqueued = (async () => {
      for (const key of keys) await enqueueForSure(queue, job, key)
    })()
    for (let round = 0; round < 5; round++) {
      await sleep(300)
      await terminateConnections(store)
    }
    await enqueued
    await until(async () => (await effects.countEffects()) - countEffects === keys.length, 40_000)
    // A connection that was cut last may only be noticed by whoever asks next.
    const isQuiet = () => queue.counts().then(({ active }) => active === 0, isUnreachable)
    await until(isQuiet, 30_000)
    expect(await queue.counts()).toEqual({ waiting: 0, delayed: 0, active: 0, failed: 0 })
    expect(named('job.crashed')).toEqual([])
  })
})

/** Other test files must not lose their connections to the run's Redis because ours are cut. */
async function createRedisStore(): Promise<TestStore> {
  const { url, stop } = await startRedisServer()
  return { settings: { kind: 'redis', url }, drop: stop }
}

function isUnreachable(error: unknown): false {
  expect(error).toMatchObject({ code: 'QUEUE_UNREACHABLE' })
  return false
}

/** Cuts every connection to the store from inside it. */
async function terminateConnections({ settings }: TestStore): Promise<void> {
  if (settings.kind === 'postgres') {
    const database = new URL(settings.url).pathname.slice(1)
    await administer(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`)
    return
  }
  const client = new Redis(settings.url)
  await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  client.disconnect()
}
