import { sql } from 'drizzle-orm'
import type { Instant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import { instantOf } from '../batch-facts.ts'
import type { Tx } from '../client.ts'
import { timestamp } from '../mirror/store-records.ts'

/** An attempt of which a person must hear. */
export interface TroubledAttempt {
  readonly attemptId: bigint
  readonly cardBatchId: HelcimId
  readonly terminalId: HelcimId
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
    select a.attempt_id, a.card_batch_id, a.terminal_id, a.state, a.called_at, a.status, a.words
    from (
      select distinct on (card_batch_id) * from recon.settlement_attempts
      where account_id = ${accountId} order by card_batch_id, attempt_id desc
    ) a
    left join helcim.card_batches b on b.account_id = a.account_id and b.card_batch_id = a.card_batch_id
    where a.state = 'refused' and b.is_closed is not true
      or a.finished_at is null and a.called_at <= ${timestamp(calledBefore)}
    order by a.card_batch_id`)
  return rows.map((row) => ({
    attemptId: BigInt(row.attempt_id ?? 0),
    cardBatchId: BigInt(row.card_batch_id ?? 0),
    terminalId: BigInt(row.terminal_id ?? 0),
    state: row.state ?? '',
    calledAt: instantOf(row.called_at),
    status: row.status === null || row.status === undefined ? null : Number(row.status),
    words: row.words ?? null,
  }))
}
