import type { Instant } from '../../domain/clock.ts'
import { hash32 } from '../random.ts'
import { addDays, createZone, type Zone } from '../zone.ts'
import { secondsAfter } from './payments.ts'

const CLOSE_AT = '17:00'

/** The next 17:00 in Mountain Time and a few seconds, as observed (API.md §6). */
export function automaticClose(seed: number): (openedAt: Instant) => Instant {
  const zone = createZone('America/Edmonton')
  return (openedAt) => {
    const today = zone.date(openedAt)
    const closing = closingOf(zone, today, seed)
    return closing > openedAt ? closing : closingOf(zone, addDays(today, 1), seed)
  }
}

/** When batches close on that date. */
export function closingOf(zone: Zone, date: string, seed: number): Instant {
  return secondsAfter(zone.at(date, CLOSE_AT), 2 + (hash32(seed, 'close', date) % 8))
}
