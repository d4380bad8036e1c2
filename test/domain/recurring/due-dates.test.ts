import { describe, expect, it } from 'vitest'
import { toBusinessDate } from '../../../src/domain/calendar.ts'
import { projectDueDates } from '../../../src/domain/recurring/due-dates.ts'
import type { PlanTerms, SubscriptionSide } from '../../../src/domain/recurring/sides.ts'
import { PLAN, subscription } from './support.ts'

const dates = (
  activatedOn: string,
  terms: Partial<PlanTerms>,
  facts: Partial<SubscriptionSide> = {},
  until = '2027-04-30',
) =>
  projectDueDates(
    subscription({ activatedOn: toBusinessDate(activatedOn), plan: { ...PLAN, ...terms }, ...facts }),
    toBusinessDate(until),
  )

describe('due dates', () => {
  it('of months from the 28th on fall on the month’s end, and a short month shortens none after it', () => {
    expect(dates('2027-01-31', {})).toEqual(['2027-01-31', '2027-02-28', '2027-03-31', '2027-04-30'])
    expect(dates('2028-01-29', {}, {}, '2028-03-31')).toEqual(['2028-01-29', '2028-02-29', '2028-03-31'])
  })

  it('of other days stay on that day', () => {
    expect(dates('2027-01-15', {}, {}, '2027-04-14')).toEqual(['2027-01-15', '2027-02-15', '2027-03-15'])
  })

  it.each([
    ['daily', 3, ['2027-04-20', '2027-04-23', '2027-04-26', '2027-04-29']],
    ['weekly', 1, ['2027-04-20', '2027-04-27']],
    ['monthly', 1, ['2027-04-20']],
    ['yearly', 1, ['2027-04-20']],
    ['of a period that we do not know', 1, ['2027-04-20']],
  ])('%s every %i', (billingPeriod, billingPeriodIncrements, expected) => {
    expect(dates('2027-04-20', { billingPeriod, billingPeriodIncrements })).toEqual(expected)
  })

  it('of fixed days begin after the day of sign-up', () => {
    const cycle = { type: 'cycle', billingPeriod: 'weekly', billingDay: 'Monday' }
    expect(dates('2027-04-05', cycle, {}, '2027-04-20')).toEqual(['2027-04-12', '2027-04-19'])
    expect(dates('2027-01-31', { type: 'cycle', billingDay: '31' }, {}, '2027-03-31')).toEqual([
      '2027-02-28',
      '2027-03-31',
    ])
    expect(dates('2027-01-16', { type: 'cycle', billingDay: '15' }, {}, '2027-03-01')).toEqual(['2027-02-15'])
  })

  it('begin after a trial and end with the term', () => {
    expect(dates('2027-01-01', { billingPeriod: 'weekly' }, { freeTrialDays: 14, cyclesMax: 2 })).toEqual([
      '2027-01-15',
      '2027-01-22',
    ])
  })
})
