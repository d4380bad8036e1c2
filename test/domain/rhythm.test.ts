import { expect, test } from 'vitest'
import { toInstant } from '../../src/domain/clock.ts'
import { cardDaysRestMs, freshFrom, rereadFrom } from '../../src/domain/rhythm.ts'

const at = (text: string) => toInstant(Date.parse(text))

test.each([
  // Mountain Time is six hours behind UTC in October.
  ['card_transaction', '2026-10-15T07:59:00Z', '2026-10-14', 40],
  ['card_transaction', '2026-10-15T08:00:00Z', '2026-10-15', 40],
  // 200 calls last five hours at one in a minute and a half.
  ['card_transaction', '2026-10-15T12:49:00Z', '2026-10-14', 200],
  ['card_transaction', '2026-10-15T12:50:00Z', '2026-10-15', 200],
  ['ach_transaction', '2026-10-15T12:59:00Z', '2026-10-14', 200],
  ['ach_transaction', '2026-10-15T13:00:00Z', '2026-10-15', 200],
  ['invoice', '2026-10-16T06:59:00Z', '2026-10-14', 200],
  ['invoice', '2026-10-16T07:00:00Z', '2026-10-15', 200],
])('the rhythm of %s must have come at %s to days before %s', (resource, now, day, cardDaysCalls) => {
  expect(freshFrom(resource, { now: at(now), cardDaysCalls })).toBe(day)
})

test.each([
  [0, 0],
  [40, 0],
  [41, 110],
  [80, 110],
  [270, 6 * 60 + 50],
  [960, 23 * 60 + 50],
  [4_000, 23 * 60 + 50],
])('the last days of card transactions, read by %i calls, rest for %f minutes', (calls, minutes) => {
  expect(cardDaysRestMs(calls)).toBe(minutes * 60_000)
})

test('a night reads seven days, the one that has just begun included', () => {
  expect(rereadFrom(at('2026-10-15T06:00:00Z'))).toBe('2026-10-09')
  expect(rereadFrom(at('2026-10-15T05:59:00Z'))).toBe('2026-10-08')
})
