import { addDays, type BusinessDate, startOfDay } from '../calendar.ts'
import { type Instant, toInstant } from '../clock.ts'
import { HELCIM_ZONE, helcimDate } from '../helcim-time.ts'
import type { Expectation } from './expectations.ts'
import { sumRankOf } from './fit.ts'
import type { ChargeRow, ReadingState, RecurringSettings, SubscriptionSide } from './sides.ts'

/** From when on a payment that still waits is overdue. */
export const overdueFrom = (dueOn: BusinessDate, { overdueAfterMs }: RecurringSettings): Instant =>
  toInstant(startOfDay(addDays(dueOn, 1), HELCIM_ZONE) + overdueAfterMs)

/** Its day and the grace are over, and a reading since then still has it waiting. */
export function isOverdue(
  { state, dueOn, subscription, isProjected }: Expectation,
  { now, subscriptionsReadAt }: ReadingState,
  settings: RecurringSettings,
): boolean {
  if (state !== 'due' || dueOn === null) return false
  const from = overdueFrom(dueOn, settings)
  if (now < from) return false
  const { billingOn, paymentsReadAt } = subscription
  if (!isProjected && paymentsReadAt !== null && paymentsReadAt >= from) return true
  // The list alone tells it too: the next billing day it names has gone by.
  return billingOn !== null && billingOn === dueOn && subscriptionsReadAt !== null && subscriptionsReadAt >= from
}

/** The grace is over, and every day on which its charge could stand was read completely after that could happen. */
export function isProvedMissing(
  { state, processedAt, window, vias }: Expectation,
  { now, daysRead }: ReadingState,
  { missingAfterMs }: RecurringSettings,
): boolean {
  if (state !== 'approved' || now < (processedAt ?? window.until) + missingAfterMs) return false
  return vias.every((via) => {
    const last = helcimDate(window.until)
    for (let day = helcimDate(window.from); day <= last; day = addDays(day, 1)) {
      const readAt = daysRead[via].get(day)
      if (readAt === undefined || readAt < window.until) return false
    }
    return true
  })
}

/**
 * A bank payment failed that was this one's: until its subscription was read since, Helcim may say so of the payment as well.
 */
export function mayHaveFailed(expectation: Expectation, charges: readonly ChargeRow[], reading: ReadingState): boolean {
  const { window, subscription } = expectation
  return charges.some(
    (charge) =>
      charge.via === 'ach' &&
      charge.outcome === 'declined' &&
      charge.createdAt >= window.from &&
      charge.createdAt <= window.until &&
      sumRankOf(expectation, charge) !== -1 &&
      !isReadSince(subscription, charge.observedAt, reading),
  )
}

/** A charge a little above what is expected may hold a surcharge that its invoice, which was not read yet, states. */
export function mayHaveFees(
  { window, currency, sumsMinor }: Expectation,
  charges: readonly ChargeRow[],
  { feePermilleMax }: RecurringSettings,
): boolean {
  return charges.some(
    ({ createdAt, isFeeKnown, currency: other, amountMinor }) =>
      !isFeeKnown &&
      other === currency &&
      createdAt >= window.from &&
      createdAt <= window.until &&
      sumsMinor.some((minor) => amountMinor > minor && (amountMinor - minor) * 1000n <= minor * BigInt(feePermilleMax)),
  )
}

/** Whether a charge made at that time would show among what was read of a subscription, were it this one's. */
export function isReadSince(
  { payments, paymentsReadAt, observedAt, vanishedAt }: SubscriptionSide,
  at: Instant,
  { subscriptionsReadAt }: ReadingState,
): boolean {
  if (subscriptionsReadAt === null || subscriptionsReadAt < at) return false
  // Of one that was deleted no payments can be read any more.
  if (vanishedAt !== null) return true
  if (payments === null || paymentsReadAt === null) return false
  // Or else the list shows a change since its payments were read.
  return paymentsReadAt >= observedAt || paymentsReadAt >= at
}
