import { Temporal } from 'temporal-polyfill'
import { type Instant, toInstant } from './clock.ts'
import { HELCIM_ZONE } from './helcim-time.ts'

/** One of Helcim's own closes, and its hour as it was set. */
export interface AutomaticClose {
  /** `HH:MM` in Mountain Time. */
  readonly hour: string
  readonly at: Instant
}

/** Helcim was seen to close within seconds of the hour; after this the batch has closed, or that close is switched off. */
export const AFTER_CLOSE_MS = 2 * 60_000

/**
 * Helcim's next own close, or the one that has just been; null where there is none.
 * @param hours `HH:MM` in Mountain Time: each at which it may be, none where it is switched off
 */
export function nearestClose(hours: readonly string[], now: Instant): AutomaticClose | null {
  const local = Temporal.Instant.fromEpochMilliseconds(now - AFTER_CLOSE_MS).toZonedDateTimeISO(HELCIM_ZONE)
  const onDay = (hour: string, date: Temporal.PlainDate) =>
    toInstant(date.toZonedDateTime({ timeZone: HELCIM_ZONE, plainTime: hour }).epochMilliseconds)
  const closes = hours.map((hour): AutomaticClose => {
    const today = onDay(hour, local.toPlainDate())
    const isToCome = today >= now - AFTER_CLOSE_MS
    return { hour, at: isToCome ? today : onDay(hour, local.toPlainDate().add({ days: 1 })) }
  })
  return closes.toSorted((a, b) => a.at - b.at)[0] ?? null
}

/** Whether Helcim may close batches by itself at `at`. */
export function isAutomaticClose(hours: readonly string[], at: Instant): boolean {
  const close = nearestClose(hours, at)
  return close !== null && at >= close.at && at < close.at + AFTER_CLOSE_MS
}

/**
 * Reads the hour of Helcim's own close, several with commas where it is not certain which, or `off`.
 * @throws Error whose message says what cannot be read
 */
export function parseCloseTimes(text: string): readonly string[] {
  if (text === 'off') return []
  const hours = text.split(',').map((part) => part.trim())
  if (hours.every((hour) => /^([01]\d|2[0-3]):[0-5]\d$/.test(hour))) return hours
  throw new Error(`"${text}" is no time; set it to HH:MM in Mountain Time, as Helcim closes your batches, or off`)
}
