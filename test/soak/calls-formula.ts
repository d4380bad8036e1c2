import { toInstant } from '../../src/domain/clock.ts'
import type { Merchant } from '../../src/sandbox/merchant.ts'
import { addDays, type Zone } from '../../src/sandbox/zone.ts'

const ROWS_PER_PAGE = 1_000
const SUBSCRIPTIONS_PER_PAGE = 100
/** A long list is read so rarely that its calls are so far apart. */
const CALL_EVERY_MS = 90_000
const HOUR_MS = 3_600_000
const RECENT_DAYS = 3
/** A day more on either side is asked for. */
const MARGIN_DAYS = 1

/** Calls by what they read. */
export type Parts = Readonly<Record<string, number>>

export const sumOf = (parts: Parts): number => Object.values(parts).reduce((sum, count) => sum + count, 0)

/** Calls of an hour by day: the formula of docs/calls.md, put to what the merchant holds. The poll at its end belongs to it. */
export function callsOfHour(
  merchant: Merchant,
  { from, pollMs, zone }: { from: number; pollMs: number; zone: Zone },
): Parts {
  const pages = (rows: number, limit: number) => Math.max(1, Math.ceil(rows / limit))
  const until = from + HOUR_MS
  const today = zone.date(toInstant(until))
  const days = Array.from({ length: RECENT_DAYS + MARGIN_DAYS }, (_, back) => addDays(today, -back))
  const countRecent = days.reduce((sum, day) => sum + countUntil(merchant.transactionsOfDate(day), until), 0)
  let ofBatches = 0
  for (let poll = from + pollMs; poll <= until; poll += pollMs) {
    for (const countNew of newByBatch(merchant, days, { from: poll - pollMs, until: poll }).values()) {
      ofBatches += pages(countNew, ROWS_PER_PAGE)
    }
  }
  const subscriptions = merchant.records.subscriptions.all()
  const lists = pages(subscriptions.length, SUBSCRIPTIONS_PER_PAGE)
  const billed = subscriptions
    .flatMap(({ payments }) => payments)
    .filter(({ processedAt }) => processedAt !== null && processedAt > from && processedAt <= until).length
  return {
    'card batches, each poll': HOUR_MS / pollMs,
    'newest rows of changed batches': ofBatches,
    'three days, each hour': pages(countRecent, ROWS_PER_PAGE),
    subscriptions: Math.min(HOUR_MS / CALL_EVERY_MS, lists),
    'subscriptions that were billed': billed,
  }
}

/** Rows that came to each batch after `from`, until `until`. */
function newByBatch(
  merchant: Merchant,
  days: readonly string[],
  { from, until }: { from: number; until: number },
): Map<bigint, number> {
  const counts = new Map<bigint, number>()
  for (const day of days.slice(0, 2)) {
    for (const { batchId, createdAt } of merchant.transactionsOfDate(day)) {
      if (batchId !== 0n && createdAt > from && createdAt <= until) counts.set(batchId, (counts.get(batchId) ?? 0) + 1)
    }
  }
  return counts
}

const countUntil = (rows: readonly { readonly createdAt: number }[], until: number): number =>
  rows.filter(({ createdAt }) => createdAt <= until).length
