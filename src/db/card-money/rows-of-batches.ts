import { type SQL, sql } from 'drizzle-orm'
import type { HelcimId } from '../../domain/record.ts'
import { arrayOf } from '../sql-values.ts'

/**
 * The rows of these batches, those that vanished included, as a query. Each kind by its own index: asked for together they
 * would be looked for among all rows of the history.
 */
export const rowsOfBatches = (
  columns: string,
  { accountId, cardBatchIds }: { accountId: number; cardBatchIds: readonly HelcimId[] },
): SQL => {
  const some = (isVanished: string) => sql`
    select ${sql.raw(columns)} from helcim.card_transactions
    where account_id = ${accountId} and card_batch_id = any(${arrayOf(cardBatchIds)}::bigint[])
      and vanished_at ${sql.raw(isVanished)}`
  return sql`${some('is null')} union all ${some('is not null')}`
}
