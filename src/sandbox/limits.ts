import type { Instant } from '../domain/clock.ts'

/** Calls in progress, in the last 60 s and in the last 60 min, of one merchant over all tokens (API.md §2). */
export interface CallLimits {
  readonly concurrent: number
  readonly minute: number
  readonly hour: number
}

export const DEFAULT_LIMITS: CallLimits = { concurrent: 5, minute: 100, hour: 3000 }

export type LimitName = keyof CallLimits

export interface Violation {
  readonly limit: LimitName
  readonly at: Instant
  /** Calls within that limit's reach, this one included. */
  readonly count: number
}

/** The highest counts ever reached by the merchant's own calls, refused ones included; strangers' calls are not in them. */
export interface Peaks extends CallLimits {
  readonly count429: number
}

export interface Remaining {
  readonly minute: number
  readonly hour: number
}

export interface Arrival {
  /** Limits that this call exceeds; empty: it may go on. */
  readonly exceeded: readonly LimitName[]
  /** What was left before this call (API.md §2). */
  readonly remaining: Remaining
  /** Milliseconds until the windows have room again; 0 when only too many are in progress. */
  readonly waitMs: number
}

export interface Limits {
  /** Counts a call; when `exceeded` is empty `leave` must follow. */
  arrive(now: Instant): Arrival
  leave(): void
  /** What is left; counts nothing. */
  remaining(now: Instant): Remaining
  /** Calls of a stranger on the same merchant; those that fit are counted. @returns how many fitted */
  useForeign(count: number, now: Instant): number
  peaks(): Peaks
  violations(): readonly Violation[]
}

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
const VIOLATIONS_KEPT_MAX = 10_000

/** Sliding windows over arrivals: a call at t is in the window of every later call up to and including t + length. */
export function createLimits(limits: CallLimits, options: { refusedCallsCount: boolean }): Limits {
  // Counted ones decide; own ones, refused included, are what the peaks tell.
  const counted = { minute: createWindow(MINUTE_MS), hour: createWindow(HOUR_MS) }
  const own = { minute: createWindow(MINUTE_MS), hour: createWindow(HOUR_MS) }
  const peaks = { concurrent: 0, minute: 0, hour: 0, count429: 0 }
  const violations: Violation[] = []
  let inProgress = 0

  const remaining = (now: Instant): Remaining => ({
    minute: Math.max(0, limits.minute - counted.minute.count(now)),
    hour: Math.max(0, limits.hour - counted.hour.count(now)),
  })

  const count = (now: Instant) => {
    counted.minute.add(now)
    counted.hour.add(now)
  }

  return {
    arrive(now) {
      const left = remaining(now)
      const reached = {
        concurrent: inProgress + 1,
        minute: counted.minute.count(now) + 1,
        hour: counted.hour.count(now) + 1,
      }
      own.minute.add(now)
      own.hour.add(now)
      peaks.concurrent = Math.max(peaks.concurrent, reached.concurrent)
      peaks.minute = Math.max(peaks.minute, own.minute.count(now))
      peaks.hour = Math.max(peaks.hour, own.hour.count(now))
      const names: readonly LimitName[] = ['concurrent', 'minute', 'hour']
      const exceeded = names.filter((limit) => reached[limit] > limits[limit])
      for (const limit of exceeded) {
        if (violations.length < VIOLATIONS_KEPT_MAX) violations.push({ limit, at: now, count: reached[limit] })
      }
      if (exceeded.length > 0) peaks.count429 += 1
      else inProgress += 1
      if (exceeded.length === 0 || options.refusedCallsCount) count(now)
      const waitMs = Math.max(
        exceeded.includes('minute') ? counted.minute.waitMs(limits.minute, now) : 0,
        exceeded.includes('hour') ? counted.hour.waitMs(limits.hour, now) : 0,
      )
      return { exceeded, remaining: left, waitMs }
    },
    leave() {
      inProgress -= 1
      if (inProgress < 0) throw new Error('a call left twice')
    },
    remaining,
    useForeign(asked, now) {
      const left = remaining(now)
      const fitting = Math.max(0, Math.min(asked, left.minute, left.hour))
      for (let call = 0; call < fitting; call += 1) count(now)
      return fitting
    },
    peaks: () => ({ ...peaks }),
    violations: () => [...violations],
  }
}

interface Window {
  add(now: Instant): void
  count(now: Instant): number
  /** Milliseconds until a call fits under `limit`. */
  waitMs(limit: number, now: Instant): number
}

function createWindow(lengthMs: number): Window {
  let arrivals: Instant[] = []
  let first = 0
  const drop = (now: Instant) => {
    while (first < arrivals.length && (arrivals[first] ?? now) < now - lengthMs) first += 1
    if (first > 1024 && first * 2 > arrivals.length) {
      arrivals = arrivals.slice(first)
      first = 0
    }
  }
  return {
    add(now) {
      drop(now)
      arrivals.push(now)
    },
    count(now) {
      drop(now)
      return arrivals.length - first
    },
    waitMs(limit, now) {
      drop(now)
      // Room for one more comes when so many have left that limit − 1 remain.
      const last = arrivals[arrivals.length - limit]
      return last === undefined ? 0 : Math.max(0, last + lengthMs + 1 - now)
    },
  }
}
