import { addDays, type BusinessDate, startOfDay } from '../calendar.ts'
import { type Instant, toInstant } from '../clock.ts'
import { HELCIM_ZONE, helcimDate } from '../helcim-time.ts'
import type { HelcimId } from '../record.ts'
import { projectDueDates } from './due-dates.ts'
import { isBilling, mayHaveMoved, placeAt, placeNow } from './former.ts'
import type { ReadingState, RecurringSettings, SubscriptionSide, ToldPayment, Via } from './sides.ts'

/** `told`: Helcim says what became of it; `due`: its day has come and we know of no outcome (yet). */
export type ExpectationState = 'approved' | 'declined' | 'failed' | 'due'

/** One charge that should have been tried by now. Its unit is (subscription, payment number). */
export interface Expectation {
  readonly subscription: SubscriptionSide
  readonly subscriptionId: HelcimId
  readonly paymentNumber: number
  readonly state: ExpectationState
  readonly currency: string
  /** What its charge may come to, the likeliest first, none twice. */
  readonly sumsMinor: readonly bigint[]
  /** The likeliest of them. */
  readonly expectedMinor: bigint
  readonly vias: readonly Via[]
  readonly terminalId: HelcimId | null
  /** Whether its charge may stand elsewhere: its terms were changed since. */
  readonly mayBeElsewhere: boolean
  readonly dueOn: BusinessDate | null
  readonly processedAt: Instant | null
  /** In which its charge must have been made. */
  readonly window: { readonly from: Instant; readonly until: Instant }
  readonly countRetries: number
  /** From its plan's terms, because its payments were never read. */
  readonly isProjected: boolean
}

export const keyOf = ({ subscriptionId, paymentNumber }: Pick<Expectation, 'subscriptionId' | 'paymentNumber'>) =>
  `${subscriptionId}:${paymentNumber}`

/**
 * One whose charge may lie before what was asked for: it is not held against what is mirrored, and claims what is its own.
 * That it failed is Helcim's own word, wherever its tries lie.
 */
export const isBeforeScope = ({ state, processedAt, window }: Expectation, { scopeFrom }: ReadingState): boolean =>
  (state === 'declined' || state === 'failed' ? (processedAt ?? window.from) : window.from) < scopeFrom

/**
 * What should have been charged until now, by subscription and payment number; also what was just before the scope, as long
 * as its charge may lie within it.
 */
export function expectationsOf(
  subscription: SubscriptionSide,
  reading: ReadingState,
  settings: RecurringSettings,
): Expectation[] {
  if (subscription.plan === null) return []
  if (subscription.payments === null) return projectedOf(subscription, reading)
  const today = helcimDate(reading.now)
  const numbers = new Set<number>()
  const expectations: Expectation[] = []
  for (const payment of subscription.payments.toSorted((a, b) => a.paymentNumber - b.paymentNumber)) {
    if (numbers.has(payment.paymentNumber)) continue
    numbers.add(payment.paymentNumber)
    const one = toldExpectation(subscription, payment, { today, settings })
    if (one === null) continue
    const mayReachIn = one.state === 'approved' && one.processedAt !== null && one.window.until >= reading.scopeFrom
    if (mayReachIn || !isBeforeScope(one, reading)) expectations.push(one)
  }
  return expectations
}

function toldExpectation(
  subscription: SubscriptionSide,
  payment: ToldPayment,
  { today, settings }: { today: BusinessDate; settings: RecurringSettings },
): Expectation | null {
  const { dueOn, processedAt } = payment
  const isTold = payment.status === 'approved' || payment.status === 'declined' || payment.status === 'failed'
  const state = isTold ? (payment.status as ExpectationState) : 'due'
  // What waits while its subscription is paused or ended is not due, whatever its day.
  if (!isTold && (dueOn === null || dueOn > today || !isBilling(subscription))) return null
  const window =
    isTold && processedAt !== null
      ? {
          from: toInstant(processedAt - settings.windowBeforeMs),
          until: toInstant(processedAt + settings.windowAfterMs),
        }
      : dueOn === null
        ? null
        : aroundDay(dueOn)
  if (window === null) return null
  return {
    ...commonOf(subscription, isTold ? processedAt : null),
    paymentNumber: payment.paymentNumber,
    state,
    ...sumsOf(payment),
    dueOn,
    processedAt: isTold ? processedAt : null,
    window,
    countRetries: payment.countRetries,
    isProjected: false,
  }
}

function projectedOf(subscription: SubscriptionSide, reading: ReadingState): Expectation[] {
  // When one that no longer runs stopped, only its payments tell.
  if (!isBilling(subscription)) return []
  const { recurringMinor, setupMinor } = subscription
  const dates = projectDueDates(subscription, helcimDate(reading.now))
  return dates.flatMap((dueOn, index) => {
    const window = aroundDay(dueOn)
    if (window.from < reading.scopeFrom) return []
    const expectedMinor = index === 0 ? recurringMinor + setupMinor : recurringMinor
    return [
      {
        ...commonOf(subscription, null),
        paymentNumber: index + 1,
        state: 'due' as const,
        sumsMinor: distinct([expectedMinor, recurringMinor]),
        expectedMinor,
        dueOn,
        processedAt: null,
        window,
        countRetries: 0,
        isProjected: true,
      },
    ]
  })
}

/** @param processedAt what it was then counts; null: what it is now */
function commonOf(subscription: SubscriptionSide, processedAt: Instant | null) {
  const { vias, terminalId } = processedAt === null ? placeNow(subscription) : placeAt(subscription, processedAt)
  return {
    subscription,
    subscriptionId: subscription.subscriptionId,
    currency: subscription.plan?.currency ?? '',
    vias,
    terminalId,
    mayBeElsewhere: processedAt !== null && mayHaveMoved(subscription, processedAt),
  }
}

/** Without a time of processing a charge stands on its due day, or one beside it (API.md §9). */
const aroundDay = (dueOn: BusinessDate) => ({
  from: startOfDay(addDays(dueOn, -1), HELCIM_ZONE),
  until: startOfDay(addDays(dueOn, 2), HELCIM_ZONE),
})

/**
 * The sums that a payment's charge may come to. Its printed example does not add up, so that no one formula holds
 * (API.md §8): all its parts together; its amount; that with tax, add-ons, or both.
 */
export function sumsOf(payment: ToldPayment): { sumsMinor: readonly bigint[]; expectedMinor: bigint } {
  const { amountMinor, setupMinor, recurringMinor, addOnMinor, taxMinor } = payment
  const sumsMinor = distinct([
    setupMinor + recurringMinor + addOnMinor + taxMinor,
    amountMinor,
    amountMinor + taxMinor,
    amountMinor + addOnMinor,
    amountMinor + addOnMinor + taxMinor,
  ])
  return { sumsMinor, expectedMinor: sumsMinor[0] ?? amountMinor }
}

const distinct = (sums: readonly bigint[]): bigint[] => [...new Set(sums.filter((minor) => minor > 0n))]
