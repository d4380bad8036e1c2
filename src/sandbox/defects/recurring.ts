import { type Instant, toInstant } from '../../domain/clock.ts'
import { chargedMinor, type SubscriptionRow } from '../records/recurring.ts'
import { cardTransactionSubject, type TruthEntry } from '../truth.ts'
import { addDays, createZone } from '../zone.ts'
import type { Defect, DefectContext } from './catalogue.ts'
import { isGivenBack, isToldGivenBack } from './given-back.ts'
import { claimOne, isWithinBatch, loneSubscriptions, type Paid, paidPayments } from './recurring-targets.ts'
import { subscriptionPaymentSubject } from './recurring-truth.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** As far from its processing as a charge still is a payment's own without a doubt. */
const NEAR_MS = 10 * MINUTE_MS
const zone = createZone('America/Edmonton')

/**
 * Family D: what subscriptions should have brought in, and did not, or did differently. Each takes a customer of its own
 * who has that one subscription.
 */
export const RECURRING_DEFECTS = {
  // The charge of a payment is gone, everywhere. To be seen a day after it was processed. Nothing else follows.
  charge_missing(context: DefectContext) {
    const paid = claimOne(context, paidPayments(context))
    if (!paid) return false
    context.merchant.removeTransaction(paid.charge.id)
    noteLater(context, paid, { code: 'charge_missing', actualMinor: 0n, note: 'its charge is gone' })
    return true
  },
  // A declined payment is marked as paid. Whether that, or money is lost, nobody can tell from the API.
  'charge_missing:marked-paid'(context: DefectContext) {
    const { history, at } = context
    const declined = loneSubscriptions(context).flatMap(({ row, plan }) =>
      row.payments.filter(({ status }) => status === 'declined').map((payment) => ({ row, plan, payment })),
    )
    const one = claimOne(context, declined)
    if (!one || !history.billing) return false
    history.billing.subscriptions.markPaid(one.row.id, one.payment.number, at)
    const payment = { ...one.payment, processedAt: at }
    const entry = {
      code: 'charge_missing',
      actualMinor: 0n,
      isUndecidable: true,
      note: 'it was marked as paid',
    } as const
    noteLater(context, { ...one, payment }, entry)
    return true
  },
  // Billing passes a subscription by, and has for three days.
  charge_overdue(context: DefectContext) {
    const { merchant, at, ledger } = context
    const candidates = loneSubscriptions(context).filter(
      ({ row }) => row.status === 'active' && row.payments.at(-1)?.status === 'waiting',
    )
    const one = claimOne(context, candidates)
    const payment = one?.row.payments.at(-1)
    if (!one || !payment) return false
    const dueOn = addDays(zone.date(at), -3)
    merchant.records.subscriptions.alter(one.row.id, {
      billsOn: dueOn,
      payments: one.row.payments.map((each) => (each === payment ? { ...each, dueOn } : each)),
    })
    const stays = (row: SubscriptionRow) =>
      (row.status === 'active' || row.status === 'term_ending') &&
      row.payments.some(
        ({ number, status, dueOn: on }) => number === payment.number && status === 'waiting' && on === dueOn,
      )
    const subject = subscriptionPaymentSubject(one.row.id, payment.number)
    const note = `it was due on ${dueOn} and never tried`
    ledger.note({ code: 'charge_overdue', subject, isConsequence: false, note }, () =>
      stays(merchant.records.subscriptions.need(one.row.id)),
    )
    return true
  },
  // A charge was declined and is not tried again.
  charge_failed(context: DefectContext) {
    const { merchant } = context
    const paid = claimOne(context, paidPayments(context))
    if (!paid) return false
    merchant.alterTransaction(paid.charge.id, {
      status: 'declined',
      approvalCode: '',
      errors: 'Transaction Declined: EXPIRED CARD',
    })
    alterPayment(context, paid, { status: 'declined' })
    return true
  },
  // The charge took more. Hours after its processing nothing ties it to the payment, which then has none.
  charge_amount_differs(context: DefectContext) {
    const { merchant } = context
    const paid = claimOne(context, paidPayments(context))
    if (!paid) return false
    const taken = merchant.alterTransaction(paid.charge.id, { amountMinor: paid.charge.amountMinor + 1037n })
    const isNear = Math.abs(taken.createdAt - paid.payment.processedAt) <= NEAR_MS
    noteLater(
      context,
      paid,
      isNear
        ? { code: 'charge_amount_differs', actualMinor: taken.amountMinor, note: `transaction ${taken.id} took more` }
        : { code: 'charge_missing', actualMinor: 0n, note: `transaction ${taken.id} took more, hours later` },
    )
    return true
  },
  // The same charge once more, three minutes later. Also: the transaction is duplicated.
  charge_duplicated(context: DefectContext) {
    const again = ({ charge }: Paid) => toInstant(charge.createdAt + 3 * MINUTE_MS)
    const paid = claimOne(
      context,
      paidPayments(context).filter((one) => canRepeat(context, one, again(one))),
    )
    if (!paid) return false
    const second = repeat(context, paid, again(paid))
    noteOn(context, paid, {
      code: 'charge_duplicated',
      expectedMinor: paid.charge.amountMinor,
      actualMinor: paid.charge.amountMinor * 2n,
      note: `transaction ${second.id} repeats ${paid.charge.id}`,
    })
    const { ledger } = context
    const alike = [paid.charge, second]
    const entry = {
      code: 'transaction_duplicated',
      subject: cardTransactionSubject(second.id),
      isConsequence: true,
      note: `it repeats ${paid.charge.id}`,
    } as const
    ledger.note(entry, () => !isGivenBack(context, alike))
    ledger.note({ ...entry, isUndecidable: true }, () => !isToldGivenBack(context, alike))
    return true
  },
  // A charge a day after the subscription was cancelled. Where no date of a change is told, it is ambiguous.
  charge_unexpected: chargedWhileIdle(
    (context, { id }) => void context.history.billing?.subscriptions.cancel(id, context.at),
  ),
  'charge_unexpected:paused': chargedWhileIdle(
    (context, { id }) => void context.history.billing?.subscriptions.pause(id, context.at, 60),
  ),
  // The same amount on the same card 11 hours later: a second charge or a purchase, and nobody can tell.
  charge_ambiguous(context: DefectContext) {
    const later = ({ payment }: Paid) => toInstant(payment.processedAt + 11 * HOUR_MS)
    const candidates = paidPayments(context).filter(
      (one) => canRepeat(context, one, later(one)) && Math.abs(later(one) - one.charge.createdAt) > 2 * NEAR_MS,
    )
    const paid = claimOne(context, candidates)
    if (!paid) return false
    const other = repeat(context, paid, later(paid))
    const note = `transaction ${other.id} may be a second charge or a purchase`
    noteOn(context, paid, { code: 'charge_ambiguous', isUndecidable: true, note })
    return true
  },
  // The count of billings is one too high.
  times_billed_differs(context: DefectContext) {
    const one = claimOne(context, loneSubscriptions(context))
    if (!one) return false
    context.merchant.records.subscriptions.alter(one.row.id, { timesBilledLie: 1 })
    return true
  },
  // A price of its own, from the next payment on.
  price_differs_from_plan(context: DefectContext) {
    const { merchant, at } = context
    const candidates = loneSubscriptions(context).filter(
      ({ row, plan }) => row.status === 'active' && row.recurringMinor === plan.recurringMinor,
    )
    const one = claimOne(context, candidates)
    if (!one) return false
    const recurringMinor = one.row.recurringMinor - 25n
    merchant.records.subscriptions.alter(one.row.id, { recurringMinor, editedAt: at, touchedAt: at })
    return true
  },
  // The default card is good for this month only, and the next charge is due in a later one.
  card_expires_before_next_charge(context: DefectContext) {
    const { customers } = context.merchant.records
    const month = zone.date(context.at).slice(0, 7)
    const candidates = loneSubscriptions(context).filter(
      ({ row }) => row.status === 'active' && row.billsOn.slice(0, 7) > month,
    )
    const one = claimOne(context, candidates)
    const customer = one && customers.by('code', one.row.customerCode).at(0)
    if (!customer) return false
    const expiry = `${month.slice(5)}${month.slice(2, 4)}`
    customers.alter(customer.id, {
      cards: customer.cards.map((card) => (card.isDefault ? { ...card, expiry } : card)),
    })
    return true
  },
} satisfies Record<string, Defect>

