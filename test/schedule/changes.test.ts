import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimDue, type DueKey, finishDue } from '../../src/db/due-work.ts'
import { plannedInstants } from '../../src/domain/calendar.ts'
import type { Instant } from '../../src/domain/clock.ts'
import type { ScheduleEntry } from '../../src/jobs/schedule/planner.ts'
import { createSchedule } from '../../src/jobs/schedule/schedule.ts'
import {
  createHandClock,
  createRandom,
  createScheduleDatabase,
  createTestLog,
  type ScheduleDatabase,
} from './support.ts'

const MINUTE_MS = 60_000
const ZONE = 'America/Edmonton'
/** Two crons that share instants, two modes of one cron, and off. */
const PLANS = [
  { cron: '0 17 * * *', setting: 'on' },
  { cron: '0 9,17 * * *', setting: 'on' },
  { cron: '0 17 * * *', setting: 'dry-run' },
  null,
] as const
type Plan = (typeof PLANS)[number]

let database: ScheduleDatabase
beforeAll(async () => {
  database = await createScheduleDatabase()
})
afterAll(() => database.drop())

interface Start {
  readonly at: Instant
  readonly plan: Plan
}
interface History {
  /** Oldest first. */
  readonly starts: readonly Start[]
  readonly enqueued: readonly { readonly plannedAt: Instant; readonly at: Instant }[]
  /** When the schedule looked at what is due. */
  readonly ticks: readonly Instant[]
  readonly rows: readonly Instant[]
}

/** Sixty days of daemons that are started, stopped and started otherwise, by random, one at a time. */
async function live(
  kind: string,
  { below, next }: Pick<ReturnType<typeof createRandom>, 'below' | 'next'>,
  entryOf: (plan: NonNullable<Plan>) => ScheduleEntry,
): Promise<History> {
  const { db } = database.open()
  const clock = createHandClock('2026-03-01T07:30:00Z')
  const starts: Start[] = []
  const enqueued: { plannedAt: Instant; at: Instant }[] = []
  const ticks: Instant[] = []
  const enqueue = async (due: DueKey) => {
    enqueued.push({ plannedAt: due.plannedAt, at: clock.now() })
    if (next() < 0.3) return
    const claim = await claimDue(db, due, clock.now())
    if (claim !== null && next() < 0.7) await finishDue(db, due, { claim, outcome: 'done', now: clock.now() })
  }
  for (let life = 0; life < 40; life += 1) {
    // More often than not it is started as it was.
    const former = starts.at(-1)
    const plan = former && next() < 0.5 ? former.plan : (PLANS[below(PLANS.length)] ?? null)
    const entries = plan === null ? [] : [entryOf(plan)]
    const schedule = createSchedule({ db, clock, accountId: 1, entries, enqueue, log: createTestLog().log })
    starts.push({ at: clock.now(), plan })
    for (let count = 1 + below(4); count > 0; count -= 1) {
      await schedule.tick()
      ticks.push(clock.now())
      clock.move((1 + below(600)) * MINUTE_MS + 1)
    }
    await schedule.stop()
    clock.move(next() < 0.5 ? 1_000 : (1 + below(2_000)) * MINUTE_MS + 1)
  }
  const rows = (await database.rows(kind)).map(({ plannedAt }) => plannedAt)
  return { starts, enqueued, ticks, rows }
}

/** The plan in force at an instant: that of the last daemon started by then, whether it still ran or not. */
const planAt = ({ starts }: History, at: Instant): Plan => starts.findLast((start) => start.at <= at)?.plan ?? null

const isUnchanged = ({ starts }: History, from: Instant, until: Instant): boolean => {
  const plans = starts.filter(({ at }) => at > from && at <= until).map(({ plan }) => plan)
  const first = starts.findLast(({ at }) => at <= from)?.plan
  return plans.every((plan) => plan === first)
}

/** Every instant that fell while a plan with it was in force, and at which somebody looked before the plan changed. */
function wantedRows(history: History): Instant[] {
  const { starts, ticks } = history
  const wanted = starts.flatMap(({ at, plan }, index) => {
    if (plan === null) return []
    const until = starts[index + 1]?.at ?? (ticks.at(-1) as Instant)
    return plannedInstants({ cron: plan.cron, zone: ZONE, after: at, until, limit: 1_000 })
  })
  const isSeen = (plannedAt: Instant) =>
    ticks.some((tick) => tick >= plannedAt && isUnchanged(history, plannedAt, tick))
  return [...new Set(wanted)].filter(isSeen).sort((a, b) => a - b)
}

const belated = (history: History) =>
  history.enqueued.filter(
    ({ plannedAt, at }) => planAt(history, plannedAt) === null || !isUnchanged(history, plannedAt, at),
  )

test('only what fell while its schedule was as it is now is due, and of that nothing is missed', async () => {
  const random = createRandom()
  console.info(`changes: seed ${random.seed}`)
  const history = await live('settle', random, (plan) => ({ kind: 'settle', zone: ZONE, ...plan }))
  expect(history.rows).toEqual(wantedRows(history))
  expect(belated(history)).toEqual([])
  // Otherwise nothing was shown: some were made up for after a downtime, and some that were due were let go.
  const { starts, enqueued, rows } = history
  const lag = Math.max(...enqueued.map(({ plannedAt, at }) => at - plannedAt))
  expect(lag).toBeGreaterThan(60 * MINUTE_MS)
  const falls = starts.flatMap(({ at, plan }, index) =>
    plan === null
      ? []
      : plannedInstants({ cron: plan.cron, zone: ZONE, after: at, until: starts[index + 1]?.at ?? at, limit: 1_000 }),
  )
  expect(falls.length).toBeGreaterThan(rows.length)
})

test('the control: work that is made up for also comes due for what passed before a change', async () => {
  const random = createRandom()
  console.info(`changes, control: seed ${random.seed}`)
  const history = await live('control', random, ({ cron }) => ({ kind: 'control', cron, zone: ZONE }))
  expect(belated(history).length).toBeGreaterThan(0)
})
