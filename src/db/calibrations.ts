import { sql } from 'drizzle-orm'
import { type Calibration, COUNT_RULES, type CountRule } from '../domain/batch-tie-out.ts'
import type { Instant } from '../domain/clock.ts'
import type { Tx } from './client.ts'
import { instantOf, timestamp } from './sql-values.ts'

/** What the last attempt to learn how this account's batches are counted came to. */
export interface KnownCounting {
  /** null until enough closed batches agreed on one. */
  readonly rule: CountRule | null
  /** When what it was learned from was read; null if nobody tried yet. */
  readonly triedAt: Instant | null
}

/** Stored in place of a rule by an attempt that found none. */
const NO_RULE = 'unknown'

/** The rule by which this account's batch counts are read, and when it was learned. */
export async function loadCounting(tx: Tx, accountId: number): Promise<KnownCounting> {
  const { rows } = await tx.execute<{ rule: string; tried_at: string }>(sql`
    select rule, calibrated_at as tried_at from recon.calibrations
    where account_id = ${accountId} and subject = 'card_batch_counts'`)
  const [row] = rows
  return {
    rule: COUNT_RULES.find((rule) => rule === row?.rule) ?? null,
    triedAt: row ? instantOf(row.tried_at) : null,
  }
}

/** The rule by which this account's batch counts are read; null until enough closed batches agreed on one. */
export const loadCountRule = async (tx: Tx, accountId: number): Promise<CountRule | null> =>
  (await loadCounting(tx, accountId)).rule

/** @param input `calibration`: null when nothing could be learned; a rule known before stays */
export async function storeCalibration(
  tx: Tx,
  input: { accountId: number; calibration: Calibration | null; now: Instant },
): Promise<void> {
  const { calibration, accountId, now } = input
  const { rule, countAgreeing, countTested } = calibration ?? { rule: NO_RULE, countAgreeing: 0, countTested: 0 }
  const isFound = sql`excluded.rule <> ${NO_RULE}`
  await tx.execute(sql`
    insert into recon.calibrations as c (account_id, subject, rule, count_agreeing, count_tested, calibrated_at)
    values (${accountId}, 'card_batch_counts', ${rule}, ${countAgreeing}, ${countTested}, ${timestamp(now)})
    on conflict (account_id, subject) do update set calibrated_at = excluded.calibrated_at,
      rule = case when ${isFound} then excluded.rule else c.rule end,
      count_agreeing = case when ${isFound} then excluded.count_agreeing else c.count_agreeing end,
      count_tested = case when ${isFound} then excluded.count_tested else c.count_tested end`)
}
