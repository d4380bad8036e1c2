import { backfillAccount } from '../../src/cli/backfill.ts'
import { openSoleRuntime, type SoleRuntime } from '../../src/cli/sole-runtime.ts'
import { readConfig } from '../../src/config.ts'
import { addDays, toBusinessDate } from '../../src/domain/calendar.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { createLog } from '../../src/log.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { callsOfDay, callsOfHour, callsOfLastDays, isDaily, type Parts } from './calls-formula.ts'
import { createSteppingClock, type SteppingClock } from './stepping-clock.ts'

export const zone = createZone('America/Edmonton')
export const POLL_MS = 5 * 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const STARTS_ON = '2026-10-13'
/** Nobody sleeps but the schedule and the sweep: then nothing is on its way outside the queue. */
const SLEEPERS_AT_REST = 2
/** A look asks Postgres twice: while work goes on, often enough is more seldom. */
const LOOK_EVERY_MS = { waiting: 5, working: 20 } as const
/** Looks that found work, after which it takes its time. */
const LOOKS_AT_WORK = 5
const SILENT = createLog({ level: 'silent', isPretty: false })

export interface MerchantDays {
  readonly seed: number
  readonly salesPerDay: number
  readonly customers: number
  readonly subscriptions: number
  /** Not measured: everything is read for the first time and finds its rhythm. */
  readonly warmUpHours: number
  readonly hours: number
  /** Days before history that a backfill reads, and after how many measured hours it begins. */
  readonly backfill: { readonly days: number; readonly afterHours: number }
  /** Real time after which it stays with what was lived until then. */
  readonly realMsMax: number
  readonly tell?: (line: string) => void
}

