import { Temporal } from 'temporal-polyfill'
import { addDays, type BusinessDate, toBusinessDate } from '../calendar.ts'
import type { PlanTerms, SubscriptionSide } from './sides.ts'

/** More due dates than this are never projected: ten years of days. */
const DATES_MAX = 3_660

/**
 * The due dates that a subscription's terms lead to, the first one first, until `until` (inclusive): from its activation
 * and trial on, every so many billing periods, at most as often as its term allows. A pause shifts the true ones and
 * leaves no trace in the list: these are a projection, for as long as its payments were not read.
 */
export function projectDueDates(
  { plan, activatedOn, freeTrialDays, cyclesMax }: SubscriptionSide,
  until: BusinessDate,
): BusinessDate[] {
  if (plan === null || activatedOn === null) return []
  const anchor = anchorOf(plan, addDays(activatedOn, freeTrialDays))
  if (anchor === null) return []
  const countMax = cyclesMax > 0 ? Math.min(cyclesMax, DATES_MAX) : DATES_MAX
  const dates: BusinessDate[] = []
  for (let index = 0; index < countMax; index += 1) {
    const date = dueDateAt(anchor, plan, index)
    if (date === null || date > until) break
    dates.push(date)
  }
  return dates
}

/**
 * The date at a place in the series that begins with `anchor`: counted from the anchor, so that no short month shortens
 * those after it. Billing days from the 28th on fall on the month's end (API.md §8).
 * @returns null for a billing period that we do not know
 */
export function dueDateAt(
  anchor: BusinessDate,
  { billingPeriod, billingPeriodIncrements }: Pick<PlanTerms, 'billingPeriod' | 'billingPeriodIncrements'>,
  index: number,
): BusinessDate | null {
  if (index === 0) return anchor
  const steps = index * Math.max(1, billingPeriodIncrements)
  switch (billingPeriod) {
    case 'daily':
      return addDays(anchor, steps)
    case 'weekly':
      return addDays(anchor, 7 * steps)
    case 'monthly':
      return addMonths(anchor, steps)
    case 'yearly':
      return addMonths(anchor, 12 * steps)
    default:
      return null
  }
}

function addMonths(date: BusinessDate, months: number): BusinessDate {
  const start = Temporal.PlainDate.from(date)
  const month = start.toPlainYearMonth().add({ months })
  const day = start.day >= 28 ? month.daysInMonth : start.day
  return toBusinessDate(month.toPlainDate({ day }).toString())
}

const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']

/** The first billing day from `from` on; what bills on fixed days begins after the day of sign-up. */
function anchorOf({ type, billingDay }: PlanTerms, from: BusinessDate): BusinessDate | null {
  if (type !== 'cycle') return from
  const wanted = (billingDay ?? '').toLowerCase()
  for (let offset = 1; offset <= 40; offset += 1) {
    const date = addDays(from, offset)
    const { day, dayOfWeek, daysInMonth } = Temporal.PlainDate.from(date)
    if (wanted === 'daily' || wanted === WEEKDAYS[dayOfWeek - 1]) return date
    if (/^\d+$/.test(wanted) && (Number(wanted) < 28 ? day === Number(wanted) : day === daysInMonth)) return date
  }
  return null
}
