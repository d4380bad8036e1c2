import type { BusinessDate } from '../../domain/calendar.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `31 Oct 2026`: no region reads it as another day. */
export function wordDate(date: BusinessDate): string {
  const [year, month = '', day = ''] = date.split('-')
  return `${Number(day)} ${MONTHS[Number(month) - 1]} ${year}`
}

/** `10/31/2026` */
export function slashDate(date: BusinessDate): string {
  const [year, month, day] = date.split('-')
  return `${month}/${day}/${year}`
}
