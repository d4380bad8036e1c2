import { type Instant, toInstant } from '../../domain/clock.ts'
import { type InvoiceRow, NO_DETAIL } from '../records/invoice.ts'
import type { Defect, DefectContext } from './catalogue.ts'
import { later, sellOnFreshCard, withFreshCard } from './fresh-cards.ts'

/** Family E. What is to be found is told by what is served then (`invoice-truth.ts`). */
export const INVOICE_DEFECTS = {
  // Somebody marks an invoice as paid; no money came.
  invoice_paid_without_payment(context: DefectContext) {
    const { merchant, history, at, random } = context
    const amountMinor = BigInt(random.integer(2000, 20_000))
    const { code, currency } = random.pick(history.customers)
    if (!history.billing) return false
    const invoice = history.billing.invoicing.issue({
      at,
      number: merchant.nextInvoiceNumber(),
      customerCode: code,
      currency,
      amountMinor,
    })
    merchant.records.invoices.alter(invoice.id, { status: 'PAID', paidMinor: amountMinor, dueMinor: 0n, paidAt: at })
    return true
  },
  // An invoice states that less was paid than its payment took.
  invoice_payment_differs: altered(({ paidMinor }) => ({
    paidMinor: paidMinor - 1234n,
    dueMinor: 1234n,
    status: 'DUE',
  })),
  // An invoice is paid by two cards, in full each time.
  invoice_paid_twice(context: DefectContext) {
    const { history } = context
    if (!history.billing) return false
    const sale = sellOnFreshCard(context, 4900n)
    const other = withFreshCard(context)
    const customer = { ...other, code: sale.customerCode, currency: sale.currency }
    later(context, sale, { hours: 2 }, (row, at) => {
      history.payments.purchase({
        at,
        customer,
        amountMinor: row.amountMinor,
        invoiceNumber: row.invoiceNumber,
        isExact: true,
      })
    })
    return true
  },
  // An invoice asks for more than stands on it.
  invoice_total_differs(context: DefectContext) {
    const { merchant, history, at, random } = context
    const { code, currency } = random.pick(history.customers)
    if (!history.billing) return false
    const line = {
      description: 'Consulting',
      quantityHundredths: 200n,
      priceMinor: 5000n,
      taxMinor: 0n,
      discountMinor: 0n,
      sku: '',
    }
    history.billing.invoicing.issue({
      at,
      number: merchant.nextInvoiceNumber(),
      customerCode: code,
      currency,
      amountMinor: 10_777n,
      detail: { ...NO_DETAIL, lines: [line] },
    })
    return true
  },
  // Helcim calls an unpaid invoice overdue.
  invoice_overdue(context: DefectContext) {
    const { merchant, history, at, random } = context
    const { code, currency } = random.pick(history.customers)
    if (!history.billing) return false
    const number = merchant.nextInvoiceNumber()
    const invoice = history.billing.invoicing.issue({ at, number, customerCode: code, currency, amountMinor: 30_000n })
    merchant.records.invoices.alter(invoice.id, { status: 'OVERDUE', updatedAt: toInstant(at + 1000) })
    return true
  },
  // A sale names an invoice that there is not.
  payment_without_invoice(context: DefectContext) {
    const { merchant, history } = context
    if (!history.billing) return false
    const sale = sellOnFreshCard(context, 3300n)
    const invoice = invoiceOf(context, sale.invoiceNumber)
    if (!invoice) return false
    merchant.records.invoices.remove(invoice.id)
    return true
  },
} satisfies Record<string, Defect>

/** What looks like a defect of an invoice and is none: nothing is to be found. */
export const INVOICE_INNOCENTS = {
  /** Paid in two parts that add up, by two cards. */
  'innocent:paid-in-parts'(context: DefectContext) {
    const { merchant, history, at } = context
    if (!history.billing) return false
    const [one, other] = [withFreshCard(context), withFreshCard(context)]
    const number = merchant.nextInvoiceNumber()
    const { currency } = one
    history.billing.invoicing.issue({ at, number, customerCode: one.code, currency, amountMinor: 10_001n })
    const pay = (customer: typeof one, amountMinor: bigint, when: Instant) =>
      history.payments.purchase({
        at: when,
        customer: { ...customer, currency, terminalId: one.terminalId },
        amountMinor,
        invoiceNumber: number,
        isExact: true,
      })
    pay(one, 5000n, toInstant(at + 60_000))
    pay(other, 5001n, toInstant(at + 120_000))
    return true
  },
  /** Paid twice, and the second payment refunded in a later batch. */
  'innocent:paid-twice-and-refunded'(context: DefectContext) {
    const { history, merchant } = context
    const customer = withFreshCard(context)
    const sale = history.payments.purchase({ at: context.at, customer, amountMinor: 5100n, isExact: true })
    later(context, sale, { hours: 2 }, (row, at) => {
      const again = history.payments.purchase({
        at,
        customer,
        amountMinor: row.amountMinor,
        invoiceNumber: row.invoiceNumber,
        isExact: true,
      })
      later(context, again, { hours: 26 }, (_, when) => {
        const now = merchant.transaction(again.id)
        if (now) history.payments.refund(now, now.amountMinor, when)
      })
    })
    return true
  },
} satisfies Record<string, Defect>

function altered(changeOf: (invoice: InvoiceRow) => Partial<InvoiceRow>): Defect {
  return (context) => {
    const sale = sellOnFreshCard(context, BigInt(context.random.integer(3000, 9000)))
    const invoice = invoiceOf(context, sale.invoiceNumber)
    if (!invoice) return false
    context.merchant.records.invoices.alter(invoice.id, changeOf(invoice))
    return true
  }
}

const invoiceOf = ({ merchant }: DefectContext, number: string): InvoiceRow | undefined =>
  merchant.records.invoices.by('number', number.toUpperCase()).at(0)
