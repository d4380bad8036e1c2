import { addDays, type BusinessDate, toBusinessDate } from './calendar.ts'

/** A holiday of banks: a date, a weekday of a month (`nth` from 1; −1 the last), or days from Easter Sunday. */
type Holiday =
  | { readonly month: number; readonly day: number }
  | { readonly month: number; readonly weekday: number; readonly nth: number }
  | { readonly month: number; readonly weekday: number; readonly before: number }
  | { readonly easter: number }

const MONDAY = 1
const THURSDAY = 4

/**
 * Days on which no bank payment moves, by currency: those of the Federal Reserve for USD, those of Payments Canada for
 * CAD. One that falls on a Sunday is kept on the Monday after it; on a Saturday, for CAD alone, as well. Of other
 * currencies only weekends are known.
 */
const HOLIDAYS: Readonly<Record<string, readonly Holiday[]>> = {
  USD: [
    { month: 1, day: 1 },
    { month: 1, weekday: MONDAY, nth: 3 },
    { month: 2, weekday: MONDAY, nth: 3 },
    { month: 5, weekday: MONDAY, nth: -1 },
    { month: 6, day: 19 },
    { month: 7, day: 4 },
    { month: 9, weekday: MONDAY, nth: 1 },
    { month: 10, weekday: MONDAY, nth: 2 },
    { month: 11, day: 11 },
    { month: 11, weekday: THURSDAY, nth: 4 },
    { month: 12, day: 25 },
  ],
  CAD: [
    { month: 1, day: 1 },
    { easter: -2 },
    { month: 5, weekday: MONDAY, before: 25 },
    { month: 7, day: 1 },
    { month: 8, weekday: MONDAY, nth: 1 },
    { month: 9, weekday: MONDAY, nth: 1 },
    { month: 9, day: 30 },
    { month: 10, weekday: MONDAY, nth: 2 },
    { month: 11, day: 11 },
    { month: 12, day: 25 },
    { month: 12, day: 26 },
  ],
}

/** Whether banks move money of that currency on that day. @param alsoClosed further days on which they do not */
export function isBankingDay(date: BusinessDate, currency: string, alsoClosed: ReadonlySet<string>): boolean {
  const weekday = weekdayOf(date)
  if (weekday === 0 || weekday === 6 || alsoClosed.has(date)) return false
  return !holidaysOf(Number(date.slice(0, 4)), currency).has(date)
}

/** The banking day that many after `date`. */
export function addBankingDays(
  date: BusinessDate,
  count: number,
  options: { currency: string; alsoClosed: ReadonlySet<string> },
): BusinessDate {
  let day = date
  for (let left = count; left > 0; ) {
    day = addDays(day, 1)
    if (isBankingDay(day, options.currency, options.alsoClosed)) left -= 1
  }
  return day
}

const known = new Map<string, ReadonlySet<string>>()

function holidaysOf(year: number, currency: string): ReadonlySet<string> {
  const key = `${currency} ${year}`
  const kept = known.get(key)
  if (kept) return kept
  const days = new Set<string>()
  for (const holiday of HOLIDAYS[currency] ?? []) {
    let day = dayOf(holiday, year)
    const weekday = weekdayOf(day)
    // Christmas and Boxing Day on a weekend move one after the other.
    if (weekday === 0 || (weekday === 6 && currency === 'CAD')) {
      day = addDays(day, weekday === 0 ? 1 : 2)
      while (days.has(day)) day = addDays(day, 1)
    }
    days.add(day)
  }
  known.set(key, days)
  return days
}

function dayOf(holiday: Holiday, year: number): BusinessDate {
  if ('easter' in holiday) return addDays(easterOf(year), holiday.easter)
  const first = `${year}-${String(holiday.month).padStart(2, '0')}`
  if ('day' in holiday) return toBusinessDate(`${first}-${String(holiday.day).padStart(2, '0')}`)
  const ofMonth = Array.from({ length: 31 }, (_, index) => addDays(toBusinessDate(`${first}-01`), index)).filter(
    (day) => day.startsWith(first) && weekdayOf(day) === holiday.weekday,
  )
  const found =
    'nth' in holiday
      ? ofMonth.at(holiday.nth > 0 ? holiday.nth - 1 : holiday.nth)
      : ofMonth.findLast((day) => Number(day.slice(8)) < holiday.before)
  if (!found) throw new Error(`no such weekday in ${first}`)
  return found
}

/** Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher). */
function easterOf(year: number): BusinessDate {
  const a = year % 19
  const b = Math.floor(year / 100)
  const c = year % 100
  const d = (19 * a + b - Math.floor(b / 4) - Math.floor((b - Math.floor((b + 8) / 25) + 1) / 3) + 15) % 30
  const e = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - d - (c % 4)) % 7
  const f = d + e - 7 * Math.floor((a + 11 * d + 22 * e) / 451) + 114
  const text = `${year}-${String(Math.floor(f / 31)).padStart(2, '0')}-${String((f % 31) + 1).padStart(2, '0')}`
  return toBusinessDate(text)
}

const weekdayOf = (date: string): number => new Date(`${date}T00:00:00Z`).getUTCDay()
