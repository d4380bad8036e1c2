import type { MismatchCode } from '../domain/mismatch.ts'
import type { Check } from './recurring-checks.ts'

/** Family E: invoices and what paid them. */
export const INVOICE_CHECKS = {
  invoice_paid_without_payment: {
    subject: 'invoice',
    severity: 'high',
    meaning:
      'Helcim says that an invoice is paid, but no approved card or bank payment names it, although the days since its creation were read completely.',
    example: 'Invoice INV001044 over 120.00 CAD is PAID; no transaction carries its number.',
    advice: 'If it was paid in cash or by cheque, accept this with a note. Otherwise find out who marked it as paid.',
  },
  invoice_payment_differs: {
    subject: 'invoice',
    severity: 'high',
    meaning:
      'The payments that name an invoice, less what was refunded or reversed of them, come to another sum than the one Helcim calls paid. Captures and refunds by the same card that name no invoice at all may explain it, and then nothing is said.',
    example: 'Invoice INV001051 is paid with 80.00 CAD by its own word; its one payment took 100.00 CAD.',
    advice: 'Compare the invoice with its payments in Helcim, and refund or ask for the difference.',
  },
  invoice_paid_twice: {
    subject: 'invoice',
    severity: 'critical',
    meaning: 'Two approved payments name an invoice and each covers all of it; neither was given back.',
    example: 'Invoice INV001060 over 49.00 CAD was paid by card on 3 October and by bank on the 5th.',
    advice: 'Refund one of the payments.',
  },
  invoice_total_differs: {
    subject: 'invoice',
    severity: 'medium',
    meaning:
      'The lines of an invoice with tax, shipping, tip and fees, less the discount, come to another sum than its amount. Whether a deposit and the taxes and discounts of lines are within is not documented: an amount that any reading of them explains is right.',
    example: 'Invoice INV001072 has lines and tax of 105.00 CAD and asks for 112.77 CAD.',
    advice: 'Look at the invoice in Helcim and correct it before it is paid.',
  },
  invoice_overdue: {
    subject: 'invoice',
    severity: 'low',
    meaning:
      'Helcim calls an invoice overdue, or it has been owed for more than 30 days since it was issued and a reading since then has it still so.',
    example: 'Invoice INV001080 over 300.00 CAD was issued on 1 September and is still due on 2 October.',
    advice: 'Remind the customer, or cancel the invoice in Helcim.',
  },
  payment_without_invoice: {
    subject: 'card_transaction',
    severity: 'low',
    meaning: 'An approved payment names an invoice number that Helcim does not know when it is asked for it.',
    example: 'Transaction 30537120 names invoice INV009999; asked for it, Helcim returns none.',
    advice: 'Find out what was paid; a mistyped number can be corrected on the customer’s record only.',
  },
} as const satisfies Partial<Record<MismatchCode, Check>>

export type InvoiceCode = keyof typeof INVOICE_CHECKS
