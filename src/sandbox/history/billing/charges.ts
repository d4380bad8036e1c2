import { type Instant, toInstant } from '../../../domain/clock.ts'
import { createRandom } from '../../random.ts'
import type { AchTransactionRow } from '../../records/ach.ts'
import { type CustomerRow, defaultCard } from '../../records/customer.ts'
import {
  type AddOnRow,
  chargedMinor,
  type PlanRow,
  type SubscriptionAddOn,
  type SubscriptionPayment,
  type SubscriptionRow,
} from '../../records/recurring.ts'
import { secondsAfter } from '../payments.ts'
import type { BillingContext } from './billing.ts'
import type { SubscriptionRules } from './subscriptions.ts'

export interface ChargeLink {
  readonly subscriptionId: bigint
  readonly paymentNumber: number
  /** 0: the first; then one more per retry. */
  readonly attempt: number
  readonly via: 'card' | 'ach'
  readonly transactionId: bigint
}

export interface Charges {
  /** Charges what the waiting payment comes to, and sees to its retries. */
  process(row: SubscriptionRow, payment: SubscriptionPayment, at: Instant): void
  markPaid(id: bigint, paymentNumber: number, at: Instant): SubscriptionRow
  addOnOf(addOn: AddOnRow, firstPaymentNumber: number, quantity: number): SubscriptionAddOn
  links(): readonly ChargeLink[]
}

const TAX_PERCENT = 5n
/** A bank payment that failed is tried again after 7 days, once (API.md §8). */
const BANK_RETRY_AFTER_DAYS = [7]

