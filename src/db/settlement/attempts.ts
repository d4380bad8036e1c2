import { sql } from 'drizzle-orm'
import { type BatchKey, batchOf } from '../../domain/batch-key.ts'
import type { BusinessDate } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { AttemptState, CallOutcome, Closer, Resolution } from '../../domain/settlement.ts'
import { interval } from '../call-budget/interval.ts'
import type { Tx } from '../client.ts'
import { timestamp } from '../sql-values.ts'
import { ATTEMPTS, everyAttempt, isOfBatch } from './both-kinds.ts'

export interface Attempt {
  readonly accountId: number
  readonly attemptId: bigint
  readonly batch: BatchKey
  readonly terminalId: HelcimId | null
  readonly businessDate: BusinessDate
  readonly plannedAt: Instant | null
  readonly actor: string | null
  readonly state: AttemptState
  readonly fence: number
  readonly intendedAt: Instant
  readonly calledAt: Instant | null
  readonly finishedAt: Instant | null
  readonly outcome: CallOutcome | null
  readonly status: number | null
  readonly words: string | null
  readonly closedAt: Instant | null
  readonly closedBy: Closer | null
  readonly currency: string | null
  readonly netMinor: bigint | null
  readonly countTotal: number | null
  /** Null where the endpoint takes none. */
  readonly idempotencyKey: string | null
}

export interface AttemptKey {
  readonly accountId: number
  readonly attemptId: bigint
}

/** What tells where an attempt is kept. */
export type AttemptPlace = Pick<Attempt, 'accountId' | 'attemptId' | 'batch'>

/** Postgres' time, in its own words: compared by it, never by us. */
export type DatabaseTime = string & { readonly __brand: 'DatabaseTime' }

export async function databaseTime(tx: Tx): Promise<DatabaseTime> {
  const { rows } = await tx.execute<{ now: string }>(sql`select clock_timestamp()::text as now`)
  return (rows[0]?.now ?? '') as DatabaseTime
}

/**
 * Writes down the intent to settle a batch that was read as open.
 * @param intent `readFrom`: when that reading began. Whatever any earlier attempt sent must have been over by then.
 * @returns null when another attempt is not over, or has settled the batch: nothing is written then
 */
export async function beginAttempt(
  tx: Tx,
  intent: {
    accountId: number
    batch: BatchKey
    terminalId: HelcimId | null
    businessDate: BusinessDate
    plannedAt: Instant | null
    actor: string | null
    now: Instant
    readFrom: DatabaseTime
    currency: string | null
    netMinor: bigint | null
    countTotal: number | null
    idempotencyKey: string | null
  },
): Promise<Attempt | null> {
  const { accountId, batch, businessDate, plannedAt, actor, now, readFrom } = intent
  const table = ATTEMPTS[batch.kind]
  const own = ownColumns(intent)
  const { rows } = await tx.execute<{ attempt_id: string }>(sql`
    insert into ${table} (account_id, ${own.names}, business_date, planned_at, actor, intended_at, created_at, currency,
      net_minor, count_total)
    select ${accountId}, ${own.values}, ${businessDate}::date, ${plannedAt === null ? sql`null` : timestamp(plannedAt)},
      ${actor}, ${timestamp(now)}, clock_timestamp(), ${intent.currency}, ${intent.netMinor}::bigint,
      ${intent.countTotal}::integer
    where not exists (
      select from ${table} where account_id = ${accountId} and ${isOfBatch(batch)}
        and (finished_at is null or state = 'confirmed' or quiet_at > ${readFrom}::timestamptz))
    on conflict do nothing
    returning attempt_id`)
  const [row] = rows
  return row ? loadAttempt(tx, { accountId, attemptId: BigInt(row.attempt_id) }) : null
}

/** What only a kind has. */
function ownColumns({ batch, terminalId, idempotencyKey }: Pick<Attempt, 'batch' | 'terminalId' | 'idempotencyKey'>) {
  switch (batch.kind) {
    case 'card_batch':
      return { names: sql`card_batch_id, terminal_id`, values: sql`${batch.id}::bigint, ${terminalId}::bigint` }
    case 'ach_batch':
      return { names: sql`ach_batch_id, idempotency_key`, values: sql`${batch.id}::bigint, ${idempotencyKey}::text` }
  }
}

export async function loadAttempt(tx: Tx, key: AttemptKey): Promise<Attempt | null> {
  const [row] = await selectAttempts(tx).where(isThis(key))
  return row ? toAttempt(row) : null
}

/**
 * Takes the right to make the attempt's one call, which nobody can take again.
 * @param claim `leftMs`: real milliseconds until nothing of it is sent any more; `drainMs`: for how long Helcim may then
 *   still work on it
 * @returns false when the attempt is not ours any more
 */
