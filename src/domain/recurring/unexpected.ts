import type { Instant } from '../clock.ts'
import { isBilling, sumsOf } from './expectations.ts'
import type { RecurringFinding } from './judge.ts'
import type { ChargeRow, RecurringSettings, SubscriptionSide, ToldPayment } from './sides.ts'

/**
 * Charges that no payment stands behind, of a subscription's customer, amount and terminal, made while it was paused,
 * cancelled or ended. Where it cannot be told whether it had ended by then, that is said instead.
 * @param given `charges`: those that nothing else claims; `isWhole`: whether a payment behind one would have been read
 * @returns one entry for each charge that is a subscription's; its finding is null while it waits for a reading
 */
export function findUnexpected(
  given: {
    subscriptions: readonly SubscriptionSide[]
    charges: readonly ChargeRow[]
    isWhole: (charge: ChargeRow) => boolean
  },
  { duplicateMs }: RecurringSettings,
): { charge: ChargeRow; finding: RecurringFinding | null }[] {
  const idle = given.subscriptions.filter((one) => !isBilling(one) && one.plan !== null && one.payments !== null)
  return given.charges.flatMap((charge): { charge: ChargeRow; finding: RecurringFinding | null }[] => {
    if (charge.isByHand) return []
    const fitting = idle.filter((one) => isOf(one, charge))
    const since = fitting.map((subscription) => ({ subscription, ...idleSince(subscription) }))
    const after = since.filter(({ last }) => last !== null && charge.createdAt > last.at + duplicateMs)
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
      paymentNumber: last?.paymentNumber ?? 0,
      currency: charge.currency,
      expectedMinor: charge.amountMinor,
      charges: [charge],
      isOneTaken: false,
      isOfEnd: true,
    }
    return [{ charge, finding }]
  })
}

function isOf({ plan, vias, recurringMinor, payments }: SubscriptionSide, charge: ChargeRow): boolean {
  if (plan === null || charge.currency !== plan.currency || !vias.includes(charge.via)) return false
  if (plan.terminalId !== null && charge.terminalId !== null && charge.terminalId !== plan.terminalId) return false
  const sums = new Set([recurringMinor, ...(payments ?? []).flatMap(sumsOfAnother)])
  return sums.has(charge.amountMinor) || sums.has(charge.amountMinor - charge.feesMinor)
}

/** What a payment like this one would come to: a setup fee is charged once, so that a purchase for that sum is one. */
const sumsOfAnother = (payment: ToldPayment): readonly bigint[] =>
  payment.setupMinor === 0n
    ? sumsOf(payment).sumsMinor
    : sumsOf({ ...payment, setupMinor: 0n, amountMinor: payment.recurringMinor }).sumsMinor

/**
 * Since when a subscription has certainly not been billing: a person stopped it at its last change at the latest, and we
 * saw it stopped when we first saw it as it is.
 */
function idleSince({ updatedAt, observedAt, payments }: SubscriptionSide): {
  at: Instant
  last: { at: Instant; paymentNumber: number } | null
} {
  const at = updatedAt !== null && updatedAt < observedAt ? updatedAt : observedAt
  let last: { at: Instant; paymentNumber: number } | null = null
  for (const { processedAt, paymentNumber } of payments ?? []) {
    if (processedAt !== null && (last === null || processedAt > last.at)) last = { at: processedAt, paymentNumber }
  }
  return { at, last }
}
