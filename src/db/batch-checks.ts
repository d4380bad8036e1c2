import { type SQL, sql } from 'drizzle-orm'
import type { BusinessDate } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import type { HelcimId } from '../domain/record.ts'
import type { BatchState } from './batch-facts.ts'
import type { Tx } from './client.ts'
import { holdMark } from './marks.ts'
import { markSubjects } from './mirror/mark-rules.ts'
import { arrayOf, timestamp } from './sql-values.ts'

/**
 * Dates the statistics that a reading returned: unchanged ones now stood until this reading, changed ones stand since
 * it. Batches already proved for good are left alone, so that an uneventful poll writes next to nothing.
 * @param cardBatchIds the batches that the reading returned, already stored
 */
export async function dateStatistics(
  tx: Tx,
  input: { accountId: number; cardBatchIds: readonly HelcimId[]; readAt: Instant },
): Promise<void> {
  const readAt = timestamp(input.readAt)
  await tx.execute(sql`
    insert into recon.batch_checks as c (account_id, card_batch_id, statistics_since, statistics_until)
    select b.account_id, b.card_batch_id, b.observed_at, ${readAt}
    from helcim.card_batches b
    left join recon.batch_checks known on known.account_id = b.account_id and known.card_batch_id = b.card_batch_id
    where b.account_id = ${input.accountId} and b.card_batch_id = any(${arrayOf(input.cardBatchIds)}::bigint[])
      and b.net_minor is not null
      and (known.card_batch_id is null or not known.is_final or known.statistics_since is distinct from b.observed_at)
    on conflict (account_id, card_batch_id) do update set
      statistics_since = excluded.statistics_since,
      statistics_until = greatest(c.statistics_until, excluded.statistics_until),
      state = case when c.state = 'missing' then 'waiting' else c.state end,
      is_final = c.is_final and c.statistics_since is not distinct from excluded.statistics_since`)
}

/**
 * Notes a complete reading of a batch's rows.
 * @param upTo the highest id that it returned; null where it returned none
 */
export async function dateRows(
  tx: Tx,
  input: { accountId: number; cardBatchId: HelcimId; readFrom: Instant; readUntil: Instant; upTo: HelcimId | null },
): Promise<void> {
  const { accountId, cardBatchId, readFrom, readUntil, upTo } = input
  await tx.execute(sql`
    insert into recon.batch_checks as c (account_id, card_batch_id, rows_read_from, rows_read_until, complete_up_to)
    values (${accountId}, ${cardBatchId}, ${timestamp(readFrom)}, ${timestamp(readUntil)}, ${upTo})
    on conflict (account_id, card_batch_id) do update set
      rows_read_from = excluded.rows_read_from, rows_read_until = excluded.rows_read_until,
      complete_up_to = greatest(c.complete_up_to, excluded.complete_up_to)
      where c.rows_read_from is null or c.rows_read_from < excluded.rows_read_from`)
}

/**
 * Rows that we hold in a batch, and that a complete reading of it did not return: the days on which they were made, of
 * those that have one. Rows first or last seen since it began are newer than what it saw; and a row that a reading of its
 * day has returned since Helcim's figures of the batch are what they are is not lost, whatever the batch returns.
 */
export async function listDaysOfLostRows(
  tx: Tx,
  input: { accountId: number; cardBatchId: HelcimId; seenIds: readonly HelcimId[]; readFrom: Instant },
): Promise<BusinessDate[]> {
  const { accountId, cardBatchId, seenIds, readFrom } = input
  const { rows } = await tx.execute<{ day: BusinessDate }>(sql`
    select distinct created_on::text as day from helcim.card_transactions
    where account_id = ${accountId} and card_batch_id = ${cardBatchId} and vanished_at is null
      and observed_at < ${timestamp(readFrom)} and created_on is not null
      and not (transaction_id = any(${arrayOf(seenIds)}::bigint[]))
      and not exists (
        select from recon.covered_days d join recon.batch_checks c on c.account_id = d.account_id
        where d.account_id = ${accountId} and d.resource = 'card_transaction' and d.day = created_on
          and c.card_batch_id = ${cardBatchId} and d.read_at >= c.statistics_since)
    order by 1`)
  return rows.map(({ day }) => day)
}

/** Notes that the rows of a batch above `complete_up_to` were read. What lies below nobody looked at. */
export async function dateTail(
  tx: Tx,
  { accountId, cardBatchId, readFrom }: { accountId: number; cardBatchId: HelcimId; readFrom: Instant },
): Promise<void> {
  await tx.execute(sql`
    update recon.batch_checks set tail_read_from = greatest(tail_read_from, ${timestamp(readFrom)})
    where account_id = ${accountId} and card_batch_id = ${cardBatchId}`)
}

/**
 * Notes that all rows of a batch up to an id are here, because they tied out with what Helcim counted.
 * @param upTo null for all that we have
 */
