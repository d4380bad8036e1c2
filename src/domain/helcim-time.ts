import { Temporal } from 'temporal-polyfill'
import { type BusinessDate, businessDateOf } from './calendar.ts'
import { type Instant, toInstant } from './clock.ts'
import type { HelcimTime } from './record.ts'

/** Where Helcim's clocks hang, whatever the merchant's country or terminal (API.md §0, fact 2). */
export const HELCIM_ZONE = 'America/Edmonton'

/**
 * Reads a timestamp as Helcim writes it: `YYYY-MM-DD HH:MM:SS` without a zone, in Mountain Time.
 *
 * - Zero dates, `""`, null, a missing key and a day without a time all mean "none": `instant` is null, the text is kept.
 * - The hour that comes twice in November is read as its first occurrence.
 * - The hour that March skips is read with the offset in force before it: 02:30 is the instant that clocks show as
 *   03:30. A server that forgot to put its clock forward would write exactly that.
 * @returns undefined when the text is no timestamp of the calendar; it never throws
 */
export function parseHelcimTime(text: string | null | undefined, zone: string = HELCIM_ZONE): HelcimTime | undefined {
  if (!text) return NO_TIME
  const match = TIMESTAMP.exec(text)
  if (!match) return undefined
  const part = (index: number): number => Number(match[index] ?? 0)
  const [year, month, day] = [part(1), part(2), part(3)]
  const [hour, minute, second] = [part(4), part(5), part(6)]
  if (year === 0 && month === 0 && day === 0) return { text, instant: null }
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const isDayOnly = match[4] === undefined
  if (isDayOnly) return { text, instant: null }
  const wallMs = Date.UTC(year, month - 1, day, hour, minute, second)
  return { text, instant: toInstant(wallMs - offsetMsOf(zone, wallMs)) }
}

/** The day `YYYY-MM-DD` that Helcim's calendar shows at `instant`: what its date filters go by. */
export const helcimDate = (instant: Instant): BusinessDate => businessDateOf(instant, HELCIM_ZONE)

const NO_TIME: HelcimTime = { text: '', instant: null }
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d))?$/

const daysInMonth = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate()

const WEEK_MS = 7 * 86_400_000
const HOUR_MS = 3_600_000
/** Some eighty years of weeks. A cache that is full is emptied: cheaper than keeping an order, and as rare. */
const CACHED_COUNT_MAX = 4_096

/** An offset that holds for a whole span of local time, or null where it changes within. */
type OffsetCache = Map<number, number | null>
const cachesByZone = new Map<string, { weeks: OffsetCache; hours: OffsetCache }>()

/**
 * The zone's offset at a local time, in milliseconds. A page holds a thousand timestamps and asking the zone database
 * takes tens of microseconds each, so offsets are kept per week of local time, and per hour in weeks of a clock change.
 * No zone changes its clocks twice within a week: equal offsets at both ends hold in between.
 */
function offsetMsOf(zone: string, wallMs: number): number {
  let caches = cachesByZone.get(zone)
  if (!caches) {
    caches = { weeks: new Map(), hours: new Map() }
    cachesByZone.set(zone, caches)
  }
  return (
    uniformOffsetMs(caches.weeks, zone, wallMs, WEEK_MS) ??
    uniformOffsetMs(caches.hours, zone, wallMs, HOUR_MS) ??
    askOffsetMs(zone, wallMs)
  )
}

function uniformOffsetMs(cache: OffsetCache, zone: string, wallMs: number, spanMs: number): number | null {
  const index = Math.floor(wallMs / spanMs)
  const cached = cache.get(index)
  if (cached !== undefined) return cached
  const first = askOffsetMs(zone, index * spanMs)
  const last = askOffsetMs(zone, (index + 1) * spanMs - 1)
  if (cache.size >= CACHED_COUNT_MAX) cache.clear()
  const uniform = first === last ? first : null
  cache.set(index, uniform)
  return uniform
}

function askOffsetMs(zone: string, wallMs: number): number {
  const wall = Temporal.Instant.fromEpochMilliseconds(wallMs).toZonedDateTimeISO('UTC').toPlainDateTime()
  // `compatible` is the first occurrence of a repeated time, and the former offset for a skipped one.
  return wallMs - wall.toZonedDateTime(zone, { disambiguation: 'compatible' }).epochMilliseconds
}
