import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Database } from '../../src/db/client.ts'
import { claimDue, type DueKey, finishDue, insertDue } from '../../src/db/due-work.ts'
import { createSimulatedClock, createSystemClock, type Instant, toInstant } from '../../src/domain/clock.ts'
import { createSchedule, type ScheduleSettings } from '../../src/jobs/schedule/schedule.ts'
import {
  createHandClock,
  createRandom,
  createScheduleDatabase,
  createTestLog,
  createTestQueue,
  idOf,
  type ScheduleDatabase,
} from './support.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const instantOf = (text: string): Instant => toInstant(Date.parse(text))

let database: ScheduleDatabase
let own: Database
beforeAll(async () => {
  database = await createScheduleDatabase()
  own = database.open()
})
afterAll(() => database.drop())

let countKinds = 0
/** A kind no other test has: each test is alone among its rows. */
const newKind = (): string => `kind_${++countKinds}`

const hourly = (kind: string) => ({ kind, cron: '0 * * * *', zone: 'America/Edmonton' })

function openSchedule(overrides: Partial<ScheduleSettings> & Pick<ScheduleSettings, 'entries' | 'clock' | 'enqueue'>) {
  const schedule = createSchedule({ db: own.db, log: createTestLog().log, accountId: 1, ...overrides })
  onTestFinished(() => schedule.stop())
  return schedule
}

const runDue = async (due: DueKey, now: Instant): Promise<boolean> => {
  const claim = await claimDue(own.db, due, now)
  return claim !== null && finishDue(own.db, due, { claim, outcome: 'done', now })
}

test('a month of three replicas ticking at random: each planned instant is one row, none missed, run at most once', async () => {
  const { seed, next, below } = createRandom()
  console.info(`schedule: seed ${seed}`)
  const startsAt = '2026-03-01T00:07:00Z'
  const endsAt = instantOf('2026-04-01T00:07:00Z')
  const [nightly, hourlyKind, quarterly] = [newKind(), newKind(), newKind()]
  const entries = [
    { kind: nightly, cron: '30 2 * * *', zone: 'America/Edmonton' },
    { kind: hourlyKind, cron: '15 * * * *', zone: 'America/Edmonton' },
    { kind: quarterly, cron: '*/15 * * * *', zone: 'Europe/Berlin' },
  ]
  const clock = createHandClock(startsAt)
  const queue = createTestQueue()
  const { log, named } = createTestLog()
  const replicas = [1, 2, 3].map(() =>
    createSchedule({ db: database.open().db, clock, accountId: 1, entries, enqueue: queue.enqueue, log }),
  )
  const runs: string[] = []
  let countRefused = 0
  const work = async () => {
    for (const due of queue.take()) {
      if (await runDue(due, clock.now())) runs.push(idOf(due))
      else countRefused++
    }
  }
  const tickSome = () => Promise.all(replicas.filter(() => next() < 0.6).map((replica) => replica.tick()))

  while (clock.now() < endsAt) {
    const chance = next()
    const stepMs = chance < 0.01 ? 5 * HOUR_MS : (1 + below(180)) * MINUTE_MS
    clock.move(Math.min(stepMs, endsAt - clock.now()))
    queue.isAway = next() < 0.05
    const ticked = tickSome()
    // Workers run while replicas tick, so that replicas also enqueue what was finished a moment ago.
    await Promise.all([ticked, work()])
    if (next() < 0.05) queue.flush()
  }
  queue.isAway = false
  await Promise.all(replicas.map((replica) => replica.tick()))
  await work()

  const planned = await Promise.all(entries.map(({ kind }) => database.rows(kind)))
  const [nights = [], hours = [], quarters = []] = planned.map((rows) => rows.map((row) => row.plannedAt))
  expect(nights).toEqual(expectedNights(startsAt, endsAt))
  expect(hours).toEqual(everyMinutes(instantOf('2026-03-01T00:15:00Z'), endsAt, 60))
  expect(quarters).toEqual(everyMinutes(instantOf('2026-03-01T00:15:00Z'), endsAt, 15))
  const rows = planned.flat()
  expect(new Set(rows.map(({ outcome }) => outcome))).toEqual(new Set(['done', 'superseded']))
  expect(rows.filter(({ outcome, attempts }) => attempts !== (outcome === 'done' ? 1 : 0))).toEqual([])
  expect(runs.length).toBe(rows.filter(({ outcome }) => outcome === 'done').length)
  expect(new Set(runs).size).toBe(runs.length)
  // Without these the run would not have shown what it is about.
  expect(named('schedule.tick_failed').length).toBeGreaterThan(0)
  expect(countRefused).toBeGreaterThan(0)
  console.info(`schedule: ${rows.length} planned, ${runs.length} run, ${countRefused} enqueued once too often`)
})

