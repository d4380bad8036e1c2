import { type SQL, sql } from 'drizzle-orm'
import { currenciesOfAch, netOfAchRows } from '../../domain/ach-tie-out.ts'
import { type BatchKey, batchOf } from '../../domain/batch-key.ts'
import type { Instant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Tx } from '../client.ts'
import { instantOf, timestamp } from '../sql-values.ts'
import { loadAchRows } from './ach-rows.ts'
import { idOrNull } from './both-kinds.ts'

export interface OpenBatch {
  readonly batch: BatchKey
  /** Null for ACH, as is its number. */
  readonly terminalId: HelcimId | null
  readonly batchNumber: bigint | null
  readonly openedAt: Instant | null
  readonly isStrictlyOpen: boolean
  readonly currency: string | null
  readonly netMinor: bigint | null
  readonly countTotal: number | null
  /** How far its statistics and rows were proved by the last judgement; null where that judges none of its kind. */
  readonly checkState: string | null
}

type Row = Readonly<Record<string, string | null>> & { readonly is_strictly_open: boolean }

/**
 * Batches that the mirror holds as not closed, the oldest first.
 * @param input `openedUntil`: only those opened until then, or at an unknown time
 */
export async function listOpenBatches(
  tx: Tx,
  { accountId, openedUntil }: { accountId: number; openedUntil: Instant | null },
): Promise<OpenBatch[]> {
  const { rows } = await tx.execute<Row>(sql`
    select open.*, t.currency, c.state
    from (${openBatches(accountId)}) open
    left join helcim.card_terminals t on t.account_id = ${accountId} and t.terminal_id = open.terminal_id
    left join recon.batch_checks c on c.account_id = ${accountId} and c.card_batch_id = open.card_batch_id
    ${openedUntil === null ? sql`` : sql`where open.opened_at is null or open.opened_at <= ${timestamp(openedUntil)}`}
    order by open.opened_at, open.card_batch_id, open.ach_batch_id`)
  const batches: OpenBatch[] = []
  for (const row of rows) {
    const batch = batchOf({ cardBatchId: idOrNull(row.card_batch_id), achBatchId: idOrNull(row.ach_batch_id) })
    batches.push({
      batch,
      terminalId: idOrNull(row.terminal_id),
      batchNumber: idOrNull(row.batch_number),
      openedAt: instantOf(row.opened_at),
      isStrictlyOpen: row.is_strictly_open,
      currency: row.currency ?? null,
      netMinor: idOrNull(row.net_minor),
      countTotal: row.count_total === null || row.count_total === undefined ? null : Number(row.count_total),
      checkState: row.state ?? null,
      ...(batch.kind === 'ach_batch' ? await moneyOfAch(tx, accountId, batch.id) : {}),
    })
  }
  return batches
}

/** An ACH batch names neither its currency nor its net: its rows do. */
async function moneyOfAch(tx: Tx, accountId: number, achBatchId: HelcimId) {
  const rows = await loadAchRows(tx, { accountId, achBatchId })
  const [currency = null, ...others] = currenciesOfAch(rows)
  return { currency: others.length > 0 ? null : currency, netMinor: netOfAchRows(rows) }
}

/** Statement of all open batches, of cards and of ACH. */
export const openBatches = (accountId: number): SQL => sql`
  select b.card_batch_id, null::bigint as ach_batch_id, b.terminal_id, b.batch_number, b.created_at as opened_at,
    b.is_strictly_open, b.net_minor, b.count_total
  from helcim.card_batches b where b.account_id = ${accountId} and not b.is_closed and b.vanished_at is null
  union all
  select null, b.ach_batch_id, null, null, b.opened_at, b.status = 'OPEN' and b.closed_at is null, null,
    b.count_withdrawals + b.count_deposits + b.count_reversed + b.count_refunded
  from helcim.ach_batches b where b.account_id = ${accountId} and b.status <> 'CLOSED' and b.vanished_at is null`

/** The currency of a terminal, which is that of its batches; null for one that is not mirrored. */
export async function loadTerminalCurrency(tx: Tx, accountId: number, terminalId: HelcimId): Promise<string | null> {
  const { rows } = await tx.execute<{ currency: string }>(sql`
    select currency from helcim.card_terminals where account_id = ${accountId} and terminal_id = ${terminalId}`)
  return rows[0]?.currency ?? null
}
