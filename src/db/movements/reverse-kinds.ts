import { sql } from 'drizzle-orm'
import type { Void } from '../../domain/card-money/rows.ts'
import { toInstant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import { type Row, textOf, timeOf } from '../card-money/card-row.ts'
import type { Tx } from '../client.ts'
import { arrayOf } from '../sql-values.ts'
import { areOfSales, countsOfGroup, reversesOfBatches, reversesSql } from './reverses.ts'

/** A reverse of a batch, and what it voided: see `reversesSql`. */
export interface ReverseKind extends Void {
  readonly transactionId: HelcimId
  readonly cardNumber: string | null
  readonly currency: string
}

/** What reverses voided, by batch and in each ascending by id. */
export interface ReverseKinds {
  /** All of these batches. */
  ofBatches(cardBatchIds: readonly HelcimId[]): Promise<readonly ReverseKind[]>
  /** Those of these batches by one of the cards. A batch is solved only if sales alone do not explain one of these. */
  ofCards(cards: readonly CardKey[], cardBatchIds: readonly HelcimId[]): Promise<readonly ReverseKind[]>
}

/** One card number in one currency. */
export interface CardKey {
  readonly cardNumber: string
  readonly currency: string
}

export const cardKeyText = ({ cardNumber, currency }: CardKey): string => `${cardNumber} ${currency}`

/**
 * Each batch is solved once, however often it is asked for, unless rows of it were stored meanwhile: whoever is asked with
 * newer rows must not answer by older ones, or a sale would be there without the reverse that came with it. Such a batch has a
 * mark, which is there as soon as the rows can be seen and stays until a later run takes it.
 * @param tx of a run that has taken the marks, and in which nothing of batches is written any more
 */
export function createReverseKinds(tx: Tx, accountId: number): ReverseKinds {
  const byBatch = new Map<HelcimId, ReverseKind[]>()
  async function ofBatches(cardBatchIds: readonly HelcimId[]) {
    const asked = [...new Set(cardBatchIds)].toSorted((a, b) => Number(a - b))
    const solved = asked.filter((id) => byBatch.has(id))
    const again = new Set(await listMarkedAgain(tx, accountId, solved))
    const toSolve = asked.filter((id) => !byBatch.has(id) || again.has(id))
    const reverses = await listReverseKinds(tx, accountId, toSolve)
    for (const id of toSolve) byBatch.set(id, [])
    for (const one of reverses) byBatch.get(one.cardBatchId)?.push(one)
    return asked.flatMap((id) => byBatch.get(id) ?? [])
  }
  return {
    ofBatches,
    async ofCards(cards, cardBatchIds) {
      const listed = await listReversesOfCards(tx, { accountId, cards, cardBatchIds })
      // Only what sales alone do not explain is solved, and that with all of its batch.
      const toSolve = new Set(listed.filter(({ isOfSale }) => !isOfSale).map(({ cardBatchId }) => cardBatchId))
      const asked = new Set(cards.map(cardKeyText))
      const solved = (await ofBatches([...toSolve])).filter(
        ({ cardNumber, currency }) => cardNumber !== null && asked.has(cardKeyText({ cardNumber, currency })),
      )
      const ofSales = listed.flatMap(({ isOfSale: _, ...one }) => (toSolve.has(one.cardBatchId) ? [] : [one]))
      return [...ofSales, ...solved].toSorted(byBatchAndId)
    },
  }
}

const byBatchAndId = (a: ReverseKind, b: ReverseKind): number =>
  Number(a.cardBatchId - b.cardBatchId) || Number(a.transactionId - b.transactionId)

/** The reverses by one of the cards in these batches, as if each had voided a sale, and whether it certainly has. */
async function listReversesOfCards(
  tx: Tx,
  input: { accountId: number; cards: readonly CardKey[]; cardBatchIds: readonly HelcimId[] },
): Promise<(ReverseKind & { readonly isOfSale: boolean })[]> {
  const { accountId, cards, cardBatchIds } = input
  if (cards.length === 0 || cardBatchIds.length === 0) return []
  const parameter = JSON.stringify(cards.map(({ cardNumber, currency }) => ({ cardNumber, currency })))
  const { rows } = await tx.execute<Row>(sql`
    with r as materialized (
      select r.* from (
        select distinct "cardNumber", currency
        from json_to_recordset(${parameter}::json) as c("cardNumber" text, currency text)
      ) c
      -- Lateral with an offset: by the small index of what is no sale.
      cross join lateral (
        select * from helcim.card_transactions
        where account_id = ${accountId} and card_number_masked = c."cardNumber" and currency = c.currency
          and type = 'reverse' and outcome = 'approved' and vanished_at is null
          and card_batch_id = any(${arrayOf([...new Set(cardBatchIds)])}::bigint[]) offset 0
      ) r
    )
    select r.transaction_id, r.card_number_masked, r.currency, r.card_batch_id, r.amount_minor, r.created_at, r.invoice_number,
      'sale' as kind, false as is_to_come, r.original_transaction_id is null and ${sql.raw(areOfSales)} as is_of_sale
    from (select distinct account_id, card_batch_id, card_number_masked, currency, amount_minor from r) g
    cross join lateral (${sql.raw(countsOfGroup())}) k
    join r using (card_batch_id, card_number_masked, currency, amount_minor)`)
  return rows.map((row) => ({ ...reverseKindOf(row), isOfSale: row.is_of_sale === true }))
}

async function listMarkedAgain(tx: Tx, accountId: number, solved: readonly HelcimId[]): Promise<HelcimId[]> {
  if (solved.length === 0) return []
  const { rows } = await tx.execute<{ id: string }>(sql`
    select solved.id from unnest(${arrayOf(solved)}::bigint[]) as solved(id)
    where exists (select from recon.marks m where m.account_id = ${accountId}
      and m.subject_kind in ('card_batch', 'card_batch_whole') and m.subject_id = solved.id::text)`)
  return rows.map(({ id }) => BigInt(id))
}

async function listReverseKinds(tx: Tx, accountId: number, cardBatchIds: readonly HelcimId[]): Promise<ReverseKind[]> {
  if (cardBatchIds.length === 0) return []
  const { rows } = await tx.execute<Row>(sql`
    ${sql.raw(reversesSql(accountId, reversesOfBatches(cardBatchIds)))}
    select k.transaction_id, k.kind, k.is_to_come, t.card_number_masked, t.currency, t.card_batch_id, t.amount_minor,
      t.created_at, t.invoice_number
    from reverse_kinds k
    join helcim.card_transactions t on t.account_id = k.account_id and t.transaction_id = k.transaction_id
    order by t.transaction_id`)
  return rows.map(reverseKindOf)
}

const reverseKindOf = (row: Row): ReverseKind => ({
  transactionId: BigInt(String(row.transaction_id)),
  cardNumber: textOf(row.card_number_masked),
  currency: String(row.currency),
  cardBatchId: BigInt(String(row.card_batch_id)),
  amountMinor: BigInt(String(row.amount_minor)),
  createdAt: timeOf(row.created_at) ?? toInstant(0),
  invoiceNumber: textOf(row.invoice_number) || null,
  kind: textOf(row.kind) as Void['kind'],
  isToCome: row.is_to_come === true,
})
