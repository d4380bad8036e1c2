import { type SQL, sql } from 'drizzle-orm'
import type { HelcimId } from '../../domain/record.ts'
import { rowsOfGroup } from '../movements/reverses.ts'
import { arrayOf } from '../sql-values.ts'

/** Card transactions of which there may be something else to say than before. */
export interface ChangedRows {
  /** All rows of these batches. */
  readonly wholeIds: readonly HelcimId[]
  /** Of these batches, whose figures, state or rows are not what they were, the reverses, what these can have voided, and the refunds. */
  readonly toldIds: readonly HelcimId[]
  /** These rows themselves. */
  readonly rowIds: readonly HelcimId[]
}

export const isNothing = ({ wholeIds, toldIds, rowIds }: ChangedRows): boolean =>
  wholeIds.length + toldIds.length + rowIds.length === 0

/**
 * These rows, those that vanished included, as a query. Each kind by its own index: asked for together they would be looked
 * for among all rows of the history.
 * @param columns of card transactions, each by its name
 */
export function changedRows(
  columns: readonly string[],
  { accountId, changed }: { accountId: number; changed: ChangedRows },
): SQL {
  const { wholeIds, toldIds, rowIds } = changed
  const select = sql.raw(`select ${columns.join(', ')} from helcim.card_transactions where account_id = ${accountId}`)
  const isOf = (ids: readonly HelcimId[]) => sql`card_batch_id = any(${arrayOf(ids)}::bigint[])`
  const isApproved = sql.raw(`outcome = 'approved' and vanished_at is null`)
  return sql`
    ${select} and ${isOf(wholeIds)} and vanished_at is null
    union all ${select} and ${isOf(wholeIds)} and vanished_at is not null
    union all ${select} and transaction_id = any(${arrayOf(rowIds)}::bigint[])
    union all ${select} and ${isOf(toldIds)} and type in ('refund', 'reverse') and ${isApproved}
    union all select o.* from (
      select distinct account_id, card_batch_id, card_number_masked, currency, amount_minor from helcim.card_transactions
      where account_id = ${accountId} and ${isOf(toldIds)} and type = 'reverse' and ${isApproved}
    ) g cross join lateral (
      ${sql.raw(rowsOfGroup(columns.map((name) => `c.${name}`).join(', '), ['purchase', 'capture', 'preauth']))}
    ) o`
}