/** The money of subscriptions: what each payment takes, whether it succeeds, and when it is tried again. */
export function createCharges(
  { seed, zone, merchant, payments, schedule, follow }: BillingContext,
  rules: SubscriptionRules,
  payByBank: (order: {
    customer: CustomerRow
    amountMinor: bigint
    currency: string
    at: Instant
    onFailed: (at: Instant) => void
  }) => AchTransactionRow,
): Charges {
  const { subscriptions, plans, customers } = merchant.records
  const links: ChargeLink[] = []

  const setPayment = (id: bigint, number: number, at: Instant, change: Partial<SubscriptionPayment>) => {
    const { payments: rows } = subscriptions.need(id)
    return subscriptions.alter(id, {
      touchedAt: at,
      payments: rows.map((each) => (each.number === number ? { ...each, ...change } : each)),
    })
  }

  /** One try; `attempt` 0 is the billing run's. */
  const attemptCharge = (id: bigint, number: number, attempt: number, at: Instant) => {
    const row = subscriptions.need(id)
    const payment = row.payments.find((each) => each.number === number)
    const customer = customers.by('code', row.customerCode).at(0)
    if (!payment || !customer) return
    const plan = plans.need(row.planId)
    const outcome = { processedAt: at, countRetries: attempt }
    const link = { subscriptionId: id, paymentNumber: number, attempt }
    if (row.paymentMethod === 'bank') {
      setPayment(id, number, at, { ...outcome, status: 'approved' })
      const { id: transactionId } = payByBank({
        customer,
        amountMinor: chargedMinor(payment),
        currency: plan.currency,
        at,
        onFailed: (failedAt) => failed(id, number, attempt, failedAt, BANK_RETRY_AFTER_DAYS),
      })
      links.push({ ...link, via: 'ach', transactionId })
      return
    }
    const isDeclined = isCardDeclined(customer, plan, id, number, attempt, at)
    setPayment(id, number, at, { ...outcome, status: isDeclined ? 'declined' : 'approved' })
    chargeCard(customer, plan, chargedMinor(payment), isDeclined, link, at)
    if (isDeclined) failed(id, number, attempt, at, rules.retryAfterDays)
  }

  const isCardDeclined = (
    customer: CustomerRow,
    { id: planId }: PlanRow,
    id: bigint,
    number: number,
    attempt: number,
    at: Instant,
  ): boolean => {
    const { expiry } = defaultCard(customer)
    if (`20${expiry.slice(2)}-${expiry.slice(0, 2)}` < zone.date(at).slice(0, 7)) return true
    const random = createRandom(seed, 'charge', id, planId, number, attempt)
    return random.chance(attempt === 0 ? rules.declineShare : 0.5)
  }

  const chargeCard = (
    customer: CustomerRow,
    plan: PlanRow,
    amountMinor: bigint,
    isDeclined: boolean,
    link: Omit<ChargeLink, 'via' | 'transactionId'>,
    at: Instant,
  ) => {
    if (rules.recurringCharge === 'missing') return
    const random = createRandom(seed, 'charge-second', link.subscriptionId, link.paymentNumber, link.attempt)
    const isLate = rules.recurringCharge === 'hours-later'
    const chargedAt = secondsAfter(at, isLate ? random.integer(2 * 3600, 9 * 3600) : random.integer(1, 4))
    follow(chargedAt, () => {
      const { card } = defaultCard(customer)
      const payer = { code: customer.code, card, terminalId: plan.terminalId, currency: plan.currency, recurring: null }
      const sale = { at: chargedAt, customer: payer, amountMinor, isExact: true }
      const made = isDeclined ? payments.decline(sale) : payments.purchase(sale)
      links.push({ ...link, via: 'card', transactionId: made.id })
      if (isDeclined || !random.chance(0.02)) return
      const refundedAt = secondsAfter(chargedAt, random.integer(86_400 + 3600, 10 * 86_400))
      schedule(refundedAt, () => {
        const now = merchant.transaction(made.id)
        if (now?.status === 'approved') payments.refund(now, now.amountMinor, refundedAt)
      })
    })
  }

  /** Declined, and tried again after these days; after the last try the payment has failed for good. */
  const failed = (id: bigint, number: number, attempt: number, at: Instant, afterDays: readonly number[]) => {
    if (!subscriptions.get(id)) return
    const days = afterDays[attempt]
    const isLast = days === undefined && afterDays.length > 0
    setPayment(id, number, at, { status: isLast ? 'failed' : 'declined' })
    if (days === undefined) return
    const again = toInstant(at + days * 86_400_000)
    schedule(again, () => {
      const row = subscriptions.get(id)
      const isOpen = row?.payments.some((each) => each.number === number && each.status === 'declined')
      if (row && isOpen && row.status !== 'cancelled') attemptCharge(id, number, attempt + 1, again)
    })
  }

  return {
    process(row, { number, dueOn }, at) {
      const plan = plans.need(row.planId)
      const isSetupOnly = number === 1 && plan.setupBilled === 'immediate' && dueOn !== row.billsOn
      const billsSetup = number === 1
      const due = isSetupOnly ? [] : row.addOns.filter((addOn) => isCharged(addOn, number))
      const parts = {
        setupMinor: billsSetup ? row.setupMinor : 0n,
        recurringMinor: isSetupOnly ? 0n : row.recurringMinor,
        addOnMinor: due.reduce((sum, { amountMinor, quantity }) => sum + amountMinor * BigInt(quantity), 0n),
      }
      const base = parts.setupMinor + parts.recurringMinor + parts.addOnMinor
      const taxMinor = plan.taxType === 'no_tax' ? 0n : (base * TAX_PERCENT + 50n) / 100n
      const addOns = row.addOns.map((addOn) =>
        due.includes(addOn)
          ? { ...addOn, lastPaymentNumber: number, isActive: addOn.frequency === 'recurring' }
          : isSetupOnly && addOn.lastPaymentNumber === 0
            ? { ...addOn, firstPaymentNumber: number + 1 }
            : addOn,
      )
      subscriptions.alter(row.id, { addOns })
      setPayment(row.id, number, at, { ...parts, taxMinor })
      attemptCharge(row.id, number, 0, at)
    },
    markPaid(id, paymentNumber, at) {
      const payment = subscriptions.need(id).payments.find(({ number }) => number === paymentNumber)
      if (payment?.status !== 'declined' && payment?.status !== 'failed') {
        throw new Error(`payment ${paymentNumber} of subscription ${id} is not declined`)
      }
      return setPayment(id, paymentNumber, at, { status: 'approved', processedAt: at })
    },
    addOnOf: ({ id, name, description, amountMinor, frequency }, firstPaymentNumber, quantity) => ({
      addOnId: id,
      name,
      description,
      amountMinor,
      firstPaymentNumber,
      lastPaymentNumber: 0,
      isActive: true,
      frequency,
      quantity,
    }),
    links: () => links,
  }
}

const isCharged = ({ isActive, firstPaymentNumber }: SubscriptionAddOn, number: number): boolean =>
  isActive && firstPaymentNumber <= number
