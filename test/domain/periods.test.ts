import fc from 'fast-check'
import { expect, it } from 'vitest'
import { firstDayOf, lastDayOf, type Month, monthsBetween, nextMonth, toMonth } from '../../src/domain/month.ts'
import {
  closedThrough,
  nextRevision,
  objectionToClosing,
  objectionToReopening,
  type PeriodStep,
  periodStatesOf,
} from '../../src/domain/periods.ts'

/** Another one with `SEED=<number>`; printed with every failure by fast-check. */
const SEED = Number(process.env.SEED ?? 20_261_102)
const MONTHS = monthsBetween(toMonth('2026-08'), toMonth('2027-01'))

it('months follow one another, with leap days and over the new year', () => {
  expect(['2026-01', '2026-12', '2028-02'].map((text) => nextMonth(toMonth(text)))).toEqual([
    '2026-02',
    '2027-01',
    '2028-03',
  ])
  expect(['2026-02', '2028-02', '2026-12'].map((text) => lastDayOf(toMonth(text)))).toEqual([
    '2026-02-28',
    '2028-02-29',
    '2026-12-31',
  ])
  expect(firstDayOf(toMonth('2026-10'))).toBe('2026-10-01')
  expect(() => toMonth('2026-13')).toThrow('"2026-13" is no month like 2026-10')
  expect(monthsBetween(toMonth('2026-10'), toMonth('2026-09'))).toEqual([])
})

it('whatever is tried, what is closed is one row of months, and each close of a month makes its next revision', () => {
  const tries = fc.array(
    fc.tuple(fc.constantFrom(...MONTHS), fc.constantFrom('closed' as const, 'reopened' as const)),
    {
      maxLength: 60,
    },
  )
  fc.assert(
    fc.property(tries, (asked) => {
      const steps: PeriodStep[] = []
      for (const [month, kind] of asked) {
        const objection =
          kind === 'closed' ? objectionToClosing(month, { steps, isOver: true }) : objectionToReopening(month, steps)
        if (objection !== null) continue
        const next = nextRevision(month, steps)
        steps.push({ month, kind, revision: kind === 'closed' ? next : next - 1 })
      }
      const states = periodStatesOf(steps, { first: MONTHS[0] as Month, present: MONTHS.at(-1) as Month })
      const closed = states.filter(({ state }) => state === 'closed').map(({ month }) => month)
      const [first] = closed
      expect(closed).toEqual(first === undefined ? [] : monthsBetween(first, closedThrough(steps) as Month))
      for (const month of MONTHS) {
        const revisions = steps.flatMap((step) =>
          step.month === month && step.kind === 'closed' ? [step.revision] : [],
        )
        expect(revisions).toEqual(revisions.map((_, index) => index + 1))
        expect(states.find((state) => state.month === month)?.revision).toBe(revisions.length)
      }
    }),
    { seed: SEED },
  )
})
