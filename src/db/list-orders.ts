import { sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { ListOrder } from '../domain/pull.ts'
import type { HelcimId } from '../domain/record.ts'
import type { LearnedOrder, TailStart } from '../domain/tail.ts'
import type { Tx } from './client.ts'
import { arrayOf, timestamp } from './sql-values.ts'

/** A list of one account: a resource, by the filter with which it is read. */
export interface ListKey {
  readonly accountId: number
  readonly resource: string
  readonly windowKind: string
}

/** Remembers in which order a list came; a page size that this walk could not tell stays. Unchanged it writes nothing. */
export async function storeOrder(
  tx: Tx,
  { accountId, resource, windowKind }: ListKey,
  seen: { listOrder: ListOrder; pageSize: number | null; now: Instant },
): Promise<void> {
  const { listOrder, pageSize, now } = seen
  await tx.execute(sql`
    insert into recon.list_orders as o (account_id, resource, window_kind, list_order, page_size, observed_at)
    values (${accountId}, ${resource}, ${windowKind}, ${listOrder}, ${pageSize}, ${timestamp(now)})
    on conflict (account_id, resource, window_kind) do update set
      list_order = excluded.list_order, page_size = coalesce(excluded.page_size, o.page_size),
      observed_at = excluded.observed_at
      where (o.list_order, o.page_size)
        is distinct from (excluded.list_order, coalesce(excluded.page_size, o.page_size))`)
}

/** @returns null for a list whose order no walk has told yet */
export async function loadOrder(tx: Tx, { accountId, resource, windowKind }: ListKey): Promise<LearnedOrder | null> {
  const { rows } = await tx.execute<{ list_order: string; page_size: number | null }>(sql`
    select list_order, page_size from recon.list_orders
    where account_id = ${accountId} and resource = ${resource} and window_kind = ${windowKind}`)
  const [row] = rows
  return row ? { listOrder: row.list_order as ListOrder, pageSize: row.page_size } : null
}

/** Of these batches, the ones of which rows are known to be complete up to some id. */
export async function loadTailStarts(
  tx: Tx,
  { accountId, cardBatchIds }: { accountId: number; cardBatchIds: readonly HelcimId[] },
): Promise<Map<HelcimId, TailStart>> {
  if (cardBatchIds.length === 0) return new Map()
  const { rows } = await tx.execute<Record<'card_batch_id' | 'complete_up_to' | 'count_complete', string>>(sql`
    select c.card_batch_id, c.complete_up_to, (
      select count(*) from helcim.card_transactions t
      where t.account_id = ${accountId} and t.card_batch_id = c.card_batch_id and t.vanished_at is null
        and t.transaction_id <= c.complete_up_to) as count_complete
    from recon.batch_checks c
    where c.account_id = ${accountId} and c.card_batch_id = any(${arrayOf(cardBatchIds)}::bigint[])
      and c.complete_up_to is not null`)
  return new Map(
    rows.map((row) => [
      BigInt(row.card_batch_id),
      { completeUpTo: BigInt(row.complete_up_to), countComplete: Number(row.count_complete) },
    ]),
  )
}
