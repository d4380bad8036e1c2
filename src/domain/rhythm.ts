import { ACH_FOLLOWED_DAYS } from './ach.ts'
import type { CallClass } from './budget-class.ts'
import { addDays, type BusinessDate } from './calendar.ts'
import { type Instant, toInstant } from './clock.ts'
import { helcimDate } from './helcim-time.ts'
import type { ResourceName } from './pull.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** How often a resource is read again, beside what is asked for by need. */
export type Rhythm =
  /** A list without filters. A long one is read more rarely, see `askForDueLists`. */
  | { readonly kind: 'list'; readonly everyMs: number; readonly callClass: CallClass }
  /** Days of creation: the last so many of them, today included; the shortest stretch first. */
  | {
      readonly kind: 'days'
      readonly stretches: readonly { readonly days: number; readonly everyMs: number; readonly callClass: CallClass }[]
      /** A day that no stretch reaches any more is read once more unless it was read so many days later: somebody was away. */
      readonly finalAfterDays: number
    }

/** A day of ACH is read again while it is so young (API.md §11): longer than it is followed, so that a daemon that was away for some days loses nothing. */
const ACH_CHANGING_DAYS = 35

/** null for card data, which is asked for by rules of its own: each poll, each hour or more rarely (`recent`), each night (`week`). */
export const RHYTHMS: Readonly<Record<ResourceName, Rhythm | null>> = {
  card_terminal: null,
  card_batch: null,
  card_transaction: null,
  customer: { kind: 'list', everyMs: DAY_MS, callClass: 'backfill' },
  invoice: {
    kind: 'days',
    stretches: [{ days: 3, everyMs: DAY_MS, callClass: 'backfill' }],
    finalAfterDays: 1,
  },
  payment_plan: { kind: 'list', everyMs: DAY_MS, callClass: 'detail' },
  add_on: { kind: 'list', everyMs: DAY_MS, callClass: 'detail' },
  subscription: { kind: 'list', everyMs: HOUR_MS, callClass: 'detail' },
  ach_transaction: {
    kind: 'days',
    stretches: [
      { days: 3, everyMs: 6 * HOUR_MS, callClass: 'detail' },
      { days: ACH_CHANGING_DAYS, everyMs: DAY_MS, callClass: 'backfill' },
    ],
    finalAfterDays: ACH_FOLLOWED_DAYS,
  },
  ach_batch: { kind: 'list', everyMs: 6 * HOUR_MS, callClass: 'detail' },
}

/** Days of card transactions, today included, that are read again by day and each night whatever is known of them. */
export const CARD_DAYS = { recent: 3, nightly: 7 } as const

/** Terminals change when a merchant orders one. */
export const TERMINALS_EVERY_MS = DAY_MS
/** A list may be as long as it likes: once a day it is read. */
const LIST_EVERY_MS_MAX = DAY_MS

/** A long reading is repeated so rarely that a call of it falls on every minute and a half at most, but once a day in any case. */
const CALL_EVERY_MS = 90_000
export const spreadMs = (countCalls: number): number => Math.min(LIST_EVERY_MS_MAX, countCalls * CALL_EVERY_MS)

/** Work that is due each hour begins a little earlier or later than the hour before. */
export const JITTER_MS = 10 * 60_000

/**
 * How long the last days of card transactions are left alone when they were read: not at all where an hour has room for
 * them, so that each hour reads them.
 * @param cardDaysCalls calls that their reading takes; 0: not known
 */
export function cardDaysRestMs(cardDaysCalls: number): number {
  const hours = Math.ceil(spreadMs(cardDaysCalls) / HOUR_MS)
  return hours > 1 ? hours * HOUR_MS - JITTER_MS : 0
}

/**
 * How long after a complete reading a resource is read again at the latest; 0: by each poll.
 * @param cardDaysCalls as for `cardDaysRestMs`
 */
export function rereadMsMax(resource: string, cardDaysCalls: number): number {
  switch (resource) {
    case 'card_batch':
      return 0
    case 'card_terminal':
      return TERMINALS_EVERY_MS
    case 'card_transaction':
      return cardDaysRestMs(cardDaysCalls) + HOUR_MS
  }
  const rhythm = RHYTHMS[resource as ResourceName]
  return rhythm?.kind === 'days' ? Math.min(...rhythm.stretches.map(({ everyMs }) => everyMs)) : LIST_EVERY_MS_MAX
}

/** What is due is looked for once an hour, and its reading takes its time. */
const LATE_MS_MAX = HOUR_MS

/**
 * The first day that need not have been read since it ended: its rhythm may not have come to it yet. Today is the last
 * of them.
 */
export const freshFrom = (
  resource: string,
  { now, cardDaysCalls }: { now: Instant; cardDaysCalls: number },
): BusinessDate => helcimDate(toInstant(now - rereadMsMax(resource, cardDaysCalls) - LATE_MS_MAX))

/** The first day of card transactions that the coming night reads again in any case. */
export const rereadFrom = (now: Instant): BusinessDate => addDays(helcimDate(now), 1 - CARD_DAYS.nightly)