export async function claimCall(
  tx: Tx,
  attempt: AttemptPlace & { readonly fence: number },
  claim: { leftMs: number; drainMs: number; now: Instant },
): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    update ${ATTEMPTS[attempt.batch.kind]} set state = 'calling', fence = fence + 1, called_at = ${timestamp(claim.now)},
      call_deadline_at = clock_timestamp() + ${interval(claim.leftMs)},
      quiet_at = clock_timestamp() + ${interval(claim.leftMs + claim.drainMs)}
    where ${isThis(attempt)} and state = 'intended' and fence = ${attempt.fence}`)
  return rowCount === 1
}

/** Notes how the call ended, unless a reading or a person was faster. What was not sent needs no quiet. */
export async function noteAnswer(
  tx: Tx,
  attempt: AttemptPlace,
  answer: { outcome: CallOutcome; status: number | null; words: string },
): Promise<void> {
  const { outcome, status, words } = answer
  await tx.execute(sql`
    update ${ATTEMPTS[attempt.batch.kind]} set state = 'unknown', outcome = ${outcome}, status = ${status}, words = ${words},
      quiet_at = case when ${outcome} = 'unsent' then clock_timestamp() else quiet_at end
    where ${isThis(attempt)} and state = 'calling'`)
}

/** Ends an attempt by what a reading showed. @returns false when it had ended already */
export async function finishAttempt(
  tx: Tx,
  attempt: AttemptPlace,
  resolution: Exclude<Resolution, { state: 'unknown' }>,
  now: Instant,
): Promise<boolean> {
  const confirmed = resolution.state === 'confirmed' ? resolution : null
  const { rowCount } = await tx.execute(sql`
    update ${ATTEMPTS[attempt.batch.kind]} set state = ${resolution.state}, fence = fence + 1, finished_at = ${timestamp(now)},
      closed_at = ${confirmed ? timestamp(confirmed.closedAt) : sql`null`}, closed_by = ${confirmed?.closedBy ?? null}
    where ${isThis(attempt)} and finished_at is null`)
  return rowCount === 1
}

/** Real milliseconds after which an attempt that nobody called for belongs to a process that is gone, or asleep. */
export const INTENT_MS_MAX = 60_000

/**
 * Ends an attempt that made no call. Whoever meant to make it finds its fence gone.
 * @param input `isOurs`: by the process that began it; else only one that is old enough
 */
export async function withdrawIntent(
  tx: Tx,
  attempt: AttemptPlace,
  input: { isOurs: boolean; words: string; now: Instant },
): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    update ${ATTEMPTS[attempt.batch.kind]} set state = 'not_taken', fence = fence + 1, finished_at = ${timestamp(input.now)},
      words = ${input.words}
    where ${isThis(attempt)} and state = 'intended'
      and (${input.isOurs} or created_at < clock_timestamp() - ${interval(INTENT_MS_MAX)})`)
  return rowCount === 1
}

/** A person ends an attempt. What it may have sent still keeps the next one waiting. @returns false when it had ended */
export async function abandonAttempt(
  tx: Tx,
  attempt: AttemptPlace,
  input: { actor: string; now: Instant },
): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    update ${ATTEMPTS[attempt.batch.kind]} set state = 'abandoned', fence = fence + 1, finished_at = ${timestamp(input.now)},
      words = concat_ws('; ', nullif(words, ''), 'abandoned by ' || ${input.actor}::text)
    where ${isThis(attempt)} and finished_at is null`)
  return rowCount === 1
}

/** Whether nothing of an attempt's call can be under way any more, by Postgres' time so many milliseconds from now. */
export async function isQuiet(tx: Tx, key: AttemptKey, waitMs: number): Promise<boolean> {
  const [row] = await tx
    .select({ isQuiet: sql<boolean>`quiet_at is not null and quiet_at <= clock_timestamp() + ${interval(waitMs)}` })
    .from(everyAttempt(tx))
    .where(isThis(key))
  return row?.isQuiet === true
}

/** Attempts that have not ended, the oldest first. */
export async function listUnfinishedAttempts(tx: Tx, accountId: number): Promise<Attempt[]> {
  const rows = await selectAttempts(tx)
    .where(sql`account_id = ${accountId} and finished_at is null`)
    .orderBy(sql`attempt_id`)
  return rows.map(toAttempt)
}

/** The newest attempts, of one batch or of all. */
export async function listAttempts(
  tx: Tx,
  { accountId, batch, limit }: { accountId: number; batch?: BatchKey; limit: number },
): Promise<Attempt[]> {
  const rows = await selectAttempts(tx)
    .where(sql`account_id = ${accountId} and ${batch ? isOfBatch(batch) : true}`)
    .orderBy(sql`attempt_id desc`)
    .limit(limit)
  return rows.map(toAttempt)
}

const selectAttempts = (tx: Tx) => tx.select().from(everyAttempt(tx))

/** Of one kind or of both: no two attempts have the same id. */
const isThis = ({ accountId, attemptId }: AttemptKey) => sql`account_id = ${accountId} and attempt_id = ${attemptId}`

const maybeInstant = (date: Date | null): Instant | null => date && toInstant(date.getTime())

const toAttempt = ({
  cardBatchId,
  achBatchId,
  ...row
}: Awaited<ReturnType<typeof selectAttempts>>[number]): Attempt => ({
  ...row,
  batch: batchOf({ cardBatchId, achBatchId }),
  businessDate: row.businessDate as BusinessDate,
  state: row.state as AttemptState,
  outcome: row.outcome as CallOutcome | null,
  closedBy: row.closedBy as Closer | null,
  plannedAt: maybeInstant(row.plannedAt),
  intendedAt: toInstant(row.intendedAt.getTime()),
  calledAt: maybeInstant(row.calledAt),
  finishedAt: maybeInstant(row.finishedAt),
  closedAt: maybeInstant(row.closedAt),
})
