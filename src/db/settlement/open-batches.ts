import { sql } from 'drizzle-orm'
import type { Instant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import { instantOf } from '../batch-facts.ts'
import type { Tx } from '../client.ts'
import { timestamp } from '../mirror/store-records.ts'

export interface OpenBatch {
  readonly cardBatchId: HelcimId
  readonly terminalId: HelcimId
  readonly batchNumber: bigint
  readonly openedAt: Instant | null
  readonly isStrictlyOpen: boolean
  readonly currency: string | null
  readonly netMinor: bigint | null
  readonly countTotal: number | null
  /** How far its statistics and rows were proved by the last judgement. */
  readonly checkState: string | null
}

/**
 * Batches that the mirror holds as not closed, the oldest first.
 * @param input `openedUntil`: only those opened until then, or at an unknown time
 */
export async function listOpenBatches(
  tx: Tx,
  { accountId, openedUntil }: { accountId: number; openedUntil: Instant | null },
): Promise<OpenBatch[]> {
  const { rows } = await tx.execute<Record<string, string | null> & { is_strictly_open: boolean }>(sql`
    select b.card_batch_id, b.terminal_id, b.batch_number, b.created_at, b.is_strictly_open, b.net_minor, b.count_total,
      t.currency, c.state
    from helcim.card_batches b
    left join helcim.card_terminals t on t.account_id = b.account_id and t.terminal_id = b.terminal_id
    left join recon.batch_checks c on c.account_id = b.account_id and c.card_batch_id = b.card_batch_id
    where b.account_id = ${accountId} and not b.is_closed and b.vanished_at is null
      ${openedUntil === null ? sql`` : sql`and (b.created_at is null or b.created_at <= ${timestamp(openedUntil)})`}
    order by b.created_at, b.card_batch_id`)
  return rows.map((row) => ({
    cardBatchId: BigInt(row.card_batch_id ?? 0),
    terminalId: BigInt(row.terminal_id ?? 0),
    batchNumber: BigInt(row.batch_number ?? 0),
    openedAt: instantOf(row.created_at),
    isStrictlyOpen: row.is_strictly_open === true,
    currency: row.currency ?? null,
    netMinor: row.net_minor === null || row.net_minor === undefined ? null : BigInt(row.net_minor),
    countTotal: row.count_total === null || row.count_total === undefined ? null : Number(row.count_total),
    checkState: row.state ?? null,
  }))
}

/** The currency of a terminal, which is that of its batches; null for one that is not mirrored. */
export async function loadTerminalCurrency(tx: Tx, accountId: number, terminalId: HelcimId): Promise<string | null> {
  const { rows } = await tx.execute<{ currency: string }>(sql`
    select currency from helcim.card_terminals where account_id = ${accountId} and terminal_id = ${terminalId}`)
  return rows[0]?.currency ?? null
}
