import { sql } from 'drizzle-orm'
import type { Instant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Reason } from '../../domain/settlement-policy.ts'
import type { Tx } from '../client.ts'
import { arrayOf, timestamp } from '../mirror/store-records.ts'

/** An attempt that came to its end. */
export interface EndedAttempt {
  readonly attemptId: bigint
  readonly cardBatchId: HelcimId
  readonly terminalId: HelcimId
  /** `confirmed`, `refused`, `not_taken` or `abandoned`. */
  readonly state: string
  readonly closedBy: string | null
  readonly status: number | null
  readonly words: string | null
  readonly currency: string | null
  readonly netMinor: bigint | null
}

/** A batch that was meant to be settled and was not, or in a dry run would have been. */
export interface PassedBatch {
  readonly cardBatchId: HelcimId
  readonly terminalId: HelcimId
  readonly verdict: 'hold' | 'settle'
  readonly mode: string
  readonly reasons: readonly Reason[]
  readonly currency: string | null
  readonly netMinor: bigint | null
}

/** Attempts that ended after an instant, without those named, the most money first. */
export async function listEndedAttempts(
  tx: Tx,
  { accountId, after, without }: { accountId: number; after: Instant; without: readonly bigint[] },
): Promise<EndedAttempt[]> {
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    select attempt_id, card_batch_id, terminal_id, state, closed_by, status, words, currency, net_minor
    from recon.settlement_attempts
    where account_id = ${accountId} and finished_at > ${timestamp(after)}
      and not (attempt_id = any(${arrayOf(without)}::bigint[]))
    order by currency, abs(net_minor) desc nulls last, attempt_id`)
  return rows.map((row) => ({
    ...batchOf(row),
    attemptId: BigInt(row.attempt_id ?? 0),
    state: row.state ?? '',
    closedBy: row.closed_by ?? null,
    status: row.status === null || row.status === undefined ? null : Number(row.status),
    words: row.words ?? null,
  }))
}

/** Open batches whose last decision, made after an instant, is to hold them, or to settle them in a dry run. */
export async function listPassedBatches(
  tx: Tx,
  { accountId, after }: { accountId: number; after: Instant },
): Promise<PassedBatch[]> {
  const { rows } = await tx.execute<Record<string, string | null> & { reasons: Reason[] }>(sql`
    select b.card_batch_id, b.terminal_id, last.verdict, last.mode, last.reasons, last.currency, last.net_minor
    from helcim.card_batches b
    cross join lateral (
      select d.verdict, d.mode, d.reasons, d.currency, d.net_minor, d.last_at from recon.settlement_decisions d
      where d.account_id = b.account_id and d.card_batch_id = b.card_batch_id order by d.decision_id desc limit 1
    ) last
    where b.account_id = ${accountId} and not b.is_closed and b.vanished_at is null
      and last.last_at > ${timestamp(after)}
      and (last.verdict = 'hold' or last.verdict = 'settle' and last.mode = 'dry-run')
    order by last.verdict, last.currency, abs(last.net_minor) desc nulls last, b.card_batch_id`)
  return rows.map((row) => ({
    ...batchOf(row),
    verdict: row.verdict === 'settle' ? 'settle' : 'hold',
    mode: row.mode ?? '',
    reasons: row.reasons,
  }))
}

const batchOf = (row: Record<string, string | null | readonly Reason[]>) => ({
  cardBatchId: BigInt(String(row.card_batch_id ?? 0)),
  terminalId: BigInt(String(row.terminal_id ?? 0)),
  currency: row.currency === null ? null : String(row.currency),
  netMinor: row.net_minor === null ? null : BigInt(String(row.net_minor)),
})
