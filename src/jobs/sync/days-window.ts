import { addDays, type BusinessDate } from '../../domain/calendar.ts'
import type { HelcimTime } from '../../domain/record.ts'

interface Days {
  readonly from: BusinessDate
  readonly to: BusinessDate
}

/**
 * A day more on either side is asked for: whether a filter includes its last day is not beyond doubt, nor is the zone
 * (API.md §4). Ids are unique, so overlap costs nothing.
 */
const MARGIN_DAYS = 1

/** What to ask for, so that no row of these days is missing. */
export const askedDays = ({ from, to }: Days): Days => ({
  from: addDays(from, -MARGIN_DAYS),
  to: addDays(to, MARGIN_DAYS),
})

/** Whether a record may be among those asked for. Dates that are cut in another zone may lie one day further out. */
export function isAmongAsked(created: HelcimTime, { from, to }: Days): boolean {
  if (created.instant === null) return true
  const day = created.text.slice(0, 10) as BusinessDate
  return addDays(from, -MARGIN_DAYS - 1) <= day && day <= addDays(to, MARGIN_DAYS + 1)
}
