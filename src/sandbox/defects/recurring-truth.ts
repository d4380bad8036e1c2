import type { Instant } from '../../domain/clock.ts'
import type { Merchant } from '../merchant.ts'
import { defaultCard } from '../records/customer.ts'
import type { PlanRow, SubscriptionRow } from '../records/recurring.ts'
import type { TruthEntry } from '../truth.ts'

export const subscriptionPaymentSubject = (id: bigint, number: number) =>
  ({ kind: 'subscription_payment', id: `${id}:${number}` }) as const
export const subscriptionSubject = (id: bigint) => ({ kind: 'subscription', id: String(id) }) as const

/** What subscriptions disagree about by themselves, without any defect: people's cards, prices and declines. */
export function recurringEntries(merchant: Merchant, now: Instant): TruthEntry[] {
  const { subscriptions, plans } = merchant.records
  return subscriptions.visible(subscriptions.all(), now).flatMap((row) => {
    const plan = plans.need(row.planId)
    return [...failed(row, plan), ...otherPrice(row, plan), ...cardEnds(merchant, row, plan), ...otherCount(row)]
  })
}

function failed({ id, payments }: SubscriptionRow, { currency }: PlanRow): TruthEntry[] {
  return payments
    .filter(({ status }) => status === 'declined' || status === 'failed')
    .map(({ number, status, setupMinor, recurringMinor, addOnMinor, taxMinor }) => ({
      code: 'charge_failed',
      subject: subscriptionPaymentSubject(id, number),
      currency,
      expectedMinor: setupMinor + recurringMinor + addOnMinor + taxMinor,
      actualMinor: 0n,
      isConsequence: false,
      note: `its last try was ${status}`,
    }))
}

function otherPrice({ id, status, recurringMinor }: SubscriptionRow, plan: PlanRow): TruthEntry[] {
  if (recurringMinor === plan.recurringMinor || !['active', 'term_ending', 'paused'].includes(status)) return []
  return [
    {
      code: 'price_differs_from_plan',
      subject: subscriptionSubject(id),
      currency: plan.currency,
      expectedMinor: plan.recurringMinor,
      actualMinor: recurringMinor,
      isConsequence: false,
      note: 'it has a price of its own',
    },
  ]
}

function cardEnds({ records }: Merchant, row: SubscriptionRow, plan: PlanRow): TruthEntry[] {
  const customer = records.customers.by('code', row.customerCode).at(0)
  if (!customer || plan.paymentMethod === 'bank' || (row.status !== 'active' && row.status !== 'term_ending')) return []
  const { expiry } = defaultCard(customer)
  const month = `20${expiry.slice(2)}-${expiry.slice(0, 2)}`
  if (month >= row.billsOn.slice(0, 7)) return []
  const note = `the card is good until ${month}, the next charge is due on ${row.billsOn}`
  return [{ code: 'card_expires_before_next_charge', subject: subscriptionSubject(row.id), isConsequence: false, note }]
}

function otherCount(row: SubscriptionRow): TruthEntry[] {
  if (!row.timesBilledLie) return []
  const note = 'it states another number of billings than it lists'
  return [{ code: 'times_billed_differs', subject: subscriptionSubject(row.id), isConsequence: false, note }]
}
