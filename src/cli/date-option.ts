import { type BusinessDate, toBusinessDate } from '../domain/calendar.ts'
import { type Instant, parseInstant } from '../domain/clock.ts'
import { UsageError } from '../domain/operating-error.ts'

/** The date that an option gives, or undefined without it. @throws UsageError that names the option */
export function dateOf(option: string, text: string | undefined): BusinessDate | undefined {
  if (text === undefined) return undefined
  try {
    return toBusinessDate(text)
  } catch {
    throw new UsageError(`${option}: "${text}" is not a date like 2026-10-31`)
  }
}

/** The instant that an option gives, or undefined without it. @throws UsageError that names the option */
export function instantOption(option: string, text: string | undefined): Instant | undefined {
  if (text === undefined) return undefined
  const at = parseInstant(text)
  if (at !== null) return at
  throw new UsageError(
    `${option}: "${text}" is not an instant like 2026-10-31T17:00:00Z, or with an offset like -06:00`,
  )
}
