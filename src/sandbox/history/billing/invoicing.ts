import { type Instant, toInstant } from '../../../domain/clock.ts'
import type { Merchant } from '../../merchant.ts'
import type { InvoiceDetail, InvoiceRow, InvoiceStatus } from '../../records/invoice.ts'
import type { TransactionRow } from '../../rows.ts'

const OVERDUE_AFTER_MS = 30 * 86_400_000

export interface Invoicing {
  /** Puts an invoice in that waits to be paid, or to be approved, and becomes overdue after 30 days. */
  issue(invoice: NewInvoice): InvoiceRow
  pay(number: string, minor: bigint, at: Instant): void
  /** Money that went back: from now on the invoice is paid by that much less, and owed again where it is said so. */
  giveBack(number: string, minor: bigint, at: Instant, options: { isOwedAgain: boolean }): void
}

export interface NewInvoice {
  readonly at: Instant
  readonly number: string
  readonly customerCode: string
  readonly currency: string
  readonly amountMinor: bigint
  readonly type?: InvoiceRow['type']
  readonly status?: InvoiceStatus
  readonly detail?: InvoiceDetail
}

/**
 * Most payments make an invoice by themselves (API.md §10): a sale a paid one, a decline one that is due, a preauth one
 * that its capture pays. A verification asks for no money and makes none.
 */
export function createInvoicing(options: {
  merchant: Merchant
  follow: (at: Instant, run: () => void) => void
}): Invoicing {
  const { merchant, follow } = options
  const { invoices, customers } = merchant.records
  const find = (number: string) => invoices.by('number', number.toUpperCase()).at(0)

  const issue: Invoicing['issue'] = ({ at, number, customerCode, currency, amountMinor, ...rest }) => {
    const { type = 'INVOICE', status = 'DUE', detail = null } = rest
    const row = invoices.add((id) => ({
      id,
      number,
      type,
      status,
      currency,
      customerId: customers.by('code', customerCode).at(0)?.id ?? 0n,
      createdAt: at,
      updatedAt: at,
      paidAt: null,
      amountMinor,
      paidMinor: 0n,
      dueMinor: amountMinor,
      detail,
    }))
    return row
  }
  const overdueLater = (id: bigint, at: Instant) => {
    const due = toInstant(at + OVERDUE_AFTER_MS)
    follow(due, () => {
      if (invoices.get(id)?.status === 'DUE') invoices.alter(id, { status: 'OVERDUE', updatedAt: due })
    })
  }
  const change = (row: InvoiceRow, paidMinor: bigint, at: Instant, dueMinor: bigint, status: InvoiceStatus) =>
    invoices.alter(row.id, {
      paidMinor,
      dueMinor,
      status,
      updatedAt: at,
      paidAt: status === 'PAID' ? (row.paidAt ?? at) : status === 'REFUNDED' ? row.paidAt : null,
    })

  const pay: Invoicing['pay'] = (number, minor, at) => {
    const row = find(number)
    if (!row) return
    const paid = row.paidMinor + minor
    const due = row.amountMinor > paid ? row.amountMinor - paid : 0n
    change(row, paid, at, due, due === 0n ? 'PAID' : row.status)
  }
  const giveBack: Invoicing['giveBack'] = (number, minor, at, { isOwedAgain }) => {
    const row = find(number)
    if (!row) return
    const paid = row.paidMinor - minor
    if (!isOwedAgain) change(row, paid, at, row.dueMinor, paid <= 0n ? 'REFUNDED' : row.status)
    else {
      change(row, paid, at, row.amountMinor - paid, 'DUE')
      overdueLater(row.id, at)
    }
  }

  /** A sale made its invoice and paid it in one go, so the row is written once. */
  const sold = (row: TransactionRow) => {
    if (find(row.invoiceNumber)) {
      pay(row.invoiceNumber, row.amountMinor, row.createdAt)
      return
    }
    invoices.add((id) => ({
      id,
      number: row.invoiceNumber,
      type: 'INVOICE',
      status: 'PAID',
      currency: row.currency,
      customerId: customers.by('code', row.customerCode).at(0)?.id ?? 0n,
      createdAt: row.createdAt,
      updatedAt: toInstant(row.createdAt + 1000),
      paidAt: toInstant(row.createdAt + 1000),
      amountMinor: row.amountMinor,
      paidMinor: row.amountMinor,
      dueMinor: 0n,
      detail: null,
    }))
  }
  const asked = (row: TransactionRow) => {
    if (find(row.invoiceNumber)) return
    const { customerCode, currency, amountMinor, createdAt: at } = row
    const { id } = issue({ at, number: row.invoiceNumber, customerCode, currency, amountMinor })
    overdueLater(id, at)
  }
  merchant.watchTransactions((row) => {
    if (row.isSuspectedDuplicate || row.type === 'verify') return
    if (row.status === 'declined' || row.type === 'preauth') asked(row)
    else if (row.type === 'purchase') sold(row)
    else followed(row)
  })

  /** Captures, refunds and reverses change the invoice of what they follow, also where they do not name it. */
  function followed(row: TransactionRow): void {
    const original = row.originalId === null ? undefined : merchant.transaction(row.originalId)
    if (!original) return
    const number = numberOf(original)
    if (row.type === 'capture') pay(number, row.amountMinor, row.createdAt)
    if (row.type === 'refund') giveBack(number, row.amountMinor, row.createdAt, { isOwedAgain: false })
    if (row.type !== 'reverse') return
    const invoice = find(number)
    if (original.type === 'refund') pay(number, row.amountMinor, row.createdAt)
    else if (original.type === 'preauth' && invoice) {
      invoices.alter(invoice.id, { status: 'CANCELLED', dueMinor: 0n, updatedAt: row.createdAt })
    } else giveBack(number, row.amountMinor, row.createdAt, { isOwedAgain: true })
  }
  /** A capture has no number of its own: its preauth's counts. */
  function numberOf(row: TransactionRow): string {
    if (row.invoiceNumber !== '' || row.originalId === null) return row.invoiceNumber
    return merchant.transaction(row.originalId)?.invoiceNumber ?? ''
  }

  return {
    issue(invoice) {
      const row = issue(invoice)
      if (row.status === 'DUE') overdueLater(row.id, row.createdAt)
      return row
    },
    pay,
    giveBack,
  }
}
