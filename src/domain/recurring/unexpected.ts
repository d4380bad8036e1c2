import { type Instant, toInstant } from '../clock.ts'
import { sumsOf } from './expectations.ts'
import { type IdleSpan, idleSpansOf, isBilling, placeAt } from './former.ts'
import type { RecurringFinding } from './judge.ts'
import type { Match } from './match.ts'
import type { ChargeRow, DefaultCard, RecurringSettings, SubscriptionSide, ToldPayment } from './sides.ts'

/**
 * Charges that no payment stands behind, of a subscription's customer, amount and terminal, made while it was paused,
 * cancelled or ended. Where it cannot be told whether it had ended by then, that is said instead.
 * @param given `charges`: those that nothing else claims; `isWhole`: whether a payment behind one would have been read;
 *   `matches` and `defaultCard`: what tells the cards that its charges are made to
 * @returns one entry for each charge that is a subscription's; its finding is null while it waits for a reading
 */
export function findUnexpected(
  given: {
    subscriptions: readonly SubscriptionSide[]
    charges: readonly ChargeRow[]
    isWhole: (charge: ChargeRow) => boolean
    matches: readonly Match[]
    defaultCard: DefaultCard | null
  },
  { duplicateMs }: RecurringSettings,
): { charge: ChargeRow; finding: RecurringFinding | null }[] {
  const idle = given.subscriptions
    .filter((one) => one.plan !== null && one.payments !== null)
    .map((subscription) => ({ subscription, spans: idleSpansOf(subscription), isIdleNow: !isBilling(subscription) }))
    .filter(({ spans }) => spans.length > 0)
  return given.charges.flatMap((charge): { charge: ChargeRow; finding: RecurringFinding | null }[] => {
    if (charge.isByHand) return []
    const at = charge.createdAt
    const fitting = idle.flatMap(({ subscription, spans, isIdleNow }) => {
      const last = lastBefore(subscription, at)
      if (last === null || at <= last.at + duplicateMs) return []
      if (!isOf(subscription, last.payment, charge) || !isOnItsCard(subscription, charge, given)) return []
      const span = spans.find((one) => isWithin(one, at)) ?? null
      // Where it stands still now and nothing was processed since, it may have stood still by then.
      const isOpen = isIdleNow && lastBefore(subscription, FOREVER)?.at === last.at
      return span !== null || isOpen ? [{ subscription, last, span }] : []
    })
    const [open] = fitting
    if (!open) return []
    if (!given.isWhole(charge)) return [{ charge, finding: null }]
    const certain = fitting.find(({ span }) => span !== null)
    if (certain?.span) {
      const { subscription, span } = certain
      return [{ charge, finding: { code: 'charge_unexpected', subscription, status: span.status, charge } }]
    }
    const { subscription, last } = open
    const finding: RecurringFinding = {
      code: 'charge_ambiguous',
      subscription,
      paymentNumber: last.payment.paymentNumber,
      currency: charge.currency,
      expectedMinor: charge.amountMinor,
      charges: [charge],
      isOneTaken: false,
      isOfEnd: true,
    }
    return [{ charge, finding }]
  })
}

function isOf(subscription: SubscriptionSide, last: ToldPayment, charge: ChargeRow): boolean {
  const { plan, recurringMinor, payments } = subscription
  const { vias, terminalId } = placeAt(subscription, charge.createdAt)
  if (plan === null || charge.currency !== plan.currency || !vias.includes(charge.via)) return false
  if (terminalId !== null && charge.terminalId !== null && charge.terminalId !== terminalId) return false
  // A run that repeats itself takes the last charge once more, whatever was in it; one that goes on takes the next.
  const sums = new Set([recurringMinor, ...sumsOf(last).sumsMinor, ...(payments ?? []).flatMap(sumsOfNext)])
  return sums.has(charge.amountMinor) || sums.has(charge.amountMinor - charge.feesMinor)
}

/** It charges the default card, which may be another one since its last charge: on a third somebody bought something. */
function isOnItsCard(
  { subscriptionId }: SubscriptionSide,
  { cardNumber }: ChargeRow,
  { matches, defaultCard }: { matches: readonly Match[]; defaultCard: DefaultCard | null },
): boolean {
  const own = matches.filter(({ expectation }) => expectation.subscriptionId === subscriptionId)
  if (cardNumber === null || own.length === 0) return true
  return [defaultCard?.cardNumber, ...own.map(({ charge }) => charge.cardNumber)].includes(cardNumber)
}

/** What a payment after this one would come to: without its set-up and one-time add-ons, and the tax on these. */
function sumsOfNext(payment: ToldPayment): readonly bigint[] {
  const { setupMinor, recurringMinor, addOnMinor, addOnOnceMinor, taxMinor } = payment
  const onceMinor = setupMinor + addOnOnceMinor
  if (onceMinor === 0n) return sumsOf(payment).sumsMinor
  const wholeMinor = setupMinor + recurringMinor + addOnMinor
  const leftMinor = wholeMinor - onceMinor
  if (leftMinor <= 0n) return []
  // The rate is not told, and its tax was rounded: what is left of it is either of two.
  const taxLeftMinor = (taxMinor * leftMinor) / wholeMinor
  const next = { ...payment, setupMinor: 0n, addOnMinor: addOnMinor - addOnOnceMinor, amountMinor: recurringMinor }
  return [taxLeftMinor, taxLeftMinor + 1n]
    .filter((minor) => taxMinor > 0n || minor === 0n)
    .flatMap((minor) => sumsOf({ ...next, taxMinor: minor }).sumsMinor)
}

const isWithin = ({ since, until }: IdleSpan, at: Instant): boolean => at > since && (until === null || at < until)

const FOREVER = toInstant(Number.MAX_SAFE_INTEGER)

/** Its payment that was processed last, until then. */
function lastBefore({ payments }: SubscriptionSide, until: Instant): { at: Instant; payment: ToldPayment } | null {
  let last: { at: Instant; payment: ToldPayment } | null = null
  for (const payment of payments ?? []) {
    const { processedAt: at, paymentNumber } = payment
    if (at === null || at > until) continue
    const isLater = last === null || at > last.at || (at === last.at && paymentNumber > last.payment.paymentNumber)
    if (isLater) last = { at, payment }
  }
  return last
}
