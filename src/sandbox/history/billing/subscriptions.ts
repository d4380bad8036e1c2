import { type Instant, toInstant } from '../../../domain/clock.ts'
import type { Switches } from '../../options.ts'
import { createRandom, type Random } from '../../random.ts'
import type { CustomerRow } from '../../records/customer.ts'
import type { PlanRow, SubscriptionPayment, SubscriptionRow } from '../../records/recurring.ts'
import { addDays } from '../../zone.ts'
import type { BillingContext } from './billing.ts'
import { type ChargeLink, type Charges, createCharges } from './charges.ts'
import { dueDate, firstCycleDay, lengthDays } from './due-dates.ts'

export interface Subscriptions {
  /** @param spreadDays a trial of up to so many days, by which subscriptions brought along keep their due dates */
  signUp(customer: CustomerRow, plan: PlanRow, at: Instant, options?: { spreadDays?: number }): SubscriptionRow
  /**
   * Sets a declined payment to approved with no money behind it, as a merchant can by hand (API.md §8).
   * @throws Error when the payment is not declined
   */
  markPaid(id: bigint, paymentNumber: number, at: Instant): SubscriptionRow
  pause(id: bigint, at: Instant, days: number): SubscriptionRow
  cancel(id: bigint, at: Instant): SubscriptionRow
  /** What Helcim knows and tells nobody: which transactions were made for which payment. */
  links(): readonly ChargeLink[]
}

export interface SubscriptionRules {
  readonly declineShare: number
  readonly retryAfterDays: readonly number[]
  readonly changeShare: number
  readonly recurringCharge: Switches['recurringCharge']
}

const HOUR_S = 3600