test('after five hours of downtime one job runs, and the four it replaces say why they did not', async () => {
  const kind = newKind()
  const clock = createHandClock('2026-06-01T00:30:00Z')
  const queue = createTestQueue()
  const before = openSchedule({ clock, entries: [hourly(kind)], enqueue: queue.enqueue })
  await before.tick()
  clock.move(HOUR_MS)
  await before.tick()
  await Promise.all(queue.take().map((due) => runDue(due, clock.now())))
  await before.stop()

  clock.move(5 * HOUR_MS)
  const after = openSchedule({ clock, entries: [hourly(kind)], enqueue: queue.enqueue })
  await after.tick()
  const latest = instantOf('2026-06-01T06:00:00Z')
  expect(queue.take()).toEqual([{ accountId: 1, kind, plannedAt: latest }])
  const superseded = { outcome: 'superseded', reason: 'a later one was due as well', attempts: 0 }
  expect(await database.rows(kind)).toMatchObject([
    { outcome: 'done', attempts: 1 },
    ...Array.from({ length: 4 }, () => superseded),
    { plannedAt: latest, outcome: null, isEnqueued: true },
  ])
})

test('a fresh database invents nothing older than the start, unless told where its history starts', async () => {
  const [fresh, told] = [newKind(), newKind()]
  const clock = createHandClock('2026-06-01T12:30:00Z')
  const queue = createTestQueue()
  await openSchedule({ clock, entries: [hourly(fresh)], enqueue: queue.enqueue }).tick()
  expect(await database.rows(fresh)).toEqual([])
  const startsAt = instantOf('2026-06-01T10:00:00Z')
  await openSchedule({ clock, entries: [hourly(told)], enqueue: queue.enqueue, startsAt }).tick()
  expect((await database.rows(told)).map(({ plannedAt }) => plannedAt)).toEqual([
    instantOf('2026-06-01T11:00:00Z'),
    instantOf('2026-06-01T12:00:00Z'),
  ])
})

test('what the queue lost is enqueued again by the next sweep, until it is finished', async () => {
  const kind = newKind()
  const clock = createHandClock('2026-06-01T00:59:30Z')
  const queue = createTestQueue()
  const schedule = openSchedule({ clock, entries: [hourly(kind)], enqueue: queue.enqueue })
  await schedule.start()
  await moveUntil(clock, MINUTE_MS, () => queue.size() === 1)
  queue.flush()
  await moveUntil(clock, MINUTE_MS, () => queue.size() === 1)
  await Promise.all(queue.take().map((due) => runDue(due, clock.now())))
  // One tick may have listed the row before it was finished; the one after it cannot.
  await schedule.tick()
  queue.take()
  await schedule.tick()
  expect(queue.size()).toBe(0)
  expect(await database.rows(kind)).toMatchObject([{ outcome: 'done', attempts: 1 }])
})

test('a queue that refuses one kind is told as a warning, leaves the others alone and is tried again', async () => {
  const [refused, accepted] = [newKind(), newKind()]
  const clock = createHandClock('2026-06-01T00:30:00Z')
  const queue = createTestQueue()
  const { log, named } = createTestLog()
  let isRefusing = true
  const schedule = openSchedule({
    clock,
    log,
    entries: [hourly(refused), hourly(accepted)],
    enqueue: async (due) => {
      if (isRefusing && due.kind === refused) throw new Error('refused')
      await queue.enqueue(due)
    },
  })
  clock.move(HOUR_MS)
  await schedule.tick()
  expect(queue.take().map(({ kind }) => kind)).toEqual([accepted])
  expect(named('schedule.tick_failed')).toMatchObject([{ level: 40, kind: refused }])
  expect(await database.rows(refused)).toMatchObject([{ outcome: null, isEnqueued: false }])
  isRefusing = false
  await schedule.tick()
  expect(new Set(queue.take().map(({ kind }) => kind))).toEqual(new Set([accepted, refused]))
})

