import { type SQL, sql } from 'drizzle-orm'
import type { HelcimId } from '../domain/record.ts'
import type { ReverseGroup } from '../domain/reverse-readings.ts'
import type { Tx } from './client.ts'
import { arrayOf } from './sql-values.ts'

export interface BatchReverses {
  readonly groups: readonly ReverseGroup[]
  readonly newestId: HelcimId
}

/**
 * What reverses can have voided: approved rows of the same card and amount in their batch. Only asked for batches that
 * hold refunds or preauths; elsewhere a reverse can only have voided a sale.
 */
export async function loadReversedGroups(
  tx: Tx,
  { accountId, cardBatchIds, rowsUpTo }: { accountId: number; cardBatchIds: readonly HelcimId[]; rowsUpTo: SQL },
): Promise<Map<HelcimId, BatchReverses>> {
  const batches = new Map<HelcimId, BatchReverses>()
  if (cardBatchIds.length === 0) return batches
  const isListed = sql`account_id = ${accountId} and card_batch_id = any(${arrayOf(cardBatchIds)}::bigint[])
    and vanished_at is null ${rowsUpTo}`
  const { rows } = await tx.execute<
    Record<'card_batch_id' | 'amount_minor' | 'reverses' | 'sales' | 'refunds' | 'preauths' | 'newest_id', string>
  >(sql`
    with reversed as materialized (
      select distinct card_batch_id, currency, amount_minor from helcim.card_transactions
      where ${isListed} and type = 'reverse' and outcome = 'approved'
    )
    select r.card_batch_id, r.amount_minor,
      count(*) filter (where type = 'reverse') as reverses,
      count(*) filter (where type in ('purchase', 'capture')) as sales,
      count(*) filter (where type = 'refund') as refunds,
      count(*) filter (where type = 'preauth') as preauths,
      max(transaction_id) filter (where type = 'reverse') as newest_id
    -- The covering index tells which rows have an amount that was reversed; only those are read whole, for the card.
    -- The offset: one probe of the index per amount. Without statistics, on a young table, the planner takes a batch for
    -- a row and reads all of it for each amount.
    from reversed r cross join lateral (
      select type, card_number_masked, transaction_id from helcim.card_transactions
      where account_id = ${accountId} and card_batch_id = r.card_batch_id and vanished_at is null
        and type = any('{reverse,purchase,capture,refund,preauth}') and outcome = 'approved'
        and currency = r.currency and amount_minor = r.amount_minor ${rowsUpTo} offset 0
    ) c
    group by r.card_batch_id, card_number_masked, r.currency, r.amount_minor
    having count(*) filter (where type = 'reverse') > 0
    order by r.card_batch_id, r.amount_minor, card_number_masked, r.currency`)
  for (const row of rows) {
    const group = {
      amountMinor: BigInt(row.amount_minor),
      reverses: Number(row.reverses),
      sales: Number(row.sales),
      refunds: Number(row.refunds),
      preauths: Number(row.preauths),
    }
    const id = BigInt(row.card_batch_id)
    const { groups = [], newestId = 0n } = batches.get(id) ?? {}
    const ownId = BigInt(row.newest_id)
    batches.set(id, { groups: [...groups, group], newestId: ownId > newestId ? ownId : newestId })
  }
  return batches
}
