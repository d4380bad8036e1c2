import { type BusinessDate, toBusinessDate } from '../domain/calendar.ts'
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