test('an unreachable database is a warning as well, and the next tick makes up for it', async () => {
  const kind = newKind()
  const clock = createHandClock('2026-06-01T00:30:00Z')
  const queue = createTestQueue()
  const { log, named } = createTestLog()
  const shaky = database.open()
  const connect = vi.spyOn(shaky.pool, 'query').mockRejectedValueOnce(new Error('connection refused'))
  const schedule = openSchedule({ db: shaky.db, clock, log, entries: [hourly(kind)], enqueue: queue.enqueue })
  clock.move(HOUR_MS)
  await schedule.tick()
  expect(connect).toHaveBeenCalledTimes(1)
  expect(named('schedule.tick_failed')).toHaveLength(1)
  await schedule.tick()
  expect(queue.size()).toBe(1)
})

test('ticks that come while one runs share one more', async () => {
  const kind = newKind()
  const clock = createHandClock('2026-06-01T00:30:00Z')
  let countRunning = 0
  let countRunningMax = 0
  let countEnqueued = 0
  const enqueue = async () => {
    countRunningMax = Math.max(countRunningMax, ++countRunning)
    countEnqueued++
    await new Promise((resolve) => setTimeout(resolve, 20))
    countRunning--
  }
  const schedule = openSchedule({ clock, entries: [hourly(kind)], enqueue })
  clock.move(HOUR_MS)
  await Promise.all(Array.from({ length: 10 }, () => schedule.tick()))
  expect(countRunningMax).toBe(1)
  expect(countEnqueued).toBe(2)
})

describe('running by itself', () => {
  test('a simulated clock is followed minute by minute, and stop waits for the tick that runs and ends all', async () => {
    const kind = newKind()
    const startsAt = instantOf('2026-06-01T00:00:30Z')
    const clock = createSimulatedClock(startsAt, 1_200)
    const enqueued: Instant[] = []
    let isEnqueueing = false
    const schedule = openSchedule({
      clock,
      entries: [{ kind, cron: '* * * * *', zone: 'UTC' }],
      async enqueue(due) {
        isEnqueueing = true
        enqueued.push(due.plannedAt)
        await runDue(due, clock.now())
        isEnqueueing = false
      },
    })
    await schedule.start()
    await vi.waitFor(() => expect(enqueued.length).toBeGreaterThan(10), { timeout: 10_000, interval: 5 })
    await schedule.stop()
    expect(isEnqueueing).toBe(false)
    const count = enqueued.length
    await new Promise((resolve) => setTimeout(resolve, 200))
    await schedule.tick()
    expect(enqueued.length).toBe(count)
    const rows = await database.rows(kind)
    expect(rows.map(({ plannedAt }) => plannedAt)).toEqual(
      rows.map((_row, index) => startsAt + MINUTE_MS / 2 + index * MINUTE_MS),
    )
  })

  test('on the real clock node-cron wakes it at the planned instant, long before the sweep', async () => {
    const kind = newKind()
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], shouldAdvanceTime: true })
    onTestFinished(() => void vi.useRealTimers())
    vi.setSystemTime('2026-06-01T11:59:58.500Z')
    const clock = createSystemClock()
    const arrivals: { plannedAt: Instant; at: Instant }[] = []
    const schedule = openSchedule({
      clock,
      entries: [hourly(kind)],
      enqueue: async ({ plannedAt }) => void arrivals.push({ plannedAt, at: clock.now() }),
    })
    await schedule.start()
    expect(arrivals).toEqual([])
    await vi.waitUntil(() => arrivals.length > 0, { timeout: 10_000 })
    await schedule.stop()
    const plannedAt = instantOf('2026-06-01T12:00:00Z')
    expect(arrivals[0]?.plannedAt).toBe(plannedAt)
    expect((arrivals[0]?.at ?? 0) - plannedAt).toBeLessThan(2_000)
  })
})

