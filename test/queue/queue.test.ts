import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { CALL_CLASSES, type CallClass } from '../../src/domain/budget-class.ts'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { OperatingError, type Retry } from '../../src/domain/operating-error.ts'
import type { Lane } from '../../src/jobs/define-job.ts'
import { migrateQueue } from '../../src/jobs/queue/postgres-store.ts'
import { backoffMs } from '../../src/jobs/queue/settings.ts'
import { createEmptyDatabase } from '../support/database.ts'
import {
  createGate,
  createTestLog,
  createTestStore,
  defineTestJob,
  failWhenDead,
  openTestQueue,
  STORE_KINDS,
  type TestContext,
  type TestStore,
  until,
} from './support.ts'

interface Page {
  readonly pullId: bigint
  readonly page: number
}

const asPage = (value: unknown): Page => {
  if (typeof value !== 'object' || value === null || !('pullId' in value) || !('page' in value)) {
    throw new Error('not a page')
  }
  return { pullId: BigInt(String(value.pullId)), page: Number(value.page) }
}

describe.each(STORE_KINDS)('the queue on %s', (kind) => {
  let store: TestStore
  beforeAll(async () => {
    store = await createTestStore(kind)
  })
  afterAll(() => store.drop())

  type RunPage = (payload: Page, context: TestContext) => Promise<void>

  /** A queue with one job `page`, worked off at once unless told otherwise. */
  async function openPages(
    run: RunPage,
    overrides: Parameters<typeof openTestQueue>[2] & {
      attemptsMax?: number
      lanes?: (payload: Page) => readonly Lane[]
    } = {},
  ) {
    const { attemptsMax, lanes, ...settings } = overrides
    const page = defineTestJob({
      name: 'page',
      decodePayload: asPage,
      run,
      ...(attemptsMax !== undefined && { attemptsMax }),
      ...(lanes && { lanes }),
    })
    const queue = await openTestQueue(store.settings, [page], settings)
    onTestFinished(() => queue.close({ deadlineMs: 2_000 }))
    const enqueue = (number: number, options: Partial<Parameters<typeof queue.enqueue>[2]> = {}) =>
      queue.enqueue(page, { pullId: 2n ** 60n, page: number }, { callClass: 'fresh', ...options })
    return { queue, page, enqueue, start: () => queue.startWorker(failWhenDead) }
  }

  test('a payload arrives as it was sent, ids beyond 2^53 included', async () => {
    const seen: unknown[] = []
    const { enqueue, start } = await openPages(async (payload) => void seen.push(payload))
    await enqueue(7)
    start()
    await until(() => seen.length === 1)
    expect(seen).toEqual([{ pullId: 2n ** 60n, page: 7 }])
  })

  test('an id asked for twice runs once, also after it ran; a forgotten id runs again', async () => {
    const seen: number[] = []
    const { queue, enqueue, start } = await openPages(async ({ page }) => void seen.push(page))
    await enqueue(1, { jobId: 'once' })
    await enqueue(2, { jobId: 'once' })
    await enqueue(3, { jobId: 'again', isForgotten: true })
    await enqueue(4, { jobId: 'again', isForgotten: true })
    start()
    await until(() => seen.length === 2)
    await until(async () => (await queue.counts()).active === 0)
    await enqueue(5, { jobId: 'once' })
    await enqueue(6, { jobId: 'again', isForgotten: true })
    await until(() => seen.includes(6))
    expect(seen).toEqual([1, 3, 6])
  })

  test('urgent classes are served first, equals in their order', async () => {
    const gate = createGate()
    const seen: number[] = []
    const { enqueue, start } = await openPages(
      async ({ page }) => {
        if (page === 0) return gate.opened
        seen.push(page)
      },
      { concurrency: 1 },
    )
    await enqueue(0)
    start()
    const urgency: CallClass[] = [...CALL_CLASSES].reverse()
    for (const [index, callClass] of urgency.entries()) {
      await enqueue(10 * (4 - index), { callClass })
      await enqueue(10 * (4 - index) + 1, { callClass })
    }
    gate.open()
    await until(() => seen.length === 8)
    expect(seen).toEqual([10, 11, 20, 21, 30, 31, 40, 41])
  })

  test('delays and waits are measured on the injected clock', async () => {
    const clock = createSimulatedClock(toInstant(Date.parse('2026-10-01T06:00:00Z')), 600)
    const seen: { attempt: number; at: number }[] = []
    const { enqueue, start } = await openPages(
      async (_payload, { run }) => {
        seen.push({ attempt: run.attempt, at: clock.now() })
        if (seen.length < 3) throw operatingError({ kind: 'after', delayMs: 300_000 })
      },
      { clock },
    )
    start()
    const startedAt = clock.now()
    await enqueue(1, { delayMs: 600_000 })
    await until(() => seen.length === 3)
    const [first, second, third] = seen.map(({ at }) => at)
    expect(first).toBeGreaterThanOrEqual(startedAt + 600_000)
    expect(second).toBeGreaterThanOrEqual((first ?? 0) + 300_000)
    expect(third).toBeGreaterThanOrEqual((second ?? 0) + 300_000)
  })

  test('waiting spends no attempt, however often', async () => {
    const attempts: number[] = []
    const { enqueue, start } = await openPages(
      async (_payload, { run }) => {
        attempts.push(run.attempt)
        if (attempts.length < 6) throw operatingError({ kind: 'after', delayMs: 1 })
      },
      { attemptsMax: 2 },
    )
    start()
    await enqueue(1)
    await until(() => attempts.length === 6)
    expect(attempts).toEqual([1, 1, 1, 1, 1, 1])
  })

  test('what may be repeated is repeated with growing delays, and gives up after its last attempt', async () => {
    const { log, named } = createTestLog()
    const clock = createSimulatedClock(toInstant(0), 100)
    const runs: boolean[] = []
    const { queue, enqueue, start } = await openPages(
      async (_payload, { run }) => {
        runs.push(run.isLastAttempt)
        throw operatingError({ kind: 'backoff' })
      },
      { attemptsMax: 3, log, clock },
    )
    start()
    await enqueue(1)
    await until(async () => (await queue.counts()).failed === 1)
    expect(runs).toEqual([false, false, true])
    expect(named('job.failed_once')).toHaveLength(2)
    expect(named('job.gave_up')).toMatchObject([{ level: 50, code: 'TEST', attempt: 3, job: 'page' }])
  })

  test.each([
    ['a hopeless operating error', () => operatingError({ kind: 'never' }), 'job.stopped'],
    ['a programmer error', () => new TypeError('unbalanced'), 'job.crashed'],
    ['something thrown that is no error', () => 'text', 'job.crashed'],
  ])('%s fails at once and a person hears of it', async (_title, createError, message) => {
    const { log, named } = createTestLog()
    let countRuns = 0
    const { queue, enqueue, start } = await openPages(
      async () => {
        countRuns++
        throw createError()
      },
      { log },
    )
    start()
    await enqueue(1)
    await until(async () => (await queue.counts()).failed === 1)
    expect(countRuns).toBe(1)
    expect(named(message)).toMatchObject([{ level: 50 }])
  })

  test('a payload that cannot be read is refused by whoever enqueues, and fails at once if it got in', async () => {
    const { log, named } = createTestLog()
    const isStrict = { value: true }
    const job = defineTestJob({
      name: 'strict',
      decodePayload: (value: unknown) => (isStrict.value ? asPage(value) : { pullId: 0n, page: 0 }),
      run: async () => {},
    })
    const queue = await openTestQueue(store.settings, [job], { log })
    onTestFinished(() => queue.close({ deadlineMs: 2_000 }))
    const bad = { pullId: 1n, page: 1, toJSON: () => 'no page' }
    await expect(queue.enqueue(job, bad, { callClass: 'fresh' })).rejects.toThrow('not a page')
    isStrict.value = false
    await queue.enqueue(job, bad, { callClass: 'fresh' })
    isStrict.value = true
    queue.startWorker(failWhenDead)
    await until(async () => (await queue.counts()).failed === 1)
    expect(named('job.payload_refused')).toMatchObject([{ level: 50 }])
  })

  test('a job of a newer version waits for it instead of failing', async () => {
    const name = `rollout-${Math.random().toString(36).slice(2)}`
    const job = (jobName: string) => defineTestJob({ name: jobName, decodePayload: asPage, run: async () => {} })
    const [old, recent] = [job('old'), job('recent')]
    const { log, named } = createTestLog()
    const newer = await openTestQueue(store.settings, [old, recent], { name })
    const older = await openTestQueue(store.settings, [old], { name, log })
    onTestFinished(() => Promise.all([newer, older].map((queue) => queue.close({ deadlineMs: 2_000 }))).then(() => {}))
    older.startWorker(failWhenDead)
    await newer.enqueue(recent, { pullId: 1n, page: 1 }, { callClass: 'fresh' })
    await until(() => named('job.unknown_to_this_version').length === 1)
    await until(async () => (await newer.counts()).delayed === 1)
    expect(await newer.counts()).toMatchObject({ failed: 0, delayed: 1 })
  })

  test('a hanging lane holds no more than its share, and the others go on', async () => {
    const gate = createGate()
    let countHanging = 0
    let countHangingMax = 0
    const done: number[] = []
    const { enqueue, start } = await openPages(
      async ({ page }) => {
        if (page < 100) {
          countHangingMax = Math.max(countHangingMax, ++countHanging)
          await gate.opened
          countHanging--
        }
        done.push(page)
      },
      { lanes: ({ page }) => [{ key: page < 100 ? 'hanging' : 'sound', cap: 3 }], concurrency: 5 },
    )
    for (let page = 0; page < 30; page++) await enqueue(page)
    for (let page = 100; page < 130; page++) await enqueue(page)
    start()
    await until(() => done.length === 30)
    expect(done.every((page) => page >= 100)).toBe(true)
    expect(countHangingMax).toBe(3)
    gate.open()
    await until(() => done.length === 60, 30_000)
    expect(new Set(done).size).toBe(60)
    expect(countHangingMax).toBe(3)
  })

  describe('closing', () => {
    test('lets running jobs end and begins no other', async () => {
      const gate = createGate()
      const ended: number[] = []
      const started: number[] = []
      const { queue, enqueue, start } = await openPages(
        async ({ page }) => {
          started.push(page)
          await gate.opened
          ended.push(page)
        },
        { concurrency: 2 },
      )
      for (let page = 0; page < 6; page++) await enqueue(page)
      start()
      await until(() => started.length === 2)
      const closed = queue.close({ deadlineMs: 10_000 })
      gate.open()
      await closed
      expect(ended.sort()).toEqual(started.sort())
      expect(ended).toHaveLength(2)
    })

    test('tells jobs to stop in time; they go back with no attempt spent and run elsewhere at once', async () => {
      const name = `closing-${Math.random().toString(36).slice(2)}`
      const started: number[] = []
      const { queue, enqueue, start } = await openPages(
        async (_payload, { run }) => {
          started.push(run.attempt)
          await new Promise((_resolve, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason)))
        },
        { name },
      )
      for (let page = 0; page < 4; page++) await enqueue(page)
      start()
      await until(() => started.length === 4)
      const startedAt = performance.now()
      await queue.close({ deadlineMs: 2_000 })
      expect(performance.now() - startedAt).toBeLessThan(2_000)

      const seen: number[] = []
      const next = await openPages(async (_payload, { run }) => void seen.push(run.attempt), { name })
      expect(await next.queue.counts()).toMatchObject({ active: 0, failed: 0, waiting: 4 })
      next.start()
      await until(() => seen.length === 4, 2_000)
      expect(seen).toEqual([1, 1, 1, 1])
    })

    test('a job that does not listen is put back, and closing is in time all the same', async () => {
      const name = `deaf-${Math.random().toString(36).slice(2)}`
      const gate = createGate()
      const started = createGate()
      const { queue, enqueue, start } = await openPages(
        () => {
          started.open()
          return gate.opened
        },
        { name },
      )
      await enqueue(1)
      start()
      await started.opened
      const startedAt = performance.now()
      await queue.close({ deadlineMs: 1_000 })
      expect(performance.now() - startedAt).toBeLessThan(1_050)
      const seen: number[] = []
      const next = await openPages(async (_payload, { run }) => void seen.push(run.attempt), { name })
      next.start()
      // Far sooner than a stalled job would be noticed.
      await until(() => seen.length === 1, 2_000)
      gate.open()
    })
  })

  test('misuse is told at once', async () => {
    const { queue, enqueue } = await openPages(async () => {})
    await expect(enqueue(1, { jobId: '42' })).rejects.toThrow('cannot be a job')
    await expect(enqueue(1, { jobId: 'a:b' })).rejects.toThrow('cannot be a job')
    const stranger = defineTestJob({ name: 'stranger', decodePayload: asPage, run: async () => {} })
    await expect(queue.enqueue(stranger, { pullId: 1n, page: 1 }, { callClass: 'fresh' })).rejects.toThrow('registry')
    await expect(openTestQueue(store.settings, [stranger, stranger])).rejects.toThrow('used twice')
  })

  test('health and counts tell what is going on', async () => {
    const gate = createGate()
    const { queue, enqueue, start } = await openPages(() => gate.opened, { concurrency: 1 })
    expect(queue.health()).toEqual({ isStoreReachable: true, isWorking: false, countRunning: 0, silenceMs: null })
    await enqueue(1)
    await enqueue(2)
    await enqueue(3, { delayMs: 60_000 })
    start()
    await until(() => queue.health().countRunning === 1)
    expect(queue.health()).toMatchObject({ isWorking: true, isStoreReachable: true })
    expect(await queue.counts()).toEqual({ waiting: 1, delayed: 1, active: 1, failed: 0 })
    gate.open()
  })
})

test('four processes may migrate the queue at once, and again', async () => {
  const database = await createEmptyDatabase()
  onTestFinished(() => database.drop())
  await Promise.all([1, 2, 3, 4].map(() => migrateQueue(database.url)))
  await migrateQueue(database.url)
})

test('backoff doubles from a second to a minute, half of it random', () => {
  const bounds = [1, 2, 3, 7, 50].map((attempt) => [backoffMs(attempt, () => 0), backoffMs(attempt, () => 1)])
  expect(bounds).toEqual([
    [500, 1_000],
    [1_000, 2_000],
    [2_000, 4_000],
    [30_000, 60_000],
    [30_000, 60_000],
  ])
})

const operatingError = (retry: Retry) => new OperatingError('TEST', 'it did not work', { retry })