function chargedWhileIdle(stop: (context: DefectContext, row: SubscriptionRow) => void): Defect {
  return (context) => {
    const { merchant, history, ledger, at, isEditTold } = context
    const customers = new Map(merchant.records.customers.all().map((customer) => [customer.code, customer]))
    const candidates = paidPayments(context).filter(
      ({ row, payment }) =>
        row.status === 'active' &&
        // The last one: an earlier payment may have been paid later, by a retry.
        row.payments.every(({ processedAt }) => (processedAt ?? 0) <= payment.processedAt) &&
        row.payments.every(({ status }) => status === 'approved' || status === 'waiting'),
    )
    const paid = claimOne(context, candidates)
    const customer = paid && customers.get(paid.row.customerCode)
    if (!paid || !customer) return false
    stop(context, paid.row)
    const chargedAt = toInstant(at + 20 * HOUR_MS)
    history.schedule(chargedAt, () => {
      const { charge, plan, payment } = paid
      const payer = {
        ...customer,
        card: charge.card,
        terminalId: plan.terminalId,
        currency: plan.currency,
        recurring: null,
      }
      const sale = { at: chargedAt, customer: payer, amountMinor: chargedMinor(payment), isExact: true }
      const { id, amountMinor } = history.payments.purchase(sale)
      const note = `transaction ${id} was charged while subscription ${paid.row.id} was idle`
      if (isEditTold) {
        const subject = cardTransactionSubject(id)
        ledger.note({
          code: 'charge_unexpected',
          subject,
          expectedMinor: 0n,
          actualMinor: amountMinor,
          isConsequence: false,
          note,
        })
      } else noteOn(context, paid, { code: 'charge_ambiguous', isUndecidable: true, note })
    })
    return true
  }
}

