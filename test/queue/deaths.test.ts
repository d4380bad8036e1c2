import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { UsageError } from '../../src/domain/operating-error.ts'
import { openStore, SOUND_STORE, type StoreSettings } from '../../src/jobs/queue/store.ts'
import { startWatchdog } from '../../src/jobs/queue/watchdog.ts'
import { createEffects } from './effects.ts'
import { startRedisServer } from './redis-server.ts'
import {
  createTestStore,
  defineTestJob,
  failWhenDead,
  openTestQueue,
  STORE_KINDS,
  type TestStore,
  until,
} from './support.ts'

const redisUrl = inject('redisUrl')

describe.concurrent.each(STORE_KINDS)('workers on %s', (kind) => {
  let store: TestStore
  let effects: Awaited<ReturnType<typeof createEffects>>
  beforeAll(async () => {
    store = await createTestStore(kind)
    effects = await createEffects()
  })
  afterAll(async () => {
    await effects.drop()
    await store.drop()
  })

  test('killed with -9: its jobs run again elsewhere within 15 s, each takes effect once, none fails', async ({
    onTestFinished,
  }) => {
    const name = `killed-${randomBytes(4).toString('hex')}`
    const begun: { worker: string; key: string; at: number }[] = []
    const startWorker = (worker: string, workMs: number) => {
      const child = spawnWorker({ store: store.settings, name, effectsUrl: effects.url, workMs })
      onTestFinished(() => void child.kill('SIGKILL'))
      if (child.stdout === null) throw new Error('the worker tells nothing')
      createInterface({ input: child.stdout }).on('line', (key) => begun.push({ worker, key, at: performance.now() }))
      return child
    }
    const key = defineTestJob({ name: 'key', decodePayload: () => undefined, run: async () => {} })
    const queue = await openTestQueue(store.settings, [key], { name })
    onTestFinished(() => queue.close({ deadlineMs: 1_000 }))
    for (let job = 0; job < 20; job++) await queue.enqueue(key, { key: `k${job}` }, { callClass: 'fresh' })

    const killed = startWorker('killed', 60_000)
    await until(() => begun.length === 5)
    startWorker('survivor', 50)
    await until(async () => (await effects.countEffects()) === 15)
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    const killedAt = performance.now()
    await until(async () => (await effects.countEffects()) === 20, 30_000)
    await until(async () => (await queue.counts()).active === 0)

    const interrupted = begun.filter(({ worker }) => worker === 'killed').map((line) => line.key)
    const again = begun.filter(({ worker, key }) => worker === 'survivor' && interrupted.includes(key))
    expect(again.map((line) => line.key).sort()).toEqual(interrupted.sort())
    const recoveryMs = Math.max(...again.map(({ at }) => at - killedAt))
    expect(recoveryMs).toBeLessThan(15_000)
    expect(await queue.counts()).toEqual({ waiting: 0, delayed: 0, active: 0, failed: 0 })
    expect(await effects.countTries()).toBe(20)
    console.info(`${kind} killed: 5 jobs began again elsewhere after at most ${Math.round(recoveryMs)} ms`)
  })

  test('an idle worker proves its life by its canary, three replicas beside each other as well', async ({
    onTestFinished,
  }) => {
    const name = `idle-${randomBytes(4).toString('hex')}`
    const deaths: string[] = []
    const replicas = await Promise.all([1, 2, 3].map(() => openTestQueue(store.settings, [], { name })))
    onTestFinished(async () => void (await Promise.all(replicas.map((queue) => queue.close({ deadlineMs: 1_000 })))))
    for (const queue of replicas) {
      queue.startWorker({ onDead: (reason) => deaths.push(reason), deadAfterMs: 6_000 })
    }
    await sleep(9_000)
    expect(deaths).toEqual([])
    // Without a canary nobody would have heard of anything for nine seconds.
    for (const queue of replicas) expect(queue.health().silenceMs).toBeLessThan(6_000)
  })
})

