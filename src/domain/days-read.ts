import { addDays, type BusinessDate, startOfDay } from './calendar.ts'
import type { Instant } from './clock.ts'
import { HELCIM_ZONE, helcimDate } from './helcim-time.ts'

/** For each Mountain day when its last complete reading began. */
export type DaysRead = ReadonlyMap<BusinessDate, Instant>

/**
 * Tells whether all that was created from a day on until an instant has been read: whole days after their end, the last
 * one since that instant. Days that are complete in a row are counted once, so that asking costs nothing.
 */
export function createReadBetween(days: DaysRead): (from: BusinessDate, until: Instant) => boolean {
  const since = new Map<BusinessDate, BusinessDate>()
  for (const day of [...days.keys()].toSorted()) {
    const readAt = days.get(day) ?? 0
    if (readAt < startOfDay(addDays(day, 1), HELCIM_ZONE)) continue
    since.set(day, since.get(addDays(day, -1)) ?? day)
  }
  return (from, until) => {
    const last = helcimDate(until)
    if ((days.get(last) ?? 0) < until) return false
    const before = addDays(last, -1)
    return from > before || (since.get(before) ?? last) <= from
  }
}
