import { type SQL, sql } from 'drizzle-orm'
import type { HelcimId } from '../../domain/record.ts'
import type { Tx } from '../client.ts'
import { areOfSales, countsOfGroup } from '../movements/reverses.ts'
import { arrayOf } from '../sql-values.ts'

/** Card transactions of which there may be something else to say than before. */
export interface ChangedRows {
  /** Batches whose figures, state or rows are not what they were. */
  readonly batchIds: readonly HelcimId[]
  /** All rows of these batches. */
  readonly wholeIds: readonly HelcimId[]
  /** These rows themselves. */
  readonly rowIds: readonly HelcimId[]
}

export const isNothing = ({ wholeIds, rowIds }: ChangedRows): boolean => wholeIds.length + rowIds.length === 0

/**
 * These rows, those that vanished included, as a query. Each kind by its own index: asked for together they would be looked
 * for among all rows of the history.
 * @param columns of card transactions, each by its name
 */
export function changedRows(
  columns: readonly string[],
  { accountId, changed }: { accountId: number; changed: ChangedRows },
): SQL {
  const { wholeIds, rowIds } = changed
  const select = sql.raw(`select ${columns.join(', ')} from helcim.card_transactions where account_id = ${accountId}`)
  const isWhole = sql`card_batch_id = any(${arrayOf(wholeIds)}::bigint[])`
  return sql`
    ${select} and ${isWhole} and vanished_at is null
    union all ${select} and ${isWhole} and vanished_at is not null
    union all ${select} and transaction_id = any(${arrayOf(rowIds)}::bigint[])`
}

const GROUP = 'account_id, card_batch_id, card_number_masked, currency, amount_minor'

/**
 * Of batches whose figures, state or rows are not what they were, the rows of which another row may now tell something else:
 * refunds, and reverses with what these can have voided.
 *
 * A reverse that only a sale of its card and amount can explain has voided one, whatever its batch is found to be
 * (`reversesSql`). So of reverses these are left, and most batches have few of them or none: those beside a refund, a preauth
 * or too few sales; those beside a row that was stored; those that name one as their original, with what is beside them, also in
 * other batches. Where a row is another than it was, what it was beside before is told as well, also where no reverse is left.
 * @param stored by batch, the rows that were stored since; null for all of the batch, of which none is asked here
 */
export async function listRowsToldAgain(
  tx: Tx,
  input: {
    accountId: number
    batchIds: readonly HelcimId[]
    stored: ReadonlyMap<HelcimId, readonly HelcimId[] | null>
  },
): Promise<HelcimId[]> {
  const { accountId, stored } = input
  const batchIds = input.batchIds.filter((id) => stored.get(id) !== null)
  if (batchIds.length === 0) return []
  const storedOf = JSON.stringify(
    batchIds.flatMap((id) => (stored.get(id) ?? []).map((row) => ({ batch: String(id), row: String(row) }))),
  )
  const isOfThese = sql`account_id = ${accountId} and card_batch_id = any(${arrayOf(batchIds)}::bigint[])
    and outcome = 'approved' and vanished_at is null`
  const { rows } = await tx.execute<{ id: string }>(sql`
    with stored as materialized (
      select batch, row from json_to_recordset(${storedOf}::json) as s(batch bigint, row bigint)
    ), former as materialized (
      select s.batch, v.typed from stored s
      join helcim.record_versions v
        on v.account_id = ${accountId} and v.resource = 'card_transaction' and v.record_id = s.row
    ), groups as materialized (
      select ${sql.raw(GROUP)}, bool_or(is_told) as is_told from (
        -- A version from before its columns were kept does not say what it was beside.
        select ${sql.raw(GROUP)}, card_batch_id in (select batch from former where typed is null) as is_told
        from helcim.card_transactions where ${isOfThese} and type = 'reverse'
        union all
        select ${sql.raw(GROUP)}, true from helcim.card_transactions
        where account_id = ${accountId} and type = 'reverse' and outcome = 'approved' and vanished_at is null
          and original_transaction_id in (select row from stored)
        union all
        select ${accountId}::integer, batch, typed ->> 'card_number_masked', typed ->> 'currency',
          (typed ->> 'amount_minor')::bigint, true
        from former where typed is not null
      ) listed group by ${sql.raw(GROUP)}
    )
    select unnest(k.ids)::text as id from groups g cross join lateral (
      ${sql.raw(countsOfGroup(['bool_or(transaction_id in (select row from stored)) as is_beside', 'array_agg(transaction_id) as ids']))}
    ) k
    where not (${sql.raw(areOfSales)}) or k.is_beside or g.is_told
    union
    select transaction_id::text from helcim.card_transactions where ${isOfThese} and type = 'refund'
    union
    -- What is in no batch is beside nothing.
    select transaction_id::text from helcim.card_transactions
    where account_id = ${accountId} and type = 'reverse' and original_transaction_id in (select row from stored)`)
  return rows.map(({ id }) => BigInt(id))
}
