import type { LonePayment } from '../db/invoices/payments-without.ts'
import { businessDateOf } from '../domain/calendar.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import type { InvoiceFinding } from '../domain/invoices/judge.ts'
import type { InvoiceFacts, InvoiceMoney } from '../domain/invoices/sides.ts'
import { type Finding, moneyFinding } from '../domain/mismatch.ts'
import { formatMinor, moneyText } from '../domain/money.ts'
import { INVOICE_CHECKS } from './invoice-checks.ts'

export function wordInvoice(found: InvoiceFinding): Finding {
  const { invoice } = found
  const money = (minor: bigint) => `${formatMinor(minor, invoice.currency)} ${invoice.currency}`
  const name = `Invoice ${invoice.invoiceNumber} over ${money(invoice.amountMinor)}`
  switch (found.code) {
    case 'invoice_paid_without_payment':
      return onInvoice(found.code, invoice, {
        expectedMinor: invoice.paidMinor ?? invoice.amountMinor,
        actualMinor: 0n,
        summary: `${name} is paid by Helcim’s word; no approved card or bank payment names it.`,
      })
    case 'invoice_payment_differs':
      return onInvoice(found.code, invoice, {
        expectedMinor: found.paidMinor,
        actualMinor: found.summedMinor,
        summary: `${name} is paid with ${money(found.paidMinor)} by Helcim’s word; its payments less refunds come to ${money(found.summedMinor)}.`,
        rows: found.rows,
      })
    case 'invoice_paid_twice':
      return onInvoice(found.code, invoice, {
        expectedMinor: invoice.amountMinor,
        actualMinor: found.summedMinor,
        summary: `${name} was paid more than once: ${money(found.summedMinor)} in all.`,
        rows: found.rows,
      })
    case 'invoice_total_differs':
      return onInvoice(found.code, invoice, {
        expectedMinor: found.summedMinor,
        actualMinor: invoice.amountMinor,
        summary: `${name}: its lines, taxes and fees less discounts come to ${money(found.summedMinor)}.`,
      })
    case 'invoice_overdue': {
      const since = invoice.issuedAt ?? invoice.createdAt
      const day = since === null ? 'an unknown day' : businessDateOf(since, HELCIM_ZONE)
      return onInvoice(found.code, invoice, {
        expectedMinor: found.dueMinor,
        actualMinor: 0n,
        summary: `${name}, issued on ${day}, is overdue; ${money(found.dueMinor)} of it are not paid.`,
      })
    }
  }
}

export function wordLonePayment({
  transactionId,
  invoiceNumber,
  amountMinor,
  currency,
  createdText,
}: LonePayment): Finding {
  const { severity, subject, advice } = INVOICE_CHECKS.payment_without_invoice
  return moneyFinding({
    code: 'payment_without_invoice',
    severity,
    subject: { kind: subject, id: String(transactionId) },
    currency,
    expectedMinor: 0n,
    actualMinor: amountMinor,
    summary: `Transaction ${transactionId}, ${moneyText(amountMinor, currency)}, ${createdText ?? ''}, names invoice ${invoiceNumber}, which Helcim does not know.`,
    advice,
    evidence: [`card_transaction:${transactionId}`],
  })
}

function onInvoice(
  code: InvoiceFinding['code'],
  { invoiceId, currency }: InvoiceFacts,
  facts: { expectedMinor: bigint; actualMinor: bigint; summary: string; rows?: readonly InvoiceMoney[] },
): Finding {
  const { severity, subject, advice } = INVOICE_CHECKS[code]
  return moneyFinding({
    code,
    severity,
    subject: { kind: subject, id: String(invoiceId) },
    currency,
    expectedMinor: facts.expectedMinor,
    actualMinor: facts.actualMinor,
    summary: facts.summary,
    advice,
    evidence: [
      ...(facts.rows ?? []).map(({ via, transactionId }) => `${via}_transaction:${transactionId}`),
      `invoice:${invoiceId}`,
    ],
  })
}
