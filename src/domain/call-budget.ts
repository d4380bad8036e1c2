import type { CallClass } from './budget-class.ts'

/** Helcim's limits per merchant account, over all its tokens (docs: api-rate-limits). */
export interface CallLimits {
  /** Calls in progress at once. */
  readonly concurrent: number
  /** Calls in any 60 s. */
  readonly minute: number
  /** Calls in any 60 min. */
  readonly hour: number
}

export const HELCIM_LIMITS: CallLimits = { concurrent: 5, minute: 100, hour: 3_000 }

/**
 * What each class leaves free for the more urgent ones, as shares of a limit. Backfill's tenth of the minute is also
 * the margin in which calls of a stranger show up in the headers before they can push us over the limit.
 */
const RESERVED: Readonly<Record<CallClass, { slots: number; minute: number; hour: number }>> = {
  settle: { slots: 0, minute: 0, hour: 0 },
  fresh: { slots: 1, minute: 0.03, hour: 0.01 },
  detail: { slots: 2, minute: 0.06, hour: 0.02 },
  backfill: { slots: 2, minute: 0.1, hour: 0.03 },
}

/** How much of the limits a class may see in use (by everybody) and still call. */
export function shareOf(limits: CallLimits, callClass: CallClass): CallLimits {
  const reserved = RESERVED[callClass]
  return {
    concurrent: Math.max(1, limits.concurrent - reserved.slots),
    minute: Math.max(1, Math.floor(limits.minute * (1 - reserved.minute))),
    hour: Math.max(1, Math.floor(limits.hour * (1 - reserved.hour))),
  }
}

/** What counts against the limits now: our own calls, and those of others as far as answers told. */
export interface CallUsage {
  readonly running: number
  /** Of these, calls older than `LONG_RUNNING_MS`: slow, or left behind by a killed process until their lease ends. */
  readonly runningLong: number
  readonly minute: number
  readonly hour: number
  readonly foreignMinute: number
  readonly foreignHour: number
  /** Mean duration of the last minute's answered calls, real milliseconds; null when there were none. */
  readonly meanDurationMs: number | null
  /** 429s in a row, until an answer shows that there is room again. */
  readonly countRateLimited: number
  readonly countUnauthorized: number
}

export type CallDecision =
  | { readonly kind: 'permit' }
  /** Wait until a running call ends. */
  | { readonly kind: 'wait-slot' }
  /** Wait until `expiring` own calls have left the window. */
  | { readonly kind: 'wait-window'; readonly window: 'minute' | 'hour'; readonly expiring: number }

/** May a call of this class start now? Pure: the caller holds the account's lock and has counted under it. */
export function decideCall(
  usage: CallUsage,
  limits: CallLimits,
  callClass: CallClass,
  realMinuteMs: number,
): CallDecision {
  const share = shareOf(limits, callClass)
  const foreignMinute = foreignAssumed(usage, limits, callClass)
  for (const window of ['hour', 'minute'] as const) {
    const foreign = window === 'minute' ? foreignMinute : usage.foreignHour
    const excess = usage[window] + foreign - share[window] + 1
    // With nothing of our own left to expire only a stranger stands in the way: look again when one call would have.
    if (excess > 0) return { kind: 'wait-window', window, expiring: Math.min(excess, usage[window]) }
  }
  if (usage.running >= share.concurrent) return { kind: 'wait-slot' }
  // A dead call holds its slot for as long as Helcim may work on it, but must not hold back the pace of the living.
  const inPace = usage.running - usage.runningLong
  const isNearEdge = usage.minute + foreignMinute >= share.minute - NEAR_EDGE * limits.minute
  if (inPace >= slotsAllowed(usage, share, callClass, realMinuteMs, isNearEdge)) return { kind: 'wait-slot' }
  return { kind: 'permit' }
}

/** Whether a class leaves the way to others: at the account's lock, and with the first look after a 429. */
export const canWait = (callClass: CallClass): boolean => callClass === 'detail' || callClass === 'backfill'

/**
 * The last calls before the share is used up go one at a time: a stranger who then takes what is left meets one call of
 * ours. Where calls are so slow that this costs throughput, usage falls below the edge and they go together again.
 */
const NEAR_EDGE = 0.05

/** A stranger who made us meet a 429 is still taking calls: whoever can wait believes him to want half of the minute. */
const FOREIGN_SHARE_AFTER_429 = 0.5

/**
 * Each look at a window that fills up in front of us would cost a 429 of its own. So what can wait leaves room for a
 * stranger who goes on, until an answer tells how much he has; the urgent ask as soon as what is known lets them.
 */
function foreignAssumed(usage: CallUsage, limits: CallLimits, callClass: CallClass): number {
  const isGrowing = usage.countRateLimited > 0 && usage.foreignMinute > 0
  if (!isGrowing || !canWait(callClass)) return usage.foreignMinute
  return Math.max(usage.foreignMinute, Math.floor(limits.minute * FOREIGN_SHARE_AFTER_429))
}

/** Real milliseconds after which a call no longer tells how fast Helcim answers. */
export const LONG_RUNNING_MS = 2_000

/**
 * Classes that can wait run no more calls at once than their share of the minute needs at the pace that Helcim answers,
 * doubled. More would not be faster, and each call in flight is one more 429 when a stranger takes the rest at a blow.
 * Once credentials were rejected, calls go one by one: the next answer decides.
 */
function slotsAllowed(
  usage: CallUsage,
  share: CallLimits,
  callClass: CallClass,
  realMinuteMs: number,
  isNearEdge: boolean,
): number {
  if (usage.countUnauthorized > 0) return 1
  if (!canWait(callClass)) return share.concurrent
  if (isNearEdge || usage.countRateLimited > 0) return 1
  if (usage.meanDurationMs === null) return share.concurrent
  const needed = (share.minute * usage.meanDurationMs) / realMinuteMs
  return Math.min(share.concurrent, Math.max(1, Math.ceil(2 * needed)))
}

/**
 * Calls of others that an answer proves: what Helcim counted before this call, less every own call that it can have
 * counted. A lower bound, so it never blames a stranger for our own calls.
 */
export const foreignCalls = (limit: number, remainingBefore: number, ownAtMost: number): number =>
  Math.max(0, limit - remainingBefore - ownAtMost)

/** Which limit a 429 means, told from its headers: the hour only when the minute cannot explain it. */
export function limitHit(
  minuteRemaining: number | null,
  hourRemaining: number | null,
): 'concurrent' | 'minute' | 'hour' {
  if (minuteRemaining === null || minuteRemaining <= 0) return 'minute'
  if (hourRemaining !== null && hourRemaining <= 0) return 'hour'
  return 'concurrent'
}

/** Clock milliseconds for which the `count`-th 429 in a row closes the account, where Helcim names no time itself. */
const CLOSED_MS: Readonly<Record<ReturnType<typeof limitHit>, { first: number; cap: number }>> = {
  concurrent: { first: 1_000, cap: 30_000 },
  minute: { first: 3_000, cap: 120_000 },
  hour: { first: 60_000, cap: 900_000 },
}

/** @param random from 0 to 1; spreads the return by a half, so that replicas do not come back as one */
export function closedForMs(hit: ReturnType<typeof limitHit>, count: number, random: number): number {
  const { first, cap } = CLOSED_MS[hit]
  return Math.min(cap, first * 2 ** Math.min(count - 1, 20)) * (1 + random / 2)
}
