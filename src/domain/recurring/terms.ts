import { addDays, type BusinessDate, toBusinessDate } from '../calendar.ts'
import { isBilling } from './former.ts'
import type { DefaultCard, SubscriptionSide } from './sides.ts'

/** What a subscription says of itself against what surrounds it. */
export type TermsFinding =
  | { readonly code: 'times_billed_differs'; readonly subscription: SubscriptionSide; readonly countApproved: number }
  | { readonly code: 'price_differs_from_plan'; readonly subscription: SubscriptionSide; readonly planMinor: bigint }
  | {
      readonly code: 'card_expires_before_next_charge'
      readonly subscription: SubscriptionSide
      readonly card: DefaultCard
      readonly endsOn: BusinessDate
      readonly billingOn: BusinessDate
    }

/** @returns `unsettledId` when its payments are older than its list fields, so that nothing can be said of both */
export function judgeTerms(
  subscription: SubscriptionSide,
  defaultCard: DefaultCard | null,
): { findings: TermsFinding[]; unsettledId: bigint | null } {
  const { payments, paymentsReadAt, observedAt, timesBilled, subscriptionId, vanishedAt } = subscription
  // Of one that was deleted no reading will tell more, and nobody can put it right.
  if (vanishedAt !== null) return { findings: [], unsettledId: null }
  // A reading of its payments shows its other fields as well: from then on both are of one moment, until the list differs.
  const isSettled = payments !== null && paymentsReadAt !== null && paymentsReadAt >= observedAt
  const countApproved = payments?.filter(({ status }) => status === 'approved').length ?? 0
  const findings: TermsFinding[] = []
  if (isSettled && countApproved !== timesBilled) {
    findings.push({ code: 'times_billed_differs', subscription, countApproved })
  }
  return {
    findings: [...findings, ...findPrice(subscription), ...findExpiry(subscription, defaultCard)],
    unsettledId: isSettled ? null : subscriptionId,
  }
}

function findPrice(subscription: SubscriptionSide): TermsFinding[] {
  const { plan, recurringMinor, status } = subscription
  if (plan === null || plan.recurringMinor === recurringMinor) return []
  if (!isBilling(subscription) && status !== 'paused') return []
  return [{ code: 'price_differs_from_plan', subscription, planMinor: plan.recurringMinor }]
}

function findExpiry(subscription: SubscriptionSide, card: DefaultCard | null): TermsFinding[] {
  const { billingOn, vias } = subscription
  if (card === null || billingOn === null || !isBilling(subscription) || !vias.includes('card')) return []
  const endsOn = lastDayOf(card.expiry)
  if (endsOn === null || endsOn >= billingOn) return []
  return [{ code: 'card_expires_before_next_charge', subscription, card, endsOn, billingOn }]
}

/** @param expiry MMYY; a card is good until the last day of its month */
export function lastDayOf(expiry: string | null): BusinessDate | null {
  const match = /^(0[1-9]|1[0-2])(\d\d)$/.exec(expiry ?? '')
  if (!match) return null
  const first = toBusinessDate(`20${match[2]}-${match[1]}-01`)
  return addDays(toBusinessDate(`${addDays(first, 31).slice(0, 7)}-01`), -1)
}
