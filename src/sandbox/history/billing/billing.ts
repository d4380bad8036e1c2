import { type Instant, toInstant } from '../../../domain/clock.ts'
import type { Merchant } from '../../merchant.ts'
import { type BillingOptions, rangeOf, type Switches } from '../../options.ts'
import { createRandom, type Random } from '../../random.ts'
import type { Zone } from '../../zone.ts'
import type { Customer } from '../customers.ts'
import type { Payments } from '../payments.ts'
import { type Ach, type AchOrder, createAch } from './ach.ts'
import { createInvoicing, type Invoicing } from './invoicing.ts'
import { enterPlans } from './plans.ts'
import { createPopulation } from './population.ts'
import { createSentInvoices } from './sent-invoices.ts'
import { createSignUps } from './sign-ups.ts'
import { createSubscriptions, type Subscriptions } from './subscriptions.ts'

/** What happens beside the till: it fills the merchant's records as time goes on. */
export interface Billing {
  /** Puts one local day's business on the timeline. */
  planDay(date: string): void
  readonly ach: Ach
  readonly subscriptions: Subscriptions
  readonly invoicing: Invoicing
}

export type BillingSwitches = Pick<Switches, 'recurringCharge' | 'achClosesAt'>

export interface BillingContext {
  readonly seed: number
  readonly zone: Zone
  readonly merchant: Merchant
  readonly payments: Payments
  readonly customers: readonly Customer[]
  readonly startsOn: string
  /** For what is begun by somebody: nothing is begun after the end of history. */
  schedule(at: Instant, run: () => void): void
  /** For what follows by itself, also after the end. */
  follow(at: Instant, run: () => void): void
}

export function createBilling(context: BillingContext, options: BillingOptions, switches: BillingSwitches): Billing {
  const { seed, zone, merchant, customers, startsOn, schedule } = context
  const { records } = merchant
  const startsAt = zone.at(startsOn, '00:00')
  const population = createPopulation({ seed, zone, records })
  population.enterAll(customers, startsOn)
  enterPlans(records, merchant.terminals(), startsAt)

  const invoicing = createInvoicing(context)
  const { returnShare = 0.04, declineShare = 0.06, changeShare = 0.1, retryAfterDays = [3, 5, 7] } = options
  const ach = createAch(context, { returnShare, closesAt: switches.achClosesAt })
  const withdraw = (
    order: Pick<AchOrder, 'at' | 'customer' | 'amountMinor' | 'currency' | 'invoiceNumber'>,
    onFailed: (at: Instant) => void,
  ) => {
    const { invoiceNumber: number, amountMinor } = order
    let isPaid = false
    return ach.start({
      ...order,
      type: 'WITHDRAWAL',
      // Only what has cleared is money, and it can go back weeks later.
      onTurn(turn, at) {
        if (turn === 'cleared') invoicing.pay(number, amountMinor, at)
        else if (isPaid) invoicing.giveBack(number, amountMinor, at, { isOwedAgain: true })
        isPaid = turn === 'cleared'
        if (turn === 'failed') onFailed(at)
      },
      onRefunded: (minor, at) => invoicing.giveBack(number, minor, at, { isOwedAgain: false }),
    })
  }
  const sendInvoices = createSentInvoices(context, {
    invoicing,
    payByBank({ code }, { number, dueMinor, currency }, at) {
      const customer = records.customers.by('code', code).at(0)
      if (customer) withdraw({ at, customer, amountMinor: dueMinor, currency, invoiceNumber: number }, () => undefined)
    },
  })
  const rules = { declineShare, changeShare, retryAfterDays, recurringCharge: switches.recurringCharge }
  const subscriptions = createSubscriptions(context, rules, ({ onFailed, ...order }) => {
    const number = merchant.nextInvoiceNumber()
    invoicing.issue({ ...order, number, customerCode: order.customer.code })
    return withdraw({ ...order, invoiceNumber: number }, onFailed)
  })
  const signUps = createSignUps(context, { population, subscriptions })
  signUps.bringAlong(options.subscriptions ?? 60)

  const invoicesPerDay = rangeOf(options.invoicesPerDay ?? { min: 2, max: 4 })
  const signUpsPerDay = rangeOf(options.signUpsPerDay ?? { min: 1, max: 2 })
  return {
    planDay(date) {
      const random = createRandom(seed, 'billing-day', date)
      sendInvoices(date, random.integer(invoicesPerDay.min, invoicesPerDay.max))
      signUps.planDay(date, random.integer(signUpsPerDay.min, signUpsPerDay.max))
      for (const { at, run } of population.changesOf(date)) schedule(at, run)
      if (random.chance(0.4)) payOut(date, random)
    },
    ach,
    subscriptions,
    invoicing,
  }

  /** Now and then money goes to a customer's bank account. */
  function payOut(date: string, random: Random): void {
    const { code, currency } = random.pick(customers)
    const at = toInstant(startOf(date) + random.integer(9 * 3600, 17 * 3600) * 1000)
    const amountMinor = BigInt(random.integer(500, 20_000))
    schedule(at, () => {
      const customer = records.customers.by('code', code).at(0)
      if (customer) ach.start({ at, type: 'DEPOSIT', customer, amountMinor, currency, invoiceNumber: '' })
    })
  }
  function startOf(date: string): Instant {
    return zone.at(date, '00:00')
  }
}