export async function completeUpTo(
  tx: Tx,
  { accountId, cardBatchId, upTo }: { accountId: number; cardBatchId: HelcimId; upTo: HelcimId | null },
): Promise<void> {
  await tx.execute(sql`
    update recon.batch_checks set complete_up_to = greatest(complete_up_to, coalesce(${upTo}::bigint, (
      select max(transaction_id) from helcim.card_transactions
      where account_id = ${accountId} and card_batch_id = ${cardBatchId} and vanished_at is null)))
    where account_id = ${accountId} and card_batch_id = ${cardBatchId}`)
}

/** Helcim answered that there is no batch with this id. */
export async function noteMissingBatch(tx: Tx, input: { accountId: number; cardBatchId: HelcimId }): Promise<void> {
  await tx.execute(sql`
    insert into recon.batch_checks as c (account_id, card_batch_id, state)
    values (${input.accountId}, ${input.cardBatchId}, 'missing')
    on conflict (account_id, card_batch_id) do update set state = 'missing', is_final = false`)
  const values = [String(input.cardBatchId)]
  await markSubjects(tx, { accountId: input.accountId, rule: TOLD_BY_STATE, values, movedAt: null })
}

/** What reverses of a batch voided can be told by whether it ties out. */
const TOLD_BY_STATE = { kind: 'books_batch', column: 'card_batch_id', subjects: 'itself' } as const

export interface JudgedBatch {
  readonly cardBatchId: HelcimId
  readonly state: BatchState
  readonly isFinal: boolean
  readonly finalFingerprint: string | null
  readonly movedAt: Instant | null
  /** The newest reverse among the rows that tied out; 0 where there is none, or nothing tied out. */
  readonly reversesUpTo: HelcimId
  /** Since when the statistics stood that were judged. */
  readonly judgedSince: Instant | null
}

/** Stores judgements; rows in which nothing changed are not written. */
export async function storeJudgements(
  tx: Tx,
  input: { accountId: number; judged: readonly JudgedBatch[]; now: Instant },
): Promise<void> {
  if (input.judged.length === 0) return
  const parameter = JSON.stringify(input.judged, (_, value) => (typeof value === 'bigint' ? String(value) : value))
  await tx.execute(sql`
    with judged as (
      select * from json_to_recordset(${parameter}::json)
        as j("cardBatchId" bigint, state text, "isFinal" boolean, "finalFingerprint" text, "movedAt" bigint,
          "reversesUpTo" bigint, "judgedSince" bigint)
    ), versions as (
      insert into recon.batch_check_versions (account_id, card_batch_id, until, state, reverses_up_to)
      select c.account_id, c.card_batch_id, ${timestamp(input.now)}, c.state, c.reverses_up_to
      from judged j join recon.batch_checks c on c.account_id = ${input.accountId} and c.card_batch_id = j."cardBatchId"
      where (c.state, c.reverses_up_to) is distinct from (j.state, j."reversesUpTo")
      on conflict do nothing
    ), marked as (
      -- What reverses of a batch voided can be told by whether it ties out, up to which of them, and by which figures.
      insert into recon.marks (account_id, subject_kind, subject_id)
      select ${input.accountId}::int, 'books_batch', j."cardBatchId"::text
      from judged j left join recon.batch_checks c on c.account_id = ${input.accountId} and c.card_batch_id = j."cardBatchId"
      where (c.state, c.reverses_up_to, c.judged_since)
        is distinct from (j.state, j."reversesUpTo", to_timestamp(j."judgedSince" / 1000.0))
      order by 3 ${holdMark}
    )
    insert into recon.batch_checks as c
      (account_id, card_batch_id, state, is_final, final_fingerprint, moved_at, checked_at, reverses_up_to, judged_since)
    select ${input.accountId}, "cardBatchId", state, "isFinal", "finalFingerprint", to_timestamp("movedAt" / 1000.0),
      ${timestamp(input.now)}, "reversesUpTo", to_timestamp("judgedSince" / 1000.0)
    from judged
    on conflict (account_id, card_batch_id) do update set
      state = excluded.state, is_final = excluded.is_final, final_fingerprint = excluded.final_fingerprint,
      moved_at = excluded.moved_at, checked_at = excluded.checked_at, reverses_up_to = excluded.reverses_up_to,
      judged_since = excluded.judged_since
      where (c.state, c.is_final, c.final_fingerprint, c.moved_at, c.reverses_up_to, c.judged_since) is distinct from
        (excluded.state, excluded.is_final, excluded.final_fingerprint, excluded.moved_at, excluded.reverses_up_to,
          excluded.judged_since)
      -- Helcim may have answered that the batch is missing while this judgement, which did not know, was made.
      and not (c.state = 'missing' and excluded.state = 'waiting')`)
}

/** Has batches looked at again by every run, as if they had not been proved. */
export async function keepUnproved(tx: Tx, accountId: number, cardBatchIds: readonly HelcimId[]): Promise<void> {
  if (cardBatchIds.length === 0) return
  await tx.execute(sql`
    update recon.batch_checks set is_final = false
    where account_id = ${accountId} and card_batch_id = any(${arrayOf(cardBatchIds)}::bigint[]) and is_final`)
}

