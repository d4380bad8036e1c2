import { addDays, type BusinessDate, toBusinessDate } from './calendar.ts'

/** A calendar month `2026-10`. Compares and sorts as text. */
export type Month = string & { readonly __brand: 'Month' }

/** @throws Error when the text is no month */
export function toMonth(text: string): Month {
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) return text as Month
  throw new Error(`"${text}" is no month like 2026-10`)
}

export const monthOf = (date: BusinessDate): Month => toMonth(date.slice(0, 7))

export const firstDayOf = (month: Month): BusinessDate => toBusinessDate(`${month}-01`)

/** No month is longer than 31 days, and none is shorter than 28. */
export const nextMonth = (month: Month): Month => monthOf(addDays(firstDayOf(month), 31))

export const lastDayOf = (month: Month): BusinessDate => addDays(firstDayOf(nextMonth(month)), -1)

/** Both inclusive; none when `last` comes before `first`. */
export function monthsBetween(first: Month, last: Month): Month[] {
  const months: Month[] = []
  for (let month = first; month <= last; month = nextMonth(month)) months.push(month)
  return months
}
