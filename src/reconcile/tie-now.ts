import { sql } from 'drizzle-orm'
import { type BatchFacts, loadBatchFacts } from '../db/batch-facts.ts'
import { loadCountRule } from '../db/calibrations.ts'
import type { Tx } from '../db/client.ts'
import { timestamp } from '../db/sql-values.ts'
import { type CountRule, isTypeCounted, tiesOut } from '../domain/batch-tie-out.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import type { HelcimId } from '../domain/record.ts'
import type { Tie } from '../domain/settlement-policy.ts'
import { isBracketed, isMixed } from './card-batches.ts'

/** Helcim's clock and ours may be so far apart. */
const SKEW_MS_MAX = 5_000
/** More rows than this between statistics and rows, and both are read again. */
const NEWER_ROWS_MAX = 1_000
/** Where no rule says how many came later, each is tried. */
const NEWER_TRIED_MAX = 50

/**
 * Whether the statistics of a batch agree with its rows, both as read last. A busy batch never stands still between two
 * readings: its statistics agree if they do so with the rows that were there when they were read, all that came later
 * left out. They must agree to the cent in all figures, and only rows younger than the statistics may be left out. Rows in
 * another currency are in no figure, so that agreeing figures prove nothing beside them.
 */
export async function tieNow(
  tx: Tx,
  { accountId, cardBatchId }: { accountId: number; cardBatchId: HelcimId },
): Promise<{ tie: Tie; facts: BatchFacts | null }> {
  const rule = await loadCountRule(tx, accountId)
  const [facts] = await loadBatchFacts(tx, accountId, [cardBatchId])
  if (facts && isMixed(facts)) return { tie: 'mixed', facts }
  if (!facts?.batch?.statistics || !isReadAfterStatistics(facts)) return { tie: 'waiting', facts: facts ?? null }
  const isTied = isTiedOut(facts, rule) || (await findTieBefore(tx, { accountId, facts, rule })) !== null
  if (isTied) return { tie: 'tied', facts }
  return { tie: isBracketed(facts) ? 'differs' : 'waiting', facts }
}

/** All figures agree with all rows. */
export function isTiedOut({ batch, rows }: BatchFacts, rule: CountRule | null): boolean {
  return batch?.statistics ? tiesOut(batch.statistics, rows, rule) : false
}

/**
 * Leaves out the rows that came after the statistics, until those that are left agree with them.
 * @returns the id up to which they do, or null
 */
export async function findTieBefore(
  tx: Tx,
  { accountId, facts, rule }: { accountId: number; facts: BatchFacts; rule: CountRule | null },
): Promise<HelcimId | null> {
  const { cardBatchId, batch } = facts
  if (!batch?.statistics) return null
  const { newer, countOfBatch } = await listNewerRows(tx, { accountId, facts, rule })
  // By the rule Helcim's count says how many came later; without one each of them may be where it stopped counting.
  const surplus = rule === null ? null : countOfBatch - batch.statistics.counts.total
  if (surplus !== null && surplus <= 0) return null
  let countNewer = 0
  for (const { id, isCounted } of newer) {
    if (isCounted) countNewer += 1
    if (surplus !== null && countNewer > surplus) return null
    if (surplus !== null && countNewer < surplus) continue
    const [before] = await loadBatchFacts(tx, accountId, [cardBatchId], id - 1n)
    if (before && isTiedOut(before, rule)) return id - 1n
  }
  return null
}

const isReadAfterStatistics = ({ check }: BatchFacts): boolean =>
  check?.rowsReadFrom !== null &&
  check?.rowsReadFrom !== undefined &&
  check.statisticsSince !== null &&
  check.statisticsSince <= check.rowsReadFrom

/** Rows younger than the present statistics, the newest first, and how many of the batch the rule counts at that moment. */
async function listNewerRows(
  tx: Tx,
  { accountId, facts, rule }: { accountId: number; facts: BatchFacts; rule: CountRule | null },
): Promise<{ newer: { id: HelcimId; isCounted: boolean }[]; countOfBatch: number }> {
  const { cardBatchId, check } = facts
  const until: Instant = check?.statisticsUntil ?? toInstant(0)
  const ofBatch = sql`account_id = ${accountId} and card_batch_id = ${cardBatchId} and vanished_at is null`
  const left = ['preauth', 'verify'].filter((type) => rule !== null && !isTypeCounted(rule, type))
  // In one statement: others store rows meanwhile, and a count of before would not fit the rows of after.
  const { rows } = await tx.execute<{ transaction_id: string; type: string; count_of_batch: string }>(sql`
    select transaction_id, type,
      (select count(*) from helcim.card_transactions where ${ofBatch} and type <> all(string_to_array(${left.join()}, ',')))
        as count_of_batch
    from helcim.card_transactions
    where ${ofBatch} and created_at >= ${timestamp(toInstant(until - SKEW_MS_MAX))}
    order by transaction_id desc limit ${rule === null ? NEWER_TRIED_MAX : NEWER_ROWS_MAX}`)
  return {
    newer: rows.map(({ transaction_id: id, type }) => ({ id: BigInt(id), isCounted: !left.includes(type) })),
    countOfBatch: Number(rows[0]?.count_of_batch ?? 0),
  }
}
