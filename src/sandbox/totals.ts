import type { Instant } from '../domain/clock.ts'
import type { Collection, Kept } from './collection.ts'
import type { Merchant } from './merchant.ts'
import { chargedMinor } from './records/recurring.ts'
import type { TransactionRow } from './rows.ts'

export interface ResourceTotals {
  readonly count: number
  /** Minor units by currency; empty for what has no amount. */
  readonly minor: Readonly<Record<string, bigint>>
}

/** What a complete copy holds of each resource: its records, and the sum of what each of them calls its amount. */
export interface Totals {
  readonly cardTerminals: ResourceTotals
  readonly cardBatches: ResourceTotals
  /** Approved or not. */
  readonly cardTransactions: ResourceTotals
  readonly customers: ResourceTotals
  readonly cards: ResourceTotals
  readonly invoices: ResourceTotals
  readonly paymentPlans: ResourceTotals
  readonly addOns: ResourceTotals
  /** Recurring amounts. */
  readonly subscriptions: ResourceTotals
  /** What was charged; 0 for those that wait. */
  readonly subscriptionPayments: ResourceTotals
  readonly achTransactions: ResourceTotals
  readonly achBatches: ResourceTotals
}

/** Over what can be read at `now`: nothing hidden, nothing that lags. */
export function computeTotals(merchant: Merchant, now: Instant): Totals {
  const { records } = merchant
  const seen = <R extends Kept, I extends string>(collection: Collection<R, I>) =>
    collection.visible(collection.all(), now)
  const subscriptions = seen(records.subscriptions)
  const currencyOf = (planId: bigint) => records.plans.get(planId)?.currency ?? ''
  return {
    cardTerminals: total(merchant.terminals()),
    cardBatches: total(merchant.batches().filter(({ isHidden }) => !isHidden)),
    cardTransactions: total(transactionsOf(merchant, now), ({ currency, amountMinor }) => [currency, amountMinor]),
    customers: total(seen(records.customers)),
    cards: total(seen(records.customers).flatMap(({ cards }) => cards)),
    invoices: total(seen(records.invoices), ({ currency, amountMinor }) => [currency, amountMinor]),
    paymentPlans: total(seen(records.plans), ({ currency, recurringMinor }) => [currency, recurringMinor]),
    addOns: total(seen(records.addOns), ({ currency, amountMinor }) => [currency, amountMinor]),
    subscriptions: total(subscriptions, ({ planId, recurringMinor }) => [currencyOf(planId), recurringMinor]),
    subscriptionPayments: total(
      subscriptions.flatMap(({ planId, payments }) => payments.map((payment) => ({ planId, payment }))),
      ({ planId, payment }) => [currencyOf(planId), chargedMinor(payment)],
    ),
    achTransactions: total(seen(records.achTransactions), ({ currency, amountMinor }) => [currency, amountMinor]),
    achBatches: total(seen(records.achBatches)),
  }
}

/** One by one: those of the archive may be too many to hold. */
function* transactionsOf(merchant: Merchant, now: Instant): Generator<TransactionRow> {
  const archive = merchant.archive()
  if (archive) for (let place = 0; place < archive.length; place += 1) yield archive.at(place)
  for (const row of merchant.transactions()) if (!row.isHidden && row.visibleAt <= now) yield row
}

function total<R>(
  rows: Iterable<R>,
  amountOf?: (row: R) => readonly [currency: string, minor: bigint],
): ResourceTotals {
  const minor: Record<string, bigint> = {}
  let count = 0
  for (const row of rows) {
    count += 1
    const amount = amountOf?.(row)
    if (amount) minor[amount[0]] = (minor[amount[0]] ?? 0n) + amount[1]
  }
  return { count, minor }
}
