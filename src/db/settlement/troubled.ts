import { sql } from 'drizzle-orm'
import { type BatchKey, batchOf } from '../../domain/batch-key.ts'
import type { Instant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Tx } from '../client.ts'
import { instantOf, timestamp } from '../sql-values.ts'
import { everyAttempt, idOrNull } from './both-kinds.ts'

/** An attempt of which a person must hear. */
export interface TroubledAttempt {
  readonly attemptId: bigint
  readonly batch: BatchKey
  readonly terminalId: HelcimId | null
  readonly state: string
  readonly calledAt: Instant | null
  readonly status: number | null
  readonly words: string | null
}

/** The last attempt of each batch, where it was refused and the batch is open, or is not certain since `calledBefore`. */
export async function listTroubledAttempts(
  tx: Tx,
  { accountId, calledBefore }: { accountId: number; calledBefore: Instant },
): Promise<TroubledAttempt[]> {
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    select a.attempt_id, a.card_batch_id, a.ach_batch_id, a.terminal_id, a.state, a.called_at, a.status, a.words
    from (
      select distinct on (card_batch_id, ach_batch_id) * from ${everyAttempt(tx)}
      where account_id = ${accountId} order by card_batch_id, ach_batch_id, attempt_id desc
    ) a
    left join helcim.card_batches b on b.account_id = a.account_id and b.card_batch_id = a.card_batch_id
    left join helcim.ach_batches e on e.account_id = a.account_id and e.ach_batch_id = a.ach_batch_id
    where a.state = 'refused' and b.is_closed is not true and e.status is distinct from 'CLOSED'
      or a.finished_at is null and a.called_at <= ${timestamp(calledBefore)}
    order by a.card_batch_id, a.ach_batch_id`)
  return rows.map((row) => ({
    attemptId: BigInt(row.attempt_id ?? 0),
    batch: batchOf({ cardBatchId: idOrNull(row.card_batch_id), achBatchId: idOrNull(row.ach_batch_id) }),
    terminalId: idOrNull(row.terminal_id),
    state: row.state ?? '',
    calledAt: instantOf(row.called_at),
    status: row.status === null || row.status === undefined ? null : Number(row.status),
    words: row.words ?? null,
  }))
}