/** Batches that are open, or not yet proved for good: time alone can change what is to be said about them. */
export async function listUnprovedBatches(tx: Tx, accountId: number): Promise<HelcimId[]> {
  const { rows } = await tx.execute<{ card_batch_id: string }>(sql`
    select card_batch_id from recon.batch_checks where account_id = ${accountId} and not is_final`)
  return rows.map((row) => BigInt(row.card_batch_id))
}

/** Of these batches, those that do not wait for a reading. */
export async function listDecidedBatches(
  tx: Tx,
  { accountId, cardBatchIds }: { accountId: number; cardBatchIds: readonly HelcimId[] },
): Promise<ReadonlySet<HelcimId>> {
  if (cardBatchIds.length === 0) return new Set()
  const { rows } = await tx.execute<{ card_batch_id: string }>(sql`
    select card_batch_id from recon.batch_checks
    where account_id = ${accountId} and card_batch_id = any(${arrayOf(cardBatchIds)}::bigint[]) and state <> 'waiting'`)
  return new Set(rows.map((row) => BigInt(row.card_batch_id)))
}

export interface NumberGap {
  readonly terminalId: bigint
  readonly batchNumber: bigint
  /** The batch that stands next above the hole. */
  readonly aboveId: HelcimId
  /** Asked for by its number, and not returned: the hole is Helcim's, not ours. */
  readonly isConfirmed: boolean
}

/** At most so many missing numbers per hole are asked for one by one. */
const GAP_MAX = 25

/**
 * Holes in the consecutive batch numbers of each terminal, from the first batch in scope on. Beside given batches it
 * also looks wherever a number was ever asked for, so that all confirmed holes are found at the cost of what changed.
 * @param besideIds the batches beside which to look, or null for everywhere
 */
export async function listNumberGaps(
  tx: Tx,
  input: { accountId: number; closedFrom: Instant; besideIds: readonly HelcimId[] | null },
): Promise<NumberGap[]> {
  const { accountId, closedFrom, besideIds } = input
  // One that is gone is told as such, and no hole.
  const inScope = sql`account_id = ${accountId} and (closed_at is null or closed_at >= ${timestamp(closedFrom)})`
  const { rows } = await tx.execute<GapRow>(sql`
    with numbered as (${besideIds === null ? numberedBatches(inScope) : numberedBeside(inScope, accountId, besideIds)})
    select n.terminal_id, missing as batch_number, n.card_batch_id as above_id, exists (
      select from recon.pulls p
      where p.account_id = ${accountId} and p.resource = 'card_batch' and p.window_kind = 'batch_number'
        and p.subject = n.terminal_id || ':' || missing and p.state = 'complete' and p.count_rows = 0) as is_confirmed
    from numbered n, generate_series(n.before + 1, least(n.batch_number - 1, n.before + ${GAP_MAX})) as missing
    order by 1, 2`)
  return rows.map((row) => ({
    terminalId: BigInt(row.terminal_id),
    batchNumber: BigInt(row.batch_number),
    aboveId: BigInt(row.above_id),
    isConfirmed: row.is_confirmed,
  }))
}

type GapRow = { terminal_id: string; batch_number: string; above_id: string; is_confirmed: boolean }

/** Every batch in scope, with the number that stands before its own. */
const numberedBatches = (inScope: SQL): SQL => sql`
  select terminal_id, batch_number, card_batch_id,
    lag(batch_number) over (partition by terminal_id order by batch_number, card_batch_id) as before
  from helcim.card_batches where ${inScope}`

/** The same for batches that stand beside a given one, or next after a number that was asked for. */
const numberedBeside = (inScope: SQL, accountId: number, besideIds: readonly HelcimId[]): SQL => sql`
  select place.terminal_id, above.batch_number, above.card_batch_id, below.batch_number as before
  from (
    select terminal_id, batch_number from helcim.card_batches
    where account_id = ${accountId} and card_batch_id = any(${arrayOf(besideIds)}::bigint[])
    union
    select terminal_id, batch_number + 1 from helcim.card_batches
    where account_id = ${accountId} and card_batch_id = any(${arrayOf(besideIds)}::bigint[])
    union
    select split_part(subject, ':', 1)::bigint, split_part(subject, ':', 2)::bigint from recon.pulls
    where account_id = ${accountId} and resource = 'card_batch' and window_kind = 'batch_number'
  ) place
  cross join lateral (
    select batch_number, card_batch_id from helcim.card_batches
    where ${inScope} and terminal_id = place.terminal_id and batch_number >= place.batch_number
    order by batch_number, card_batch_id limit 1
  ) above
  cross join lateral (
    select batch_number from helcim.card_batches
    where ${inScope} and terminal_id = place.terminal_id and batch_number < above.batch_number
    order by batch_number desc limit 1
  ) below
  group by 1, 2, 3, 4`
