import { sql } from 'drizzle-orm'
import { type Calibration, COUNT_RULES, type CountRule } from '../domain/batch-tie-out.ts'
import type { Instant } from '../domain/clock.ts'
import type { Tx } from './client.ts'
import { timestamp } from './sql-values.ts'

/** The rule by which this account's batch counts are read; null until enough closed batches agreed on one. */
export async function loadCountRule(tx: Tx, accountId: number): Promise<CountRule | null> {
  const { rows } = await tx.execute<{ rule: string }>(sql`
    select rule from recon.calibrations where account_id = ${accountId} and subject = 'card_batch_counts'`)
  return COUNT_RULES.find((rule) => rule === rows[0]?.rule) ?? null
}

export async function storeCalibration(
  tx: Tx,
  input: { accountId: number; calibration: Calibration; now: Instant },
): Promise<void> {
  const { rule, countAgreeing, countTested } = input.calibration
  await tx.execute(sql`
    insert into recon.calibrations (account_id, subject, rule, count_agreeing, count_tested, calibrated_at)
    values (${input.accountId}, 'card_batch_counts', ${rule}, ${countAgreeing}, ${countTested}, ${timestamp(input.now)})
    on conflict (account_id, subject) do update set rule = excluded.rule, count_agreeing = excluded.count_agreeing,
      count_tested = excluded.count_tested, calibrated_at = excluded.calibrated_at`)
}
