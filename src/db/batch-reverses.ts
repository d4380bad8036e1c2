import { type SQL, sql } from 'drizzle-orm'
import type { HelcimId } from '../domain/record.ts'
import type { ReverseGroup } from '../domain/reverse-readings.ts'
import type { Tx } from './client.ts'
import { rowsOfGroup } from './movements/reverses.ts'
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
  const { rows } = await tx.execute<
    Record<'card_batch_id' | 'amount_minor' | 'reverses' | 'sales' | 'refunds' | 'preauths' | 'newest_id', string>
  >(sql`
    with reversed as materialized (
      select account_id, card_batch_id, card_number_masked, currency, amount_minor, count(*) as reverses,
        max(transaction_id) as newest_id
      from helcim.card_transactions
      where account_id = ${accountId} and card_batch_id = any(${arrayOf(cardBatchIds)}::bigint[])
        and vanished_at is null ${rowsUpTo} and type = 'reverse' and outcome = 'approved'
      group by 1, 2, 3, 4, 5
    )
    select g.card_batch_id, g.amount_minor, g.reverses, g.newest_id,
      count(*) filter (where type in ('purchase', 'capture')) as sales,
      count(*) filter (where type = 'refund') as refunds,
      count(*) filter (where type = 'preauth') as preauths
    from reversed g left join lateral (
      select type from (
        ${sql.raw(rowsOfGroup('c.type, c.transaction_id', ['purchase', 'capture', 'refund', 'preauth']))}
      ) c where true ${rowsUpTo}
    ) o on true
    group by g.card_batch_id, g.card_number_masked, g.currency, g.amount_minor, g.reverses, g.newest_id
    order by g.card_batch_id, g.amount_minor, g.card_number_masked, g.currency`)
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
