import { addDays, type BusinessDate, startOfDay, toBusinessDate } from '../domain/calendar.ts'
import { firstDayOf, lastDayOf, monthOf, toMonth } from '../domain/month.ts'
import { UsageError } from '../domain/operating-error.ts'

/** Local dates, both inclusive. */
export interface Period {
  readonly from: BusinessDate
  readonly to: BusinessDate
}

/**
 * Reads what a person asks for: `--period 2026-10`, or `--from` and `--to`.
 * @throws UsageError with one line that says what to write
 */
export function parsePeriod(asked: { period?: string; from?: string; to?: string }): Period {
  if (asked.period !== undefined) {
    if (asked.from !== undefined || asked.to !== undefined)
      throw new UsageError('--period: give either the month, or --from and --to')
    return monthPeriod(asked.period)
  }
  if (asked.from === undefined || asked.to === undefined)
    throw new UsageError('say which days: --period 2026-10, or --from 2026-10-01 --to 2026-10-31 (both inclusive)')
  const period = { from: dateOf('--from', asked.from), to: dateOf('--to', asked.to) }
  if (period.from > period.to) throw new UsageError(`--from ${period.from} is after --to ${period.to}`)
  return period
}

/** `2026-10` for a whole month, both dates otherwise: a part of file names. */
export function periodName({ from, to }: Period): string {
  const month = monthOf(from)
  return from === firstDayOf(month) && to === lastDayOf(month) ? month : `${from}_${to}`
}

/** The instants between which a period lies in a zone: the first of it, and the first after it. */
export const instantsOf = ({ from, to }: Period, zone: string) => ({
  startsAt: startOfDay(from, zone),
  endsAt: startOfDay(addDays(to, 1), zone),
})

function monthPeriod(text: string): Period {
  try {
    const month = toMonth(text)
    return { from: dateOf('--period', firstDayOf(month)), to: lastDayOf(month) }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`--period: "${text}" is no month like 2026-10`)
  }
}

function dateOf(option: string, text: string): BusinessDate {
  try {
    const date = toBusinessDate(text)
    // Zones of former centuries were no whole minutes, and Postgres knows years that others do not.
    if (date >= '1970-01-02' && date < '2200-01-01') return date
  } catch (error) {
    throw new UsageError(`${option}: ${error instanceof Error ? error.message : String(error)}`)
  }
  throw new UsageError(`${option}: "${text}" is out of range; dates from 1970 to 2199 are understood`)
}
