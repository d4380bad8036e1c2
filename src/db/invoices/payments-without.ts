import { sql } from 'drizzle-orm'
import type { BusinessDate } from '../../domain/calendar.ts'
import { startOfDay } from '../../domain/calendar.ts'
import { HELCIM_ZONE } from '../../domain/helcim-time.ts'
import type { HelcimId } from '../../domain/record.ts'
import { type Row, textOf } from '../card-money/card-row.ts'
import type { Tx } from '../client.ts'
import { arrayOf, timestamp } from '../sql-values.ts'

/** An approved payment that names an invoice which is not there. */
export interface LonePayment {
  readonly transactionId: HelcimId
  readonly invoiceNumber: string
  readonly amountMinor: bigint
  readonly currency: string
  readonly createdText: string | null
  /** Helcim was asked for that number after the payment, and returned nothing. */
  readonly isProved: boolean
}

/**
 * @param scope `numbers`: of these invoice numbers; `ids`: and these payments; null: of all numbers that Helcim did not know
 */
export async function listLonePayments(
  tx: Tx,
  input: {
    accountId: number
    scope: { numbers: readonly string[]; ids: readonly HelcimId[] } | { numbers: null; ids: readonly HelcimId[] }
    from: BusinessDate
  },
): Promise<LonePayment[]> {
  const { accountId, scope, from } = input
  if (scope.numbers?.length === 0 && scope.ids.length === 0) return []
  const numbers =
    scope.numbers === null
      ? sql`select subject from recon.pulls where account_id = ${accountId} and resource = 'invoice' and window_kind = 'code'
          and state = 'complete' and count_rows = 0`
      : sql`select json_array_elements_text(${JSON.stringify(scope.numbers)}::json)`
  const { rows } = await tx.execute<Row>(sql`
    with asked as materialized (
      select transaction_id from helcim.card_transactions
      where account_id = ${accountId} and invoice_number in (${numbers})
        and created_at >= ${timestamp(startOfDay(from, HELCIM_ZONE))}
      union select unnest(${arrayOf(scope.ids)}::bigint[])
    )
    select t.transaction_id, t.invoice_number, t.amount_minor, t.currency, t.created_at_text, exists (
      select from recon.pulls p where p.account_id = t.account_id and p.resource = 'invoice' and p.window_kind = 'code'
        and p.subject = t.invoice_number and p.state = 'complete' and p.count_rows = 0
        and p.started_at > t.created_at + interval '1 minute') as is_proved
    from asked join helcim.card_transactions t using (transaction_id)
    where t.account_id = ${accountId} and t.type in ('purchase', 'capture') and t.outcome = 'approved'
      and t.vanished_at is null and t.invoice_number is not null
      and not exists (select from helcim.invoices i where i.account_id = t.account_id
        and i.invoice_number = t.invoice_number and i.vanished_at is null)
      -- Where no invoice at all can be read there is nothing to hold a payment against.
      and exists (select from helcim.invoices i where i.account_id = t.account_id)
    order by t.transaction_id`)
  return rows.map((row) => ({
    transactionId: BigInt(String(row.transaction_id)),
    invoiceNumber: String(row.invoice_number),
    amountMinor: BigInt(String(row.amount_minor)),
    currency: String(row.currency),
    createdText: textOf(row.created_at_text),
    isProved: row.is_proved === true,
  }))
}