/** Sale at Helcim → in Postgres and judged, in milliseconds of the clock. */
export interface Freshness {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** What a day costs beside its hours. */
export interface DayOfCalls {
  /** Local. */
  readonly from: string
  readonly measured: number
  readonly formula: Parts
}

/** Without the calls that are a day's. */
export interface HourOfCalls extends DayOfCalls {
  readonly isBackfilling: boolean
}

export interface MerchantDaysSeen {
  readonly hoursLived: number
  readonly realMs: number
  /** Of these the clock ran with the machine's, because somebody worked. */
  readonly workedMs: number
  readonly countTransactions: number
  readonly countCalls: number
  readonly count429: number
  readonly peaks: { readonly concurrent: number; readonly minute: number; readonly hour: number }
  readonly freshness: Freshness
  readonly freshnessWhileBackfilling: Freshness | null
  readonly hours: readonly HourOfCalls[]
  readonly days: readonly DayOfCalls[]
  readonly backfill: {
    readonly outcome: string
    readonly rows: number
    readonly calls: number
    readonly hours: number
  } | null
  /** Rows that one side alone holds when it is over and read once more. */
  readonly countMissed: number
  readonly mismatches: readonly string[]
}

/**
 * A merchant lives some days, and the daemon with it, under Helcim's true limits and over HTTP. Time runs with the machine's
 * while anybody works and ahead while all only wait, so that work costs what it costs and nights are short.
 * @param databaseUrl an empty database that nobody is connected to
 */
export async function liveDays(databaseUrl: string, options: MerchantDays): Promise<MerchantDaysSeen> {
  const { seed, salesPerDay, customers, subscriptions, backfill } = options
  const startsAt = zone.at(addDays(toBusinessDate(STARTS_ON), 1), '06:00')
  const clock = await createSteppingClock(databaseUrl, startsAt)
  const sandbox = await startSandbox({
    clock,
    seed,
    scenario: {
      startsOn: STARTS_ON,
      customers,
      salesPerDay,
      billing: { subscriptions },
      archive: { from: addDays(toBusinessDate(STARTS_ON), -backfill.days), transactionsPerDay: salesPerDay },
    },
  })
  // What happened until now is made up at the first look: before anybody waits for an answer.
  sandbox.state.merchant()
  const config = readConfig({
    HELCIM_BASE_URL: sandbox.url,
    HELCIM_API_TOKEN: sandbox.token,
    DATABASE_URL: databaseUrl,
    TIEOUT_HISTORY_DAYS: '1',
    LOG_LEVEL: 'silent',
  })
  const runtime = await openSoleRuntime(config, { log: SILENT, clock })
  try {
    return await live({ clock, sandbox, runtime }, options, startsAt)
  } finally {
    await runtime.close({ deadlineMs: 5_000 })
    await sandbox.close()
    await clock.close()
  }
}

interface World {
  readonly clock: SteppingClock
  readonly sandbox: Sandbox
  readonly runtime: SoleRuntime
}

async function live(world: World, options: MerchantDays, startsAt: number): Promise<MerchantDaysSeen> {
  const { clock, sandbox, runtime } = world
  const { warmUpHours, hours, backfill, realMsMax, tell = () => {} } = options
  const rows = async (statement: string) => (await runtime.database.pool.query(statement)).rows
  await watchRows(rows, startsAt)
  const dead = new AbortController()
  runtime.work({ onDead: () => dead.abort() })
  await runtime.schedule()
  await runtime.askForMissing('first look')
  const beganAt = performance.now()
  const measuredFrom = startsAt + warmUpHours * HOUR_MS
  const until = measuredFrom + hours * HOUR_MS
  let filling: { readonly fromAt: number; toAt: number; outcome: string; rows: number; calls: number } | null = null
  const stopping = new AbortController()
  const driver = createDriver(world, rows, startsAt + POLL_MS)
  let filled: Promise<void> = Promise.resolve()
  for (let hour = startsAt + HOUR_MS; hour <= until; hour += HOUR_MS) {
    if (performance.now() - beganAt > realMsMax || dead.signal.aborted) break
    if (hour > measuredFrom + backfill.afterHours * HOUR_MS && filling === null) {
      const current = { fromAt: clock.now() as number, toAt: 0, outcome: 'running', rows: 0, calls: 0 }
      filling = current
      filled = fill(world, backfill.days, stopping.signal).then(({ outcome, state }) => {
        Object.assign(current, { toAt: clock.now(), outcome, rows: state.countRows, calls: state.countCalls })
      })
    }
    await driver.liveUntil(hour)
    tell(
      `${zone.text(toInstant(hour))}: ${Math.round((performance.now() - beganAt) / 1_000)} s, ` +
        `${sandbox.calls().length} calls, ${sandbox.peaks().count429} refused`,
    )
  }
  const endedAt = Math.min(until, clock.now())
  stopping.abort()
  await filled
  if (dead.signal.aborted) throw new Error('the daemon died')
  // What was sold last is read by the next poll and the next hour.
  await driver.liveUntil(endedAt + HOUR_MS + 2 * POLL_MS)
  const spans = filling ? [{ from: filling.fromAt, to: Math.min(filling.toAt, endedAt) }] : []
  const isFilling = (at: number) => spans.some(({ from, to }) => at >= from && at < to)
  const spansOf = (ms: number) =>
    Array.from({ length: Math.floor((endedAt - measuredFrom) / ms) }, (_, n) => measuredFrom + n * ms)
  const whole = spansOf(HOUR_MS)
  const calls = sandbox.calls()
  const { everyHours } = callsOfLastDays(sandbox.state.merchant(), { until: endedAt, zone })
  const ofDays = calls.filter((call) => isDaily(call, everyHours))
  const ofHours = calls.filter((call) => !isDaily(call, everyHours))
  const countWithin = (some: typeof calls, from: number, ms: number) =>
    some.filter(({ arrivedAt }) => arrivedAt >= from && arrivedAt < from + ms).length
  const { concurrent, minute, hour, count429 } = sandbox.peaks()
  return {
    hoursLived: whole.length,
    realMs: performance.now() - beganAt,
    workedMs: driver.workedMs(),
    countTransactions: sandbox.state.merchant().transactions().length,
    countCalls: calls.length,
    count429,
    peaks: { concurrent, minute, hour },
    freshness: await freshnessOf(rows, [{ from: measuredFrom, to: endedAt }]),
    freshnessWhileBackfilling: spans.length > 0 ? await freshnessOf(rows, spans) : null,
    hours: whole.map((from) => ({
      from: zone.text(toInstant(from)),
      measured: countWithin(ofHours, from, HOUR_MS),
      formula: callsOfHour(sandbox.state.merchant(), { from, pollMs: POLL_MS, zone }),
      isBackfilling: isFilling(from) || isFilling(from + HOUR_MS - 1),
    })),
    days: spansOf(DAY_MS).map((from) => ({
      from: zone.text(toInstant(from)),
      measured: countWithin(ofDays, from, DAY_MS),
      formula: callsOfDay(sandbox.state.merchant(), { until: from + DAY_MS, zone }),
    })),
    backfill: filling && {
      outcome: filling.outcome,
      rows: filling.rows,
      calls: filling.calls,
      hours: (filling.toAt - filling.fromAt) / HOUR_MS,
    },
    countMissed: await countMissed(world, rows),
    mismatches: (
      await rows(`select code || ' ' || subject_id as found from recon.mismatches where state <> 'resolved'`)
    ).map(({ found }) => String(found)),
  }
}

type Ask = (statement: string) => Promise<Record<string, unknown>[]>

/** Notes when rows sold since then were stored; those of the past are many, and nobody waits for them. */
async function watchRows(rows: Ask, startsAt: number): Promise<void> {
  await rows(`
    create table sim.stored (transaction_id bigint primary key, stored_at timestamptz not null);
    create function sim.note() returns trigger language plpgsql as $$ begin
      insert into sim.stored select transaction_id, to_timestamp(sim.now_ms() / 1000) from fresh
        where created_at >= to_timestamp(${startsAt / 1_000}) on conflict do nothing;
      return null;
    end $$;
    create trigger stored after insert on helcim.card_transactions
      referencing new table as fresh for each statement execute function sim.note()`)
}

/** From the sale to the end of the first judgement that began when its row was there. */
async function freshnessOf(rows: Ask, spans: readonly { from: number; to: number }[]): Promise<Freshness> {
  const isWithin = spans
    .map(
      ({ from, to }) =>
        `(t.created_at >= to_timestamp(${from / 1_000}) and t.created_at < to_timestamp(${to / 1_000}))`,
    )
    .join(' or ')
  const [row] = await rows(`
    with waits as (
      select extract(epoch from r.finished_at - t.created_at) * 1000 as ms
      from helcim.card_transactions t join sim.stored s using (transaction_id)
      cross join lateral (
        select finished_at from recon.runs where started_at >= s.stored_at order by started_at limit 1
      ) r
      where t.card_batch_id is not null and (${isWithin})
    )
    select count(*)::int as count, percentile_disc(0.5) within group (order by ms)::float8 as p50,
      percentile_disc(0.99) within group (order by ms)::float8 as p99 from waits`)
  return { count: Number(row?.count), p50Ms: Number(row?.p50), p99Ms: Number(row?.p99) }
}

/** What runs in Postgres, and how much of the time since the last look this process computed: below both, all only wait. */
const LOOKS_AT_REST = 3
const COMPUTED_MAX = 0.6

/** Lets time pass as fast as it may. */
function createDriver({ clock, runtime }: World, rows: Ask, firstPollAt: number) {
  let workedMs = 0
  let lookedAt = performance.now()
  let computed = performance.eventLoopUtilization()
  let countStill = 0
  async function look() {
    const { utilization } = performance.eventLoopUtilization(computed)
    const counts = await runtime.queue.counts()
    const [row] = await rows(`select coalesce(max(planned_at) > to_timestamp(${(clock.now() - POLL_MS) / 1_000}), false)
        as is_planned,
      (select count(*)::int from pg_stat_activity
        where datname = current_database() and state = 'active' and pid <> pg_backend_pid()) as count_active
      from recon.due_work where kind = 'poll'`)
    const isPlanned = row?.is_planned === true || clock.now() < firstPollAt
    const isTicking = clock.countSleepers() < SLEEPERS_AT_REST || !isPlanned
    countStill = row?.count_active === 0 && utilization < COMPUTED_MAX ? countStill + 1 : 0
    computed = performance.eventLoopUtilization()
    return {
      isBusy: counts.waiting + counts.active > 0 || isTicking,
      isComputing: countStill === 0,
      // Jobs wait for a permit, or Helcim takes its time.
      isStill: countStill >= LOOKS_AT_REST,
      isWaiting: counts.delayed > 0,
    }
  }
  return {
    workedMs: () => workedMs,
    async liveUntil(at: number) {
      for (let countQuiet = 0, countBusy = 0; clock.now() < at; ) {
        const { isBusy, isComputing, isStill, isWaiting } = await look()
        const now = performance.now()
        if (isBusy && !isStill) workedMs += now - lookedAt
        lookedAt = now
        countQuiet = isBusy ? 0 : countQuiet + 1
        countBusy = isBusy && isComputing ? countBusy + 1 : 0
        if (isBusy) await clock.setFast(isStill)
        else if (countQuiet >= 2 && isWaiting) await clock.setFast(true)
        else if (countQuiet >= 2) {
          await clock.jumpTo(Math.min(at, clock.nextWake() ?? at))
          countQuiet = 0
        }
        const everyMs = countBusy > LOOKS_AT_WORK ? LOOK_EVERY_MS.working : LOOK_EVERY_MS.waiting
        await new Promise((resolve) => setTimeout(resolve, everyMs))
      }
    },
  }
}

/** The command's own work, for one account. */
async function fill({ runtime, clock }: World, days: number, signal: AbortSignal) {
  const [work] = runtime.accounts()
  if (!work) throw new Error('the runtime works for nobody')
  const request = {
    resources: ['card_transaction'],
    from: addDays(toBusinessDate(STARTS_ON), -days),
    to: addDays(toBusinessDate(STARTS_ON), -1),
    isAgain: false,
  }
  const view = { update: () => {}, stop: () => {} }
  const [end] = await backfillAccount(runtime, work, request, { signal, view })
  if (!end) throw new Error(`nothing was filled in at ${clock.now()}`)
  return end
}

/** Rows with amount and batch that one side alone holds, of all that can be read. */
async function countMissed({ sandbox, clock }: World, rows: Ask): Promise<number> {
  const until = clock.now() - HOUR_MS
  const ours = new Set(
    (
      await rows(`select transaction_id || ' ' || amount_minor || ' ' || coalesce(card_batch_id, 0) as row
        from helcim.card_transactions where vanished_at is null
          and created_at >= to_timestamp(${zone.at(STARTS_ON, '00:00') / 1_000}) and created_at < to_timestamp(${until / 1_000})`)
    ).map(({ row }) => String(row)),
  )
  const theirs = sandbox.state
    .merchant()
    .transactions()
    .filter(({ createdAt }) => createdAt < until)
    .map(({ id, amountMinor, batchId }) => `${id} ${amountMinor} ${batchId}`)
  return theirs.filter((row) => !ours.delete(row)).length + ours.size
}
