import { toInstant } from '../../src/domain/clock.ts'
import type { CallRecord } from '../../src/sandbox/calls.ts'
import type { Merchant } from '../../src/sandbox/merchant.ts'
import { addDays, type Zone } from '../../src/sandbox/zone.ts'

const ROWS_PER_PAGE = 1_000
/** A long list, and the last days of many sales, are read so rarely that their calls are so far apart. */
const CALL_EVERY_MS = 90_000
const HOUR_MS = 3_600_000
/** Of customers, subscriptions and what belongs to them; of invoices the sandbox gives as many. */
const RECORDS_PER_PAGE = 100
const RECENT_DAYS = 3
const NIGHTLY_DAYS = 7
const ACH_DAYS = 35
/** A day more on either side is asked for. */
const MARGIN_DAYS = 1

/** Calls by what they read. */
export type Parts = Readonly<Record<string, number>>

export const sumOf = (parts: Parts): number => Object.values(parts).reduce((sum, count) => sum + count, 0)

/** Lists that are read once or a few times a day, in whichever hours have room for them. */
const DAILY_LISTS = new Set([
  '/card-terminals',
  '/customers',
  '/invoices',
  '/payment-plans',
  '/add-ons',
  '/ach/transactions',
  '/ach/batches',
])

/** Is this one of the calls that `callsOfDay` counts? @param lastDaysEveryHours how often the last days are read */
export function isDaily({ path, query }: CallRecord, lastDaysEveryHours: number): boolean {
  const lastDays = RECENT_DAYS + 2 * MARGIN_DAYS
  if (path === '/card-transactions') return daysOf(query) >= (lastDaysEveryHours > 1 ? lastDays : lastDays + 1)
  return DAILY_LISTS.has(path) && query.customerCode === undefined && query.invoiceNumber === undefined
}

const daysOf = ({ dateFrom, dateTo }: CallRecord['query']): number =>
  dateFrom === undefined || dateTo === undefined ? 0 : (Date.parse(dateTo) - Date.parse(dateFrom)) / (24 * HOUR_MS) + 1

/** Calls of a day beside those of its hours: the formula of docs/calls.md, put to what the merchant holds at its end. */
export function callsOfDay(merchant: Merchant, { until, zone }: { until: number; zone: Zone }): Parts {
  const { customers, invoices, plans, addOns, achTransactions, achBatches } = merchant.records
  const today = zone.date(toInstant(until))
  const { calls, everyHours } = callsOfLastDays(merchant, { until, zone })
  const countNightly = countSince(merchant, addDays(today, 1 - NIGHTLY_DAYS - MARGIN_DAYS), { until, zone })
  const countInvoices = lastDays(today, RECENT_DAYS + MARGIN_DAYS).reduce(
    (sum, day) => sum + invoices.by('date', day).length,
    0,
  )
  const achOf = (days: number) => {
    const from = addDays(today, 1 - days)
    return achTransactions.all().filter(({ createdAt }) => zone.date(createdAt) >= from).length
  }
  const list = (records: number) => pages(records, RECORDS_PER_PAGE)
  return {
    'seven days, each night': pages(countNightly, ROWS_PER_PAGE),
    'three days, by day': everyHours > 1 ? (Math.ceil(24 / everyHours) - 1) * calls : 0,
    customers: list(customers.all().length),
    // A list that takes no number of rows ends with an empty page.
    'three days of invoices': list(countInvoices) + 1,
    'terminals, plans and add-ons': 1 + list(plans.all().length) + list(addOns.all().length),
    'ACH transactions': 4 * list(achOf(RECENT_DAYS)) + list(achOf(ACH_DAYS)),
    'ACH batches': 4 * list(achBatches.all().length),
  }
}

/** Calls that a reading of the last three days takes, and how often there is one. */
export function callsOfLastDays(
  merchant: Merchant,
  { until, zone }: { until: number; zone: Zone },
): { readonly calls: number; readonly everyHours: number } {
  const today = zone.date(toInstant(until))
  const calls = pages(
    countSince(merchant, addDays(today, 1 - RECENT_DAYS - MARGIN_DAYS), { until, zone }),
    ROWS_PER_PAGE,
  )
  return { calls, everyHours: Math.min(24, Math.max(1, Math.ceil((calls * CALL_EVERY_MS) / HOUR_MS))) }
}

/** The latest first. */
const lastDays = (today: string, days: number): string[] =>
  Array.from({ length: days }, (_, back) => addDays(today, -back))

const pages = (rows: number, limit: number) => Math.max(1, Math.ceil(rows / limit))

/** Calls of an hour by day: the formula of docs/calls.md, put to what the merchant holds. The poll at its end belongs to it. */
export function callsOfHour(
  merchant: Merchant,
  { from, pollMs, zone }: { from: number; pollMs: number; zone: Zone },
): Parts {
  const until = from + HOUR_MS
  const today = zone.date(toInstant(until))
  const days = lastDays(today, 1 + MARGIN_DAYS)
  const { calls, everyHours } = callsOfLastDays(merchant, { until, zone })
  let ofBatches = 0
  for (let poll = from + pollMs; poll <= until; poll += pollMs) {
    for (const countNew of newByBatch(merchant, days, { from: poll - pollMs, until: poll }).values()) {
      ofBatches += pages(countNew, ROWS_PER_PAGE)
    }
  }
  const subscriptions = merchant.records.subscriptions.all()
  const lists = pages(subscriptions.length, RECORDS_PER_PAGE)
  const billed = subscriptions
    .flatMap(({ payments }) => payments)
    .filter(({ processedAt }) => processedAt !== null && processedAt > from && processedAt <= until).length
  return {
    'card batches, each poll': HOUR_MS / pollMs,
    'newest rows of changed batches': ofBatches,
    'three days, each hour': everyHours > 1 ? 0 : calls,
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
  for (const day of days) {
    for (const { batchId, createdAt } of merchant.transactionsOfDate(day)) {
      if (batchId !== 0n && createdAt > from && createdAt <= until) counts.set(batchId, (counts.get(batchId) ?? 0) + 1)
    }
  }
  return counts
}

/** Card transactions from that local day on, those of the archive too. */
function countSince(merchant: Merchant, from: string, { until, zone }: { until: number; zone: Zone }): number {
  const startsAt = zone.at(from, '00:00')
  const archive = merchant.archive()
  const countArchived = archive === null ? 0 : archive.length - archive.placeOf(startsAt)
  const isWithin = ({ createdAt }: { createdAt: number }) => createdAt >= startsAt && createdAt <= until
  return countArchived + merchant.transactions().filter(isWithin).length
}
