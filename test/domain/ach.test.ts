import { expect, it } from 'vitest'
import { hasCome } from '../../src/domain/ach.ts'

it.each([
  ['approved', 'CLEARED', true],
  ['under way', 'OPENED', true],
  ['returned', 'RETURNED', false],
  ['rejected', 'REJECTED', false],
  ['contested', 'CONTESTED', false],
])('the money of a bank payment that is %s came: %s is %s', (_, statusClearing, isHere) => {
  expect(hasCome({ statusAuth: 'APPROVED', statusClearing, isVoided: false })).toBe(isHere)
  expect(hasCome({ statusAuth: 'DECLINED', statusClearing, isVoided: false })).toBe(false)
})

it('a bank payment that was voided in its batch clears with its reverse and brought nothing', () => {
  expect(hasCome({ statusAuth: 'APPROVED', statusClearing: 'CLEARED', isVoided: true })).toBe(false)
})