test('of two that claim the same work only the later one can finish it, and finished work cannot be claimed', async () => {
  const due = { accountId: 1, kind: newKind(), plannedAt: instantOf('2026-06-01T00:00:00Z') }
  await insertDue(own.db, { ...due, plannedAts: [due.plannedAt] })
  expect(await insertDue(own.db, { ...due, plannedAts: [due.plannedAt] })).toEqual({ countInserted: 0 })
  const now = due.plannedAt
  const claims = await Promise.all([claimDue(own.db, due, now), claimDue(own.db, due, now)])
  expect(claims.sort()).toEqual([1, 2])
  expect(await finishDue(own.db, due, { claim: 1, outcome: 'failed', reason: 'lost its lock', now })).toBe(false)
  expect(await finishDue(own.db, due, { claim: 2, outcome: 'done', now })).toBe(true)
  expect(await claimDue(own.db, due, now)).toBeNull()
})

test('work under way is not cut off by the next one due; what was abandoned is superseded', async () => {
  const kind = newKind()
  const clock = createHandClock('2026-06-01T00:59:00Z')
  const queue = createTestQueue()
  const entries = [{ ...hourly(kind), cron: '*/10 * * * *' }]
  const schedule = openSchedule({ clock, entries, enqueue: queue.enqueue })
  clock.move(2 * MINUTE_MS)
  await schedule.tick()
  const [slow] = queue.take()
  if (!slow) throw new Error('nothing was due')
  expect(await claimDue(own.db, slow, clock.now())).toBe(1)
  clock.move(20 * MINUTE_MS)
  await schedule.tick()
  expect((await database.rows(kind)).map(({ outcome }) => outcome)).toEqual([null, 'superseded', null])
  clock.move(5 * HOUR_MS)
  await schedule.tick()
  // Claimed again and again by a queue that works, and still not at its end.
  expect(await claimDue(own.db, slow, clock.now())).toBe(2)
  clock.move(HOUR_MS)
  await schedule.tick()
  const unfinished = (await database.rows(kind)).filter(({ outcome }) => outcome === null)
  expect(unfinished.map(({ plannedAt }) => plannedAt)).toEqual([instantOf('2026-06-01T07:20:00Z')])
  expect(await claimDue(own.db, slow, clock.now())).toBeNull()
})

test.each([
  ['a cron that cannot be read', { cron: '61 * * * *' }, 'cannot be read'],
  ['a zone that does not exist', { zone: 'America/Nowhere' }, 'is not a time zone'],
])('%s is refused before anything starts', (_title, change, message) => {
  const entries = [{ ...hourly(newKind()), ...change }]
  const clock = createHandClock('2026-06-01T00:00:00Z')
  expect(() => openSchedule({ clock, entries, enqueue: async () => {} })).toThrow(message)
})

/**
 * What a person reads off the calendar: Edmonton is UTC-7, and from 8 March 2026, when 02:00 became 03:00, UTC-6. That
 * night has no 02:30 and runs at 03:00.
 */
function expectedNights(startsAt: string, endsAt: Instant): Instant[] {
  return Array.from({ length: 32 }, (_, index) => {
    const day = Date.UTC(2026, 2, 1 + index)
    if (index < 7) return day + 9.5 * HOUR_MS
    return index === 7 ? day + 9 * HOUR_MS : day + 8.5 * HOUR_MS
  })
    .filter((instant) => instant > Date.parse(startsAt) && instant <= endsAt)
    .map(toInstant)
}

function everyMinutes(first: Instant, endsAt: Instant, count: number): Instant[] {
  const length = Math.floor((endsAt - first) / (count * MINUTE_MS)) + 1
  return Array.from({ length }, (_, index) => toInstant(first + index * count * MINUTE_MS))
}

async function moveUntil(clock: ReturnType<typeof createHandClock>, stepMs: number, isReached: () => boolean) {
  // A sweep that has not gone back to sleep yet does not feel the clock move; it feels the next time.
  for (let countMoves = 1; ; countMoves++) {
    clock.move(stepMs)
    const timeout = countMoves < 20 ? 250 : 5_000
    const isDone = await vi.waitUntil(isReached, { timeout, interval: 5 }).catch((error: unknown) => {
      if (countMoves === 20) throw error
      return false
    })
    if (isDone) return
  }
}
