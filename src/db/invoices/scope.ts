import { sql } from 'drizzle-orm'
import type { BusinessDate } from '../../domain/calendar.ts'
import type { HelcimId } from '../../domain/record.ts'
import { type ChangedRows, changedRows, isNothing } from '../card-money/changed-rows.ts'
import type { Tx } from '../client.ts'
import { arrayOf } from '../sql-values.ts'

const approvedFollower = sql.raw(`outcome = 'approved' and type in ('capture', 'refund', 'reverse')`)
const isSale = sql.raw(`type in ('purchase', 'capture') and outcome = 'approved' and vanished_at is null`)
const isPreauth = sql.raw(`type = 'preauth' and outcome = 'approved'`)

/**
 * Invoice numbers that these rows name, or that stand by the card of a capture, refund or reverse among them which names
 * none.
 * @param cardNumbers cards of rows that are others than they were: what names no invoice may have been by one of these
 */
export async function listNumbersOfRows(
  tx: Tx,
  { accountId, changed, cardNumbers }: { accountId: number; changed: ChangedRows; cardNumbers: readonly string[] },
): Promise<string[]> {
  if (isNothing(changed) && cardNumbers.length === 0) return []
  const { rows } = await tx.execute<{ number: string }>(sql`
    with own as materialized (
      ${changedRows(['invoice_number', 'card_number_masked', 'currency', 'type', 'outcome'], { accountId, changed })}
    ), cards as materialized (
      select distinct card_number_masked, currency from own
      where invoice_number is null and card_number_masked is not null and ${approvedFollower}
    )
    select invoice_number as number from own where invoice_number is not null
    union
    select t.invoice_number from cards c cross join lateral (
      (select invoice_number from helcim.card_transactions
        where account_id = ${accountId} and card_number_masked = c.card_number_masked and currency = c.currency
          and ${isSale} offset 0)
      union all
      (select invoice_number from helcim.card_transactions
        where account_id = ${accountId} and card_number_masked = c.card_number_masked and currency = c.currency
          and ${isPreauth} offset 0)
    ) t where t.invoice_number is not null
    union
    select t.invoice_number from json_array_elements_text(${JSON.stringify(cardNumbers)}::json) as m(card) cross join lateral (
      (select invoice_number from helcim.card_transactions
        where account_id = ${accountId} and card_number_masked = m.card and ${isSale} offset 0)
      union all
      (select invoice_number from helcim.card_transactions
        where account_id = ${accountId} and card_number_masked = m.card and ${isPreauth} offset 0)
    ) t where t.invoice_number is not null`)
  return rows.map((row) => row.number)
}

/**
 * Of these numbers, or of all invoices since `from`, those that are not plainly in order: paid by one card purchase of
 * just its amount, with one line of just that. Most are, and need no closer look.
 */
export async function listInvoicesToJudge(
  tx: Tx,
  { accountId, numbers, from }: { accountId: number; numbers: readonly string[] | null; from: BusinessDate },
): Promise<{ numbers: string[]; plainIds: HelcimId[] }> {
  if (numbers?.length === 0) return { numbers: [], plainIds: [] }
  const ofInvoice =
    numbers === null
      ? sql`i.created_on >= ${from}::date`
      : sql`i.invoice_number in (select json_array_elements_text(${JSON.stringify(numbers)}::json))`
  const ofRow =
    numbers === null
      ? sql`created_on >= ${from}::date`
      : sql`invoice_number in (select json_array_elements_text(${JSON.stringify(numbers)}::json))`
  const { rows } = await tx.execute<{ number: string; id: string; is_plain: boolean }>(sql`
    with named as (
      select invoice_number, count(*) as n, sum(amount_minor) as minor, min(currency) as currency, bool_and(type = 'purchase') as is_sale
      from helcim.card_transactions
      where account_id = ${accountId} and invoice_number is not null and outcome = 'approved' and vanished_at is null and ${ofRow}
      group by 1
    )
    select i.invoice_number as number, i.invoice_id as id, coalesce(i.status = 'PAID' and n.n = 1 and n.is_sale and n.minor = i.paid_minor
      and n.minor = i.amount_minor and n.currency = i.currency and l.n = 1 and l.minor = i.amount_minor
      and l.others = 0 and coalesce(i.tip_minor, 0) = 0 and coalesce(i.deposit_minor, 0) = 0
      and coalesce(i.tax_minor, 0) = 0 and coalesce(i.discount_minor, 0) = 0 and coalesce(i.shipping_minor, 0) = 0
      and coalesce(i.convenience_fee_minor, 0) = 0 and coalesce(i.surcharging_fee_minor, 0) = 0
      and not exists (select from helcim.ach_transactions a where a.account_id = i.account_id and a.order_id = i.invoice_id),
      false) as is_plain
    from helcim.invoices i
    left join named n on n.invoice_number = i.invoice_number
    left join lateral (
      select count(*) as n, sum(quantity * unit_price) * 100 as minor,
        sum(abs(coalesce(tax_minor, 0)) + abs(coalesce(discount_minor, 0))) as others
      from helcim.invoice_lines l where l.account_id = i.account_id and l.invoice_id = i.invoice_id
    ) l on true
    where i.account_id = ${accountId} and i.vanished_at is null and ${ofInvoice}`)
  return {
    numbers: rows.filter((row) => !row.is_plain).map((row) => row.number),
    plainIds: rows.filter((row) => row.is_plain).map((row) => BigInt(row.id)),
  }
}

/** Numbers of the invoices with these ids, also of those that vanished. */
export async function numbersOf(
  tx: Tx,
  { accountId, ids }: { accountId: number; ids: readonly HelcimId[] },
): Promise<string[]> {
  if (ids.length === 0) return []
  const { rows } = await tx.execute<{ number: string }>(sql`
    select invoice_number as number from helcim.invoices
    where account_id = ${accountId} and invoice_id = any(${arrayOf(ids)}::bigint[])`)
  return rows.map((row) => row.number)
}

/** Whether a card transaction or bank payment of these (Mountain) days names an invoice with one of these numbers. */
export async function areNamedWithin(
  tx: Tx,
  {
    accountId,
    numbers,
    from,
    to,
  }: { accountId: number; numbers: readonly string[]; from: BusinessDate; to: BusinessDate },
): Promise<boolean> {
  if (numbers.length === 0) return false
  const asked = sql`(select json_array_elements_text(${JSON.stringify(numbers)}::json))`
  const isWithin = sql`account_id = ${accountId} and created_on between ${from}::date and ${to}::date`
  const { rows } = await tx.execute<{ named: boolean }>(sql`
    select exists (select from helcim.card_transactions where ${isWithin} and invoice_number in ${asked})
      or exists (select from helcim.ach_transactions where ${isWithin} and order_id in (
        select invoice_id from helcim.invoices where account_id = ${accountId} and invoice_number in ${asked})) as named`)
  return rows[0]?.named === true
}
