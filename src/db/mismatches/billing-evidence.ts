/** Ids among the evidence of a mismatch, by their kind. */
type IdsOf = (kind: string) => readonly string[]

/**
 * The rows of invoices and bank payments behind a mismatch as one statement, or null where it names none. No token and no
 * raw record is among its columns.
 */
export function billingEvidenceQuery(accountId: number, ids: IdsOf): string | null {
  const achIds = ids('ach_transaction')
  const batchIds = ids('ach_batch')
  const invoiceIds = ids('invoice')
  if (invoiceIds.length > 0) return invoiceQuery(accountId, invoiceIds)
  if (achIds.length === 0 && batchIds.length === 0) return null
  const conditions = [
    ...(achIds.length > 0 ? [`ach_transaction_id in (${achIds.join(', ')})`] : []),
    ...(batchIds.length > 0 ? [`(ach_batch_id in (${batchIds.join(', ')}) and vanished_at is null)`] : []),
  ]
  return `
select ach_transaction_id as transaction, created_at_text as created, type, status_auth as auth,
  status_clearing as clearing, round(amount_minor / 100.0, 2) as amount, currency as cur, ach_batch_id as batch,
  order_id as invoice
from helcim.ach_transactions
where account_id = ${accountId} and (${conditions.join(' or ')})
order by ach_transaction_id;`.trim()
}

/** An invoice as it stands, and each row that names it. */
const invoiceQuery = (accountId: number, ids: readonly string[]): string =>
  `
select 'invoice' as row, i.invoice_id as id, i.created_at_text as created, i.type, i.status,
  round(i.amount_minor / 100.0, 2) as amount, i.currency as cur, round(i.paid_minor / 100.0, 2) as paid
from helcim.invoices i where i.account_id = ${accountId} and i.invoice_id in (${ids.join(', ')})
union all
select 'card', t.transaction_id, t.created_at_text, t.type, t.status, round(t.amount_minor / 100.0, 2), t.currency, null
from helcim.invoices i
join helcim.card_transactions t on t.account_id = i.account_id and t.invoice_number = i.invoice_number
where i.account_id = ${accountId} and i.invoice_id in (${ids.join(', ')}) and t.vanished_at is null
union all
select 'bank', a.ach_transaction_id, a.created_at_text, a.type, a.status_auth || ' ' || a.status_clearing,
  round(a.amount_minor / 100.0, 2), a.currency, null
from helcim.ach_transactions a
where a.account_id = ${accountId} and a.order_id in (${ids.join(', ')}) and a.vanished_at is null
order by 1 desc, 2;`.trim()
