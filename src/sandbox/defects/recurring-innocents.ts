import { type Instant, toInstant } from '../../domain/clock.ts'
import { NO_DETAIL } from '../records/invoice.ts'
import { chargedMinor } from '../records/recurring.ts'
import type { Defect, DefectContext } from './catalogue.ts'
import { claimOne, isWithinBatch, loneSubscriptions, type Paid, paidPayments } from './recurring-targets.ts'

const HOUR_MS = 3_600_000

/** What looks like a defect of a subscription and is none: nothing is to be found. */
export const RECURRING_INNOCENTS = {
  /** The same customer subscribes twice to the same plan in the same minute: two charges that are alike in all. */
  'innocent:twins'(context: DefectContext) {
    const { merchant, history, at } = context
    const candidates = loneSubscriptions(context).filter(
      ({ plan }) => plan.type === 'subscription' && plan.freeTrialDays === 0,
    )
    const one = claimOne(context, candidates)
    const customer = one && merchant.records.customers.by('code', one.row.customerCode).at(0)
    if (!customer || !history.billing) return false
    const { subscriptions } = history.billing
    subscriptions.signUp(customer, one.plan, at)
    subscriptions.signUp(customer, one.plan, at)
    return true
  },
  /** The customer pays a surcharge on top, which the invoice states. */
  'innocent:surcharge'(context: DefectContext) {
    const { merchant } = context
    const paid = claimOne(context, paidPayments(context))
    const invoice = paid && merchant.records.invoices.by('number', paid.charge.invoiceNumber.toUpperCase()).at(0)
    if (!invoice) return false
    const surchargingFeeMinor = (paid.charge.amountMinor * 24n + 500n) / 1000n
    const amountMinor = paid.charge.amountMinor + surchargingFeeMinor
    merchant.alterTransaction(paid.charge.id, { amountMinor })
    merchant.records.invoices.alter(invoice.id, {
      amountMinor,
      paidMinor: amountMinor,
      detail: { ...NO_DETAIL, surchargingFeeMinor },
    })
    return true
  },
  /** A clerk sells something for the same amount on the same card later that day. */
  'innocent:purchase-by-hand': purchase({ user: 'Jane Doe' }),
  /** The customer buys something for the same amount with another card. */
  'innocent:purchase-on-another-card': purchase({ cardNumber: '5454540007' }),
  /** Two partial refunds that add up to the charge exactly. */
  'innocent:partial-refunds'(context: DefectContext) {
    const { merchant, history, at } = context
    const closed = paidPayments(context).filter(({ charge }) => merchant.batch(charge.batchId)?.closedAt != null)
    const paid = claimOne(context, closed)
    if (!paid) return false
    const half = paid.charge.amountMinor / 2n
    history.payments.refund(paid.charge, half, at)
    history.payments.refund(paid.charge, paid.charge.amountMinor - half, toInstant(at + 60_000))
    return true
  },
} satisfies Record<string, Defect>

function purchase({ user, cardNumber }: { user?: string; cardNumber?: string }): Defect {
  return (context) => {
    const later = ({ payment }: Paid): Instant => toInstant(payment.processedAt + 10 * HOUR_MS)
    const candidates = paidPayments(context).filter(
      (one) => later(one) < context.at && isWithinBatch(context, one.charge, later(one)),
    )
    const paid = claimOne(context, candidates)
    if (!paid) return false
    const { charge, payment } = paid
    const { merchant } = context
    merchant.addTransaction({
      ...charge,
      createdAt: later(paid),
      amountMinor: chargedMinor(payment),
      user: user ?? charge.user,
      card:
        cardNumber === undefined ? charge.card : { ...charge.card, number: cardNumber, token: `${charge.card.token}2` },
      invoiceNumber: merchant.nextInvoiceNumber(),
    })
    return true
  }
}
