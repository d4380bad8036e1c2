import type { IncomingHttpHeaders } from 'node:http'
import { type Instant, toInstant } from '../domain/clock.ts'

export interface LimitHeaders {
  /** What was left of the limits before this call, as far as Helcim says. */
  readonly minuteRemaining: number | null
  readonly hourRemaining: number | null
  /** Undocumented (API.md §2), honoured where it comes. */
  readonly retryAfterMs: number | null
}

export const readLimitHeaders = (headers: IncomingHttpHeaders): LimitHeaders => ({
  minuteRemaining: countOf(headers['minute-limit-remaining']),
  hourRemaining: countOf(headers['hour-limit-remaining']),
  retryAfterMs: retryAfterMsOf(headers),
})

/** The other side's clock, to the second, as its `date` header shows it. */
export function readServerTime(headers: IncomingHttpHeaders): Instant | null {
  const epochMs = Date.parse(headers.date ?? '')
  return Number.isNaN(epochMs) ? null : toInstant(epochMs)
}

function countOf(header: string | string[] | undefined): number | null {
  return typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : null
}

/** Seconds, or a date. A date is measured against the server's own clock, so that ours may be wrong. */
function retryAfterMsOf(headers: IncomingHttpHeaders): number | null {
  const text = headers['retry-after']
  const seconds = countOf(text)
  if (seconds !== null) return seconds * 1_000
  const until = Date.parse(text ?? '')
  const sentAt = readServerTime(headers)
  return Number.isNaN(until) || sentAt === null ? null : Math.max(0, until - sentAt)
}
