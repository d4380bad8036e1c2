import { sql } from 'drizzle-orm'
import { countDays } from '../domain/backfill.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import type { CallUsage } from '../domain/call-budget.ts'
import type { Instant } from '../domain/clock.ts'
import { isCardData } from '../domain/pull.ts'
import { CARD_DAYS, cardDaysRestMs } from '../domain/rhythm.ts'
import { type AlertTarget, listTargets } from './alerts/targets.ts'
import { interval } from './call-budget/interval.ts'
import { countUsage } from './call-budget/usage.ts'
import type { Tx } from './client.ts'
import { isUpToNow, listMissingDays, loadCardDaysCalls } from './coverage.ts'
import { instantOf, timestamp } from './sql-values.ts'

/** What a monitor is told about one account. */
export interface Figures {
  readonly usage: CallUsage & { readonly closedMs: number; readonly stopReason: string | null }
  /** Of the past hour. `outcome`: Helcim's status, else `aborted` or `running`. */
  readonly calls: readonly {
    readonly callClass: string
    readonly endpoint: string
    readonly outcome: string
    readonly count: number
  }[]
  readonly resources: readonly ResourceProof[]
  readonly countMissingDays: number
  readonly batches: readonly { readonly state: string; readonly count: number }[]
  readonly mismatches: readonly { readonly code: string; readonly severity: string; readonly count: number }[]
  /** Differences of open mismatches, each without its sign. */
  readonly atStake: readonly { readonly currency: string; readonly minor: bigint }[]
  readonly dueWork: readonly {
    readonly kind: string
    readonly countOverdue: number
    readonly oldestAt: Instant | null
  }[]
  readonly alerts: readonly AlertTarget[]
}

export interface ResourceProof {
  readonly resource: string
  /** What a reading of the last days of card transactions takes, see `cardDaysRestMs`. */
  readonly cardDaysCalls: number
  /** End of the last complete reading of the whole list, or of days up to the day of that reading. */
  readonly provedAt: Instant | null
  readonly firstAskedAt: Instant
  /** False where this token may not read it, and it is no card data. */
  readonly isPermitted: boolean
}

/** Reads all figures; meant for one read-only transaction, so that they belong together. */
export async function loadFigures(
  tx: Tx,
  input: {
    accountId: number
    /** Windows of the limits in real milliseconds. */
    windows: { minuteMs: number; hourMs: number }
    /** Days that the mirror is meant to hold. */
    history: { from: BusinessDate; to: BusinessDate }
    now: Instant
  },
): Promise<Figures> {
  const { accountId, windows, history, now } = input
  return {
    usage: await countUsage(tx, accountId, windows.minuteMs, windows.hourMs),
    calls: await countCalls(tx, accountId, windows.hourMs),
    resources: await listProofs(tx, accountId),
    countMissingDays: await countMissingDays(tx, { accountId, history, now }),
    batches: await countBatches(tx, accountId),
    mismatches: await countMismatches(tx, accountId),
    atStake: await sumAtStake(tx, accountId),
    dueWork: await countOverdue(tx, accountId, now),
    alerts: await listTargets(tx, { accountId, now }),
  }
}

/**
 * The proofs of all that this token may read, and of card data. What it may not read is left out: it is not stale, and
 * `status` says so.
 */
export const listProofs = async (tx: Tx, accountId: number): Promise<ResourceProof[]> =>
  (await listAllProofs(tx, accountId)).filter(({ isPermitted }) => isPermitted)

