import { sql } from 'drizzle-orm'
import { type BatchKey, batchOf } from '../../domain/batch-key.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Reason } from '../../domain/settlement-policy.ts'
import type { Tx } from '../client.ts'
import { instantOf, timestamp } from '../sql-values.ts'
import { everyDecision, idOrNull } from './both-kinds.ts'
import { openBatches } from './open-batches.ts'

export interface OverdueBatch {
  readonly batch: BatchKey
  readonly terminalId: HelcimId | null
  readonly heldSince: Instant
  readonly reasons: readonly Reason[]
}

/**
 * Open batches that were meant to be settled at their cut-off and have been held since before `heldBefore`. What was
 * decided in a dry run holds nothing, and what was decided for a person who asked was told to that person.
 */
export async function listOverdue(
  tx: Tx,
  { accountId, heldBefore }: { accountId: number; heldBefore: Instant },
): Promise<OverdueBatch[]> {
  const decisions = everyDecision(tx)
  const { rows } = await tx.execute<{
    card_batch_id: string | null
    ach_batch_id: string | null
    terminal_id: string | null
    held_since: string
    reasons: Reason[]
  }>(sql`
    with open as (${openBatches(accountId)})
    select open.card_batch_id, open.ach_batch_id, open.terminal_id, last.reasons, held.since as held_since
    from open
    cross join lateral (
      select verdict, mode, reasons from ${decisions}
      where account_id = ${accountId} and ${IS_SAME} and planned_at is not null order by decision_id desc limit 1
    ) last
    cross join lateral (
      select min(first_at) as since from ${decisions}
      where account_id = ${accountId} and ${IS_SAME} and planned_at is not null and verdict = 'hold'
        and mode = 'on'
        and decision_id > coalesce((
          select max(decision_id) from ${decisions}
          where account_id = ${accountId} and ${IS_SAME} and verdict = 'skip'), 0)
    ) held
    where last.verdict = 'hold' and last.mode = 'on' and held.since <= ${timestamp(heldBefore)}
    order by 1, 2`)
  return rows.map((row) => ({
    batch: batchOf({ cardBatchId: idOrNull(row.card_batch_id), achBatchId: idOrNull(row.ach_batch_id) }),
    terminalId: idOrNull(row.terminal_id),
    heldSince: instantOf(row.held_since) ?? toInstant(0),
    reasons: row.reasons,
  }))
}

/** Only one of both can hold: the other compares with null. */
const IS_SAME = sql`(decisions.card_batch_id = open.card_batch_id or decisions.ach_batch_id = open.ach_batch_id)`
