import { sql } from 'drizzle-orm'
import type { CardRow, Void } from '../../domain/card-money/rows.ts'
import type { Instant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Tx } from '../client.ts'
import { type CardKey, cardKeyText, type ReverseKinds } from '../movements/reverse-kinds.ts'
import { arrayOf, timestamp } from '../sql-values.ts'
import { batchOfRow, cardRowColumns, cardRowOf, cardRowStored, type Row, textOf } from './card-row.ts'
import { type ChangedRows, changedRows, isNothing } from './changed-rows.ts'

export interface CardMoney extends CardKey {
  readonly sales: readonly CardRow[]
  readonly refunds: readonly CardRow[]
  readonly voids: readonly Void[]
}

/**
 * Cards with refunds.
 * @param scope `changed`: cards of these rows; `numbers`: and these; null for all
 */
export async function listCardsWithRefunds(
  tx: Tx,
  { accountId, scope }: { accountId: number; scope: { changed: ChangedRows; numbers: readonly string[] } | null },
): Promise<CardKey[]> {
  if (scope && isNothing(scope.changed) && scope.numbers.length === 0) return []
  const isInScope =
    scope === null
      ? sql`true`
      : sql`card_number_masked in (
          ${changedRows(['card_number_masked'], { accountId, changed: scope.changed })}
          union select json_array_elements_text(${JSON.stringify(scope.numbers)}::json))`
  const { rows } = await tx.execute<Row>(sql`
    select distinct card_number_masked, currency from helcim.card_transactions
    where account_id = ${accountId} and type = 'refund' and outcome = 'approved' and card_number_masked is not null
      and ${isInScope}
    order by 1, 2`)
  return rows.map((row) => ({ cardNumber: String(row.card_number_masked), currency: String(row.currency) }))
}

/** The sales and refunds of these cards since `from`, and what reverses voided of them. */
export async function loadCards(
  tx: Tx,
  input: { accountId: number; cards: readonly CardKey[]; from: Instant; reverseKinds: ReverseKinds },
): Promise<CardMoney[]> {
  const { accountId, cards, from, reverseKinds } = input
  if (cards.length === 0) return []
  const asked = sql`json_to_recordset(${JSON.stringify(cards)}::json) as c("cardNumber" text, currency text)`
  const { rows } = await tx.execute<Row>(sql`
    -- All rows first: joined card by card, the batches would be read as often as there are cards.
    with t as materialized (select ${cardRowStored} from ${asked}
    -- Lateral with an offset: each kind by its own small index.
    cross join lateral (
      (select * from helcim.card_transactions
        where account_id = ${accountId} and card_number_masked = c."cardNumber" and currency = c.currency
          and type in ('purchase', 'capture') and outcome = 'approved' and vanished_at is null
          and created_at >= ${timestamp(from)} offset 0)
      union all
      (select * from helcim.card_transactions
        where account_id = ${accountId} and card_number_masked = c."cardNumber" and currency = c.currency
          and type = 'refund' and outcome = 'approved' and vanished_at is null
          and created_at >= ${timestamp(from)} offset 0)
    ) t)
    select t.type, ${cardRowColumns} from t ${batchOfRow}`)
  const byCard = new Map(
    cards.map((card) => [cardKeyText(card), { ...card, sales: [], refunds: [], voids: [] } as Made]),
  )
  for (const row of rows) {
    const card = byCard.get(cardKeyText({ cardNumber: String(row.card_number_masked), currency: String(row.currency) }))
    if (row.type === 'refund') card?.refunds.push(cardRowOf(row))
    else card?.sales.push(cardRowOf(row))
  }
  const batchIds = rows.flatMap((row) => (row.card_batch_id === null ? [] : [BigInt(String(row.card_batch_id))]))
  const reverses = await reverseKinds.ofCards(cards, batchIds)
  for (const { cardNumber, currency, ...value } of reverses)
    if (cardNumber !== null) byCard.get(cardKeyText({ cardNumber, currency }))?.voids.push(value)
  return [...byCard.values()]
}

type Made = CardKey & { sales: CardRow[]; refunds: CardRow[]; voids: Void[] }

/** Card number and batch of transactions, also of those that vanished. */
export async function locateTransactions(
  tx: Tx,
  { accountId, ids }: { accountId: number; ids: readonly HelcimId[] },
): Promise<{ id: HelcimId; cardNumber: string | null; cardBatchId: HelcimId | null; isProved: boolean }[]> {
  if (ids.length === 0) return []
  const { rows } = await tx.execute<Row>(sql`
    select t.transaction_id, t.card_number_masked, t.card_batch_id, c.state in ('tied', 'differs') as is_proved
    from helcim.card_transactions t
    left join recon.batch_checks c on c.account_id = t.account_id and c.card_batch_id = t.card_batch_id
    where t.account_id = ${accountId} and t.transaction_id = any(${arrayOf(ids)}::bigint[])`)
  return rows.map((row) => ({
    id: BigInt(String(row.transaction_id)),
    cardNumber: textOf(row.card_number_masked),
    cardBatchId: row.card_batch_id === null ? null : BigInt(String(row.card_batch_id)),
    isProved: row.is_proved === true,
  }))
}
