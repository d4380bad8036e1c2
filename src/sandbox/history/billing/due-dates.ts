import type { BillingPeriod, PlanRow } from '../../records/recurring.ts'
import { addDays } from '../../zone.ts'

/**
 * The due date of that place in the series which begins with `anchorOn`. Counted from the anchor, so that no short month
 * shortens those after it; billing days from the 28th on fall on the month's end (API.md §8).
 */
export function dueDate(
  anchorOn: string,
  { period, increments }: Pick<PlanRow, 'period' | 'increments'>,
  index: number,
): string {
  if (index === 0) return anchorOn
  const steps = index * increments
  if (period === 'daily') return addDays(anchorOn, steps)
  if (period === 'weekly') return addDays(anchorOn, 7 * steps)
  return addMonths(anchorOn, period === 'monthly' ? steps : 12 * steps)
}

function addMonths(date: string, count: number): string {
  const months = Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) - 1 + count
  const month = `${String(Math.floor(months / 12)).padStart(4, '0')}-${String((months % 12) + 1).padStart(2, '0')}`
  return date.slice(8) >= '28' ? endOfMonth(month) : `${month}-${date.slice(8)}`
}

/** @param month `YYYY-MM` */
function endOfMonth(month: string): string {
  return addDays(`${addDays(`${month}-01`, 31).slice(0, 7)}-01`, -1)
}

/** Days from one charge to the next, about. */
export function lengthDays({ period, increments }: Pick<PlanRow, 'period' | 'increments'>): number {
  const days: Readonly<Record<BillingPeriod, number>> = { daily: 1, weekly: 7, monthly: 30, yearly: 365 }
  return days[period] * increments
}

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** The first date from `from` on at which a plan with fixed days bills. */
export function firstCycleDay({ billsOn }: Pick<PlanRow, 'billsOn'>, from: string): string {
  for (let date = from; date < addDays(from, 40); date = addDays(date, 1)) {
    const dayOfMonth = String(Number(date.slice(8)))
    const isLast = endOfMonth(date.slice(0, 7)) === date
    if (billsOn === 'Daily' || billsOn === weekdayOf(date) || (Number(billsOn) < 28 && billsOn === dayOfMonth))
      return date
    if (Number(billsOn) >= 28 && isLast) return date
  }
  throw new Error(`no day is named ${billsOn}`)
}

export const weekdayOf = (date: string): string => WEEKDAYS[new Date(`${date}T00:00:00Z`).getUTCDay()] ?? ''

/** A day on which banks move money: no weekend, no New Year's Day, no Christmas Day. */
export function isBankingDay(date: string): boolean {
  const weekday = weekdayOf(date)
  return weekday !== 'Saturday' && weekday !== 'Sunday' && !date.endsWith('-01-01') && !date.endsWith('-12-25')
}

/** The banking day that many after `date`. */
export function addBankingDays(date: string, days: number): string {
  let day = date
  for (let left = days; left > 0; ) {
    day = addDays(day, 1)
    if (isBankingDay(day)) left -= 1
  }
  return day
}