describe('the watchdog', () => {
  const watch = (overrides: Partial<Parameters<typeof startWatchdog>[0]>) => {
    const deaths: string[] = []
    const watchdog = startWatchdog({
      probe: async () => SOUND_STORE,
      onState: () => {},
      sendCanary: async () => {},
      isBusy: () => false,
      onDead: (reason) => deaths.push(reason),
      deadAfterMs: 300,
      intervalMs: 50,
      ...overrides,
    })
    onTestFinished(() => watchdog.stop())
    return { watchdog, deaths }
  }

  test('calls a worker dead, once, when canaries do not arrive although the store answers', async () => {
    let countCanaries = 0
    const { deaths } = watch({ sendCanary: async () => void countCanaries++ })
    await until(() => deaths.length > 0, 5_000)
    await sleep(200)
    expect(deaths).toHaveLength(1)
    expect(deaths[0]).toContain('although its store answers')
    expect(countCanaries).toBeGreaterThan(0)
  })

  test.each([
    ['the store is away', { probe: () => Promise.reject(new Error('away')) }],
    ['the store is full', { probe: async () => ({ refusal: 'full', danger: null }) }],
    ['every place of the worker is taken', { isBusy: () => true }],
  ])('calls no worker dead while %s', async (_title, overrides) => {
    const { watchdog, deaths } = watch(overrides)
    await sleep(700)
    expect(deaths).toEqual([])
    watchdog.stop()
  })
})

describe.skipIf(redisUrl === null)('a Redis that would lose jobs', () => {
  const settings: StoreSettings = { kind: 'redis', url: redisUrl ?? '' }

  test('is refused while it may evict, with the words that help, and accepted afterwards', async () => {
    const own = await startRedisServer()
    onTestFinished(own.stop)
    const client = new Redis(own.url)
    onTestFinished(() => client.disconnect())
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
    const refusal = openStore({ kind: 'redis', url: own.url }, 5)
    await expect(refusal).rejects.toThrow(/maxmemory-policy allkeys-lru.*noeviction/)
    await expect(refusal).rejects.toBeInstanceOf(UsageError)
    await client.config('SET', 'maxmemory-policy', 'noeviction')
    await (await openStore({ kind: 'redis', url: own.url }, 5)).close()
  })

  test('is one clear line when it cannot be reached, without its password', async () => {
    const url = new URL(settings.url)
    url.port = '1'
    url.password = 'secret-word'
    const refusal = openStore({ kind: 'redis', url: url.href }, 5)
    await expect(refusal).rejects.toThrow(/^Redis at 127\.0\.0\.1:1 cannot be reached .*REDIS_URL[^\n]*$/)
    await expect(refusal).rejects.not.toThrow('secret-word')
  })

  test('is full: whoever enqueues is told to try again, what it holds is kept, and it goes on afterwards', async () => {
    const own = await startRedisServer()
    onTestFinished(own.stop)
    const seen: unknown[] = []
    const page = defineTestJob({
      name: 'page',
      decodePayload: (value) => value,
      run: async (value) => void seen.push(value),
    })
    const queue = await openTestQueue({ kind: 'redis', url: own.url }, [page])
    onTestFinished(() => queue.close({ deadlineMs: 1_000 }))
    await queue.enqueue(page, 1, { callClass: 'fresh' })
    const client = new Redis(own.url)
    onTestFinished(() => client.disconnect())
    await client.config('SET', 'maxmemory', '1mb')
    await expect(queue.enqueue(page, 2, { callClass: 'fresh' })).rejects.toMatchObject({
      code: 'QUEUE_UNREACHABLE',
      retry: { kind: 'backoff' },
    })
    await client.config('SET', 'maxmemory', '0')
    await queue.enqueue(page, 3, { callClass: 'fresh' })
    queue.startWorker(failWhenDead)
    await until(() => seen.length === 2)
    expect(seen).toEqual([1, 3])
  })
})

function spawnWorker(settings: { store: StoreSettings; name: string; effectsUrl: string; workMs: number }) {
  const script = fileURLToPath(new URL('worker-process.ts', import.meta.url))
  return spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script, JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}
