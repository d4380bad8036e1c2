import { expect, test } from 'vitest'
import { addBankingDays, isBankingDay } from '../../src/domain/banking-days.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'

const NONE = new Set<string>()

/** As the Federal Reserve and Payments Canada publish them. */
test.each([
  ['USD', 2026, ['01-01', '01-19', '02-16', '05-25', '06-19', '09-07', '10-12', '11-11', '11-26', '12-25']],
  ['USD', 2027, ['01-01', '01-18', '02-15', '05-31', '07-05', '09-06', '10-11', '11-11', '11-25']],
  ['CAD', 2026, ['01-01', '04-03', '05-18', '07-01', '08-03', '09-07', '09-30', '10-12', '11-11', '12-25', '12-28']],
  ['EUR', 2026, []],
])('weekdays without banking in %s, %i', (currency, year, expected) => {
  const closed: string[] = []
  for (let month = 1; month <= 12; month += 1) {
    for (let day = 1; day <= 31; day += 1) {
      const text = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
      const time = new Date(`${text}T00:00:00Z`)
      if (Number.isNaN(time.getTime()) || time.getUTCDate() !== day || [0, 6].includes(time.getUTCDay())) continue
      if (!isBankingDay(toBusinessDate(text), currency, NONE)) closed.push(text.slice(5))
    }
  }
  expect(closed).toEqual(expected)
})

test('days are counted over weekends, holidays, and dates that are said', () => {
  const after = (date: string, count: number, alsoClosed = NONE) =>
    addBankingDays(toBusinessDate(date), count, { currency: 'USD', alsoClosed })
  expect(after('2026-10-05', 5)).toBe('2026-10-13')
  expect(after('2026-10-09', 1)).toBe('2026-10-13')
  expect(after('2026-10-09', 1, new Set(['2026-10-13']))).toBe('2026-10-14')
  expect(after('2026-10-09', 0)).toBe('2026-10-09')
})
