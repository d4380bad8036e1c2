import type { Instant } from '../clock.ts'
import { isBilling, sumsOf } from './expectations.ts'
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
  const idle = given.subscriptions.filter((one) => !isBilling(one) && one.plan !== null && one.payments !== null)
  return given.charges.flatMap((charge): { charge: ChargeRow; finding: RecurringFinding | null }[] => {
    if (charge.isByHand) return []
    const since = idle.map((subscription) => ({
      subscription,
      at: idleSince(subscription),
      last: lastOf(subscription),
    }))
    const fitting = since.filter(
      ({ subscription, last }) =>
        isOf(subscription, last?.payment ?? null, charge) && isOnItsCard(subscription, charge, given),
    )
    const after = fitting.filter(({ last }) => last !== null && charge.createdAt > last.at + duplicateMs)
    const certain = after.find(({ at }) => charge.createdAt > at)
    const [open] = after
    if (!open) return []
    if (!given.isWhole(charge)) return [{ charge, finding: null }]
    if (certain) {
      return [{ charge, finding: { code: 'charge_unexpected', subscription: certain.subscription, charge } }]
    }
    const { subscription, last } = open
    const finding: RecurringFinding = {
      code: 'charge_ambiguous',
      subscription,
      paymentNumber: last?.payment.paymentNumber ?? 0,
      currency: charge.currency,
      expectedMinor: charge.amountMinor,
      charges: [charge],
      isOneTaken: false,
      isOfEnd: true,
    }
    return [{ charge, finding }]
  })
}

function isOf(
  { plan, vias, recurringMinor, payments }: SubscriptionSide,
  last: ToldPayment | null,
  charge: ChargeRow,
): boolean {
  if (plan === null || charge.currency !== plan.currency || !vias.includes(charge.via)) return false
  if (plan.terminalId !== null && charge.terminalId !== null && charge.terminalId !== plan.terminalId) return false
  // A run that repeats itself takes the last charge once more, whatever was in it; one that goes on takes the next.
  const again = last === null ? [] : sumsOf(last).sumsMinor
  const sums = new Set([recurringMinor, ...again, ...(payments ?? []).flatMap(sumsOfNext)])
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

/**
 * Since when a subscription has certainly not been billing: a person stopped it at its last change at the latest, and we
 * saw it stopped when we first saw it as it is.
 */
const idleSince = ({ updatedAt, observedAt }: SubscriptionSide): Instant =>
  updatedAt !== null && updatedAt < observedAt ? updatedAt : observedAt

/** Its payment that was processed last. */
function lastOf({ payments }: SubscriptionSide): { at: Instant; payment: ToldPayment } | null {
  let last: { at: Instant; payment: ToldPayment } | null = null
  for (const payment of payments ?? []) {
    const { processedAt: at } = payment
    if (at !== null && (last === null || at > last.at)) last = { at, payment }
  }
  return last
}