/** For every list that was ever asked for as a whole or by days: when it was last proved. */
export async function listAllProofs(tx: Tx, accountId: number): Promise<ResourceProof[]> {
  const cardDaysCalls = await loadCardDaysCalls(tx, accountId)
  // Where the last days are read more rarely, today is read by itself when it begins: that proves nothing of the days before.
  const cardDaysMin = cardDaysRestMs(cardDaysCalls) > 0 ? CARD_DAYS.recent : 1
  const { rows } = await tx.execute<{
    resource: string
    proved_at: string | null
    first_asked_at: string
    last_state: string | null
  }>(sql`
    select resource, min(started_at) as first_asked_at,
      max(finished_at) filter (where state = 'complete' and ${isUpToNow}
        and (resource <> 'card_transaction' or to_date - from_date + 1 >= ${cardDaysMin}::int)) as proved_at,
      (array_agg(state order by pull_id desc) filter (where state <> 'running'))[1] as last_state
    from recon.pulls where account_id = ${accountId} and window_kind in ('all', 'days')
    group by resource order by resource`)
  return rows.flatMap((row) => {
    const firstAskedAt = instantOf(row.first_asked_at)
    const isPermitted = row.last_state !== 'not_permitted' || isCardData(row.resource)
    return firstAskedAt === null
      ? []
      : { resource: row.resource, cardDaysCalls, provedAt: instantOf(row.proved_at), firstAskedAt, isPermitted }
  })
}

/** Calls that were never sent are left out: they cost nothing. */
async function countCalls(tx: Tx, accountId: number, hourMs: number): Promise<Figures['calls']> {
  const { rows } = await tx.execute<Record<string, string>>(sql`
    select call_class, endpoint, coalesce(status::text, end_kind, 'running') as outcome, count(*) as count
    from recon.calls
    where account_id = ${accountId} and counted_from > clock_timestamp() - ${interval(hourMs)}
    group by 1, 2, 3 order by 1, 2, 3`)
  return rows.map((row) => ({
    callClass: String(row.call_class),
    endpoint: String(row.endpoint),
    outcome: String(row.outcome),
    count: Number(row.count),
  }))
}

/** Days of card transactions within the history that are not read, see `listMissingDays`. */
export async function countMissingDays(
  tx: Tx,
  { accountId, history, now }: { accountId: number; history: { from: BusinessDate; to: BusinessDate }; now: Instant },
): Promise<number> {
  const ranges = await listMissingDays(tx, { accountId, resource: 'card_transaction', ...history, now })
  return ranges.reduce((sum, range) => sum + countDays(range), 0)
}

async function countBatches(tx: Tx, accountId: number): Promise<Figures['batches']> {
  const { rows } = await tx.execute<{ state: string; count: string }>(sql`
    select state, count(*) as count from recon.batch_checks where account_id = ${accountId} group by 1 order by 1`)
  return rows.map(({ state, count }) => ({ state, count: Number(count) }))
}

async function countMismatches(tx: Tx, accountId: number): Promise<Figures['mismatches']> {
  const { rows } = await tx.execute<{ code: string; severity: string; count: string }>(sql`
    select code, severity, count(*) as count from recon.mismatches
    where account_id = ${accountId} and state <> 'resolved' group by 1, 2 order by 1, 2`)
  return rows.map(({ code, severity, count }) => ({ code, severity, count: Number(count) }))
}

async function sumAtStake(tx: Tx, accountId: number): Promise<Figures['atStake']> {
  const { rows } = await tx.execute<{ currency: string; minor: string }>(sql`
    select currency, sum(abs(coalesce(actual_minor - expected_minor, 0))) as minor from recon.mismatches
    where account_id = ${accountId} and state <> 'resolved' and currency is not null group by 1 order by 1`)
  return rows.map(({ currency, minor }) => ({ currency, minor: BigInt(minor) }))
}

async function countOverdue(tx: Tx, accountId: number, now: Instant): Promise<Figures['dueWork']> {
  const isOverdue = sql`finished_at is null and planned_at <= ${timestamp(now)}`
  const { rows } = await tx.execute<{ kind: string; count: string; oldest: string | null }>(sql`
    select kind, count(*) filter (where ${isOverdue}) as count, min(planned_at) filter (where ${isOverdue}) as oldest
    from recon.due_work where account_id = ${accountId} group by 1 order by 1`)
  return rows.map(({ kind, count, oldest }) => ({ kind, countOverdue: Number(count), oldestAt: instantOf(oldest) }))
}
