import { expect, test } from 'vitest'
import { toInstant } from '../../src/domain/clock.ts'
import { freshFrom, rereadFrom } from '../../src/domain/rhythm.ts'

const at = (text: string) => toInstant(Date.parse(text))

test.each([
  // Mountain Time is six hours behind UTC in October.
  ['card_transaction', '2026-10-15T07:59:00Z', '2026-10-14'],
  ['card_transaction', '2026-10-15T08:00:00Z', '2026-10-15'],
  ['ach_transaction', '2026-10-15T12:59:00Z', '2026-10-14'],
  ['ach_transaction', '2026-10-15T13:00:00Z', '2026-10-15'],
  ['invoice', '2026-10-16T06:59:00Z', '2026-10-14'],
  ['invoice', '2026-10-16T07:00:00Z', '2026-10-15'],
])('the rhythm of %s must have come at %s to days before %s', (resource, now, day) => {
  expect(freshFrom(resource, at(now))).toBe(day)
})

test('a night reads seven days, the one that has just begun included', () => {
  expect(rereadFrom(at('2026-10-15T06:00:00Z'))).toBe('2026-10-09')
  expect(rereadFrom(at('2026-10-15T05:59:00Z'))).toBe('2026-10-08')
})
