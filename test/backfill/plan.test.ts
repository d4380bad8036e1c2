import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { durationText } from '../../src/cli/backfill-progress.ts'
import {
  callsOf,
  countDays,
  estimateLeftMs,
  grownDays,
  planWindows,
  ROWS_OF_UNKNOWN,
} from '../../src/domain/backfill.ts'
import { addDays, type BusinessDate, toBusinessDate } from '../../src/domain/calendar.ts'
import { isOfHistory, isOverlong } from '../../src/domain/pull.ts'

const LAST = toBusinessDate('2026-10-31')
/** Descending. */
const daysBack = (count: number): BusinessDate[] => Array.from({ length: count }, (_, index) => addDays(LAST, -index))
const sizes = (rowsPerDay: number, count = 365) => planWindows(daysBack(count), () => rowsPerDay).map(countDays)

describe('windows are sized by what they hold', () => {
  test('quiet years are a few windows, full days are a window each, and in between a week is the least', () => {
    expect(sizes(0)).toEqual([92, 92, 92, 89])
    expect(sizes(300, 100)).toEqual([34, 34, 32])
    expect(new Set(sizes(5_000, 70))).toEqual(new Set([7]))
    expect(new Set(sizes(50_000, 30))).toEqual(new Set([3]))
    expect(new Set(sizes(200_000, 30))).toEqual(new Set([1]))
  })

  test('what nobody knows yet is a week, and four times as long after each', () => {
    expect(planWindows(daysBack(365), ROWS_OF_UNKNOWN).slice(0, 1).map(countDays)).toEqual([7])
    expect(
      planWindows(daysBack(365), () => 0, grownDays(7))
        .slice(0, 1)
        .map(countDays),
    ).toEqual([28])
    expect(
      planWindows(daysBack(365), () => 0, grownDays(92))
        .slice(0, 1)
        .map(countDays),
    ).toEqual([92])
  })

  test('each day is in exactly one window, the newest first, and none reaches over a gap', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { maxLength: 300 }),
        fc.array(fc.integer({ min: 0, max: 300_000 }), { minLength: 401, maxLength: 401 }),
        (offsets, rows) => {
          const days = offsets.sort((a, b) => a - b).map((offset) => addDays(LAST, -offset))
          const rowsOf = (day: BusinessDate) => rows[(Date.parse(LAST) - Date.parse(day)) / 86_400_000] ?? 0
          const planned = planWindows(days, rowsOf).flatMap((window) =>
            Array.from({ length: countDays(window) }, (_, index) => addDays(window.to, -index)),
          )
          expect(planned).toEqual(days)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('a walk that turns out too long is split, unless it is over a week at most or no backfill', () => {
    const window = { kind: 'days', from: addDays(LAST, -7), to: LAST } as const
    expect(isOverlong({ window, callClass: 'backfill' }, 299)).toBe(false)
    expect(isOverlong({ window, callClass: 'backfill' }, 300)).toBe(true)
    expect(isOverlong({ window: { ...window, from: addDays(LAST, -6) }, callClass: 'backfill' }, 300)).toBe(false)
    expect(isOverlong({ window, callClass: 'fresh' }, 300)).toBe(false)
  })

  test('only days of the history, or of batches that closed in it, hold up judgements', () => {
    const window = (to: BusinessDate) => ({ kind: 'days', from: addDays(to, -6), to }) as const
    expect(isOfHistory(window(LAST), LAST)).toBe(true)
    expect(isOfHistory(window(addDays(LAST, -3)), LAST)).toBe(true)
    expect(isOfHistory(window(addDays(LAST, -4)), LAST)).toBe(false)
    expect(isOfHistory({ kind: 'all' }, LAST)).toBe(false)
  })
})

describe('the time left', () => {
  const pace = { callsMade: 100, elapsedMs: 60_000, hourShare: 2_910, hourUsed: 100, hourMs: 3_600_000 }

  test('goes by the pace as long as the hour has room, and by the hour from then on', () => {
    expect(estimateLeftMs({ ...pace, callsLeft: 1_000 })).toBe(600_000)
    // A hundred a minute for half an hour is no pace for a day: 29,100 calls are ten hours, less what is free now.
    const left = estimateLeftMs({ ...pace, callsLeft: 29_100 }) ?? 0
    expect(left / 3_600_000).toBeCloseTo(10 - 2_810 / 2_910, 5)
  })

  test('is not known before there is a pace, and nothing when nothing is left', () => {
    expect(estimateLeftMs({ ...pace, callsMade: 4, callsLeft: 10 })).toBe(null)
    expect(estimateLeftMs({ ...pace, callsMade: 0, callsLeft: 0 })).toBe(0)
  })

  test('counts a window by its pages with its margins', () => {
    const window = { from: LAST, to: LAST }
    expect(callsOf(window, () => 0, 1_000)).toBe(1)
    expect(callsOf(window, () => 1_000, 1_000)).toBe(4)
  })

  test.each([
    [1, '1 s'],
    [59_000, '59 s'],
    [90_000, '1 min'],
    [3_600_000 * 5 + 60_000 * 20, '5 h 20 min'],
    [86_400_000 * 2 + 3_600_000 * 3, '2 d 3 h'],
    [86_400_000 * 2, '2 d'],
  ])('%d ms are told as %s', (ms, text) => {
    expect(durationText(ms)).toBe(text)
  })
})