export function createSubscriptions(
  context: BillingContext,
  rules: SubscriptionRules,
  payByBank: Parameters<typeof createCharges>[2],
): Subscriptions {
  const { seed, zone, merchant, schedule } = context
  const { subscriptions, plans, addOns } = merchant.records
  let paymentIdLast = 90_000n

  const waiting = (number: number, dueOn: string): SubscriptionPayment => {
    paymentIdLast += 1n
    return {
      id: paymentIdLast,
      number,
      status: 'waiting',
      dueOn,
      processedAt: null,
      setupMinor: 0n,
      recurringMinor: 0n,
      addOnMinor: 0n,
      taxMinor: 0n,
      countRetries: 0,
    }
  }
  const edit = (id: bigint, at: Instant, change: Partial<SubscriptionRow>) =>
    subscriptions.alter(id, { ...change, editedAt: at, touchedAt: at })
  const isRunning = ({ status }: SubscriptionRow) => status === 'active' || status === 'term_ending'

  /** Between 01:00 and 03:00, the hours that a change of clocks repeats or skips; the true hour is not documented. */
  const scheduleBilling = (id: bigint, number: number, dueOn: string) => {
    const random = createRandom(seed, 'billing-second', id, number)
    const at = toInstant(zone.at(dueOn, '00:00') + random.integer(HOUR_S, 3 * HOUR_S - 1) * 1000)
    schedule(at, () => {
      const row = subscriptions.get(id)
      const payment = row?.payments.find((each) => each.number === number)
      if (row && isRunning(row) && payment?.status === 'waiting' && payment.dueOn === dueOn) bill(row, payment, at)
    })
  }

  /** The charge for the payment that is due, and the next one in its place. */
  const bill = (row: SubscriptionRow, payment: SubscriptionPayment, at: Instant) => {
    charges.process(row, payment, at)
    const now = subscriptions.need(row.id)
    const plan = plans.need(row.planId)
    const countCycles = now.payments.filter((each) => each.recurringMinor > 0n).length
    if (now.cyclesMax > 0 && countCycles >= now.cyclesMax) {
      subscriptions.alter(row.id, { status: 'term_ended', touchedAt: at })
      return
    }
    // Set-up alone was billed: the first cycle still falls on its own day.
    const seriesIndex = payment.dueOn === now.billsOn ? now.seriesIndex + 1 : now.seriesIndex
    const billsOn = dueDate(now.anchorOn, plan, seriesIndex)
    subscriptions.alter(row.id, {
      seriesIndex,
      billsOn,
      payments: [...now.payments, waiting(payment.number + 1, billsOn)],
      ...(now.cyclesMax > 0 && countCycles === now.cyclesMax - 1 ? { status: 'term_ending' as const } : {}),
    })
    scheduleBilling(row.id, payment.number + 1, billsOn)
  }
  const charges: Charges = createCharges(context, rules, payByBank)

  const signUp: Subscriptions['signUp'] = (customer, plan, at, { spreadDays = 0 } = {}) => {
    const today = zone.date(at)
    const random = createRandom(seed, 'sign-up', customer.code, plan.id, today)
    const freeTrialDays = plan.type === 'cycle' ? 0 : Math.max(plan.freeTrialDays, random.integer(0, spreadDays))
    const from = addDays(today, freeTrialDays)
    // What has fixed days bills from the next one on; its hour of today has gone by.
    const anchorOn = plan.type === 'cycle' ? firstCycleDay(plan, addDays(from, 1)) : from
    const isSetupNow = plan.setupMinor > 0n && plan.setupBilled === 'immediate' && anchorOn !== today
    const isDueNow = isSetupNow || anchorOn === today
    const addOn = random.chance(0.15) ? addOns.get(random.pick(plan.addOnIds)) : undefined
    const row = subscriptions.add((id) => ({
      id,
      createdAt: at,
      editedAt: null,
      touchedAt: at,
      activatedOn: today,
      billsOn: anchorOn,
      status: 'active',
      planId: plan.id,
      customerCode: customer.code,
      recurringMinor: random.chance(0.1) ? plan.recurringMinor - 50n : plan.recurringMinor,
      setupMinor: plan.setupMinor,
      freeTrialDays,
      cyclesMax: plan.termType === 'expires' ? plan.termLength : 0,
      paymentMethod: plan.paymentMethod === 'bank' ? 'bank' : 'card',
      payments: [waiting(1, isDueNow ? today : anchorOn)],
      addOns: addOn ? [charges.addOnOf(addOn, 1, random.integer(1, addOn.isQuantityEditable ? 3 : 1))] : [],
      anchorOn,
      seriesIndex: 0,
    }))
    const [first] = row.payments
    if (first && isDueNow) bill(row, first, toInstant(at + 1000))
    else scheduleBilling(row.id, 1, anchorOn)
    planChanges(row, random)
    return subscriptions.need(row.id)
  }

  const cancel: Subscriptions['cancel'] = (id, at) => {
    const { payments } = subscriptions.need(id)
    return edit(id, at, { status: 'cancelled', payments: payments.filter(({ status }) => status !== 'waiting') })
  }
  const pause: Subscriptions['pause'] = (id, at, days) => {
    const until = toInstant(at + days * 86_400_000)
    schedule(until, () => {
      if (subscriptions.get(id)?.status === 'paused') resume(id, until)
    })
    return edit(id, at, { status: 'paused' })
  }
  /** The payment that waited takes the first due date that is still to come; periods of the pause are never billed. */
  const resume = (id: bigint, at: Instant) => {
    const row = subscriptions.need(id)
    const plan = plans.need(row.planId)
    let seriesIndex = row.seriesIndex
    while (dueDate(row.anchorOn, plan, seriesIndex) <= zone.date(at)) seriesIndex += 1
    const billsOn = dueDate(row.anchorOn, plan, seriesIndex)
    const payments = row.payments.map((each) => (each.status === 'waiting' ? { ...each, dueOn: billsOn } : each))
    edit(id, at, { status: 'active', billsOn, seriesIndex, payments })
    const last = payments.at(-1)
    if (last?.status === 'waiting') scheduleBilling(id, last.number, billsOn)
  }

  /** What subscribers do in their first 60 days. */
  const planChanges = (row: SubscriptionRow, random: Random) => {
    const plan = plans.need(row.planId)
    const changes: ((now: SubscriptionRow, at: Instant) => void)[] = [
      ({ id }, at) => cancel(id, at),
      ({ id }, at) => pause(id, at, Math.max(10, Math.round(lengthDays(plan) * 1.2))),
      ({ id, recurringMinor }, at) => edit(id, at, { recurringMinor: recurringMinor + 100n }),
      ({ id, addOns: had, payments }, at) => {
        const addOn = addOns.get(random.pick(plan.addOnIds))
        const number = payments.at(-1)?.number ?? 1
        if (addOn) edit(id, at, { addOns: [...had, charges.addOnOf(addOn, number, 1)] })
      },
    ]
    for (const change of changes) {
      const at = toInstant(row.createdAt + random.integer(86_400, 60 * 86_400) * 1000)
      if (!random.chance(rules.changeShare)) continue
      schedule(at, () => {
        const now = subscriptions.get(row.id)
        if (now?.status === 'active') change(now, at)
      })
    }
  }

  return {
    signUp,
    markPaid: (id, paymentNumber, at) => charges.markPaid(id, paymentNumber, at),
    pause,
    cancel,
    links: charges.links,
  }
}