/** Whether a second charge at that time would have gone into the same batch and lies in the past. */
const canRepeat = (context: DefectContext, { charge }: Paid, at: Instant): boolean =>
  at < context.at && isWithinBatch(context, charge, at)

const repeat = ({ merchant }: DefectContext, { charge }: Paid, at: Instant) =>
  merchant.addTransaction({ ...charge, createdAt: at, invoiceNumber: merchant.nextInvoiceNumber() })

type PaidFacts = Pick<Paid, 'row' | 'plan' | 'payment'>
type Said = Pick<TruthEntry, 'code' | 'note' | 'isUndecidable' | 'actualMinor'> & { readonly expectedMinor?: bigint }

function noteOn({ ledger }: DefectContext, paid: PaidFacts, said: Said, holds?: (now: Instant) => boolean): void {
  const subject = subscriptionPaymentSubject(paid.row.id, paid.payment.number)
  ledger.note({ ...said, subject, currency: paid.plan.currency, isConsequence: false }, holds)
}

/** What only absence proves is held to be found a day after the payment was processed. */
function noteLater(context: DefectContext, paid: PaidFacts, said: Said): void {
  const { processedAt } = paid.payment
  const expectedMinor = chargedMinor(paid.payment)
  noteOn(context, paid, { ...said, expectedMinor }, (now) => processedAt !== null && now >= processedAt + DAY_MS)
}

function alterPayment({ merchant }: DefectContext, { row, payment }: Paid, change: { status: 'declined' }): void {
  const { payments } = merchant.records.subscriptions.need(row.id)
  merchant.records.subscriptions.alter(row.id, {
    payments: payments.map((each) => (each.number === payment.number ? { ...each, ...change } : each)),
  })
}
