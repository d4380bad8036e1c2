import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MONTHLY_FACTORS, monthlyMinor } from '../../src/domain/mrr.ts'

/** Another one with `SEED=<number>`; printed with every failure by fast-check. */
const SEED = Number(process.env.SEED ?? 20_261_101)

it.each([
  [12_000n, 'yearly', 1, 1_000n],
  [10_000n, 'yearly', 1, 833n],
  [10_002n, 'yearly', 1, 834n],
  [1_200n, 'weekly', 1, 5_200n],
  [1_000n, 'weekly', 2, 2_167n],
  [100n, 'daily', 1, 3_042n],
  [2_999n, 'monthly', 1, 2_999n],
  [2_999n, 'monthly', 3, 1_000n],
  [1n, 'monthly', 2, 1n],
  [0n, 'yearly', 1, 0n],
])('%s cents %s every %i are %s a month', (amount, period, increments, expected) => {
  expect(monthlyMinor(amount, period, increments)).toBe(expected)
})

it('a monthly worth is the nearest whole cent to the exact one, and half a cent goes up', () => {
  const amounts = fc.bigInt({ min: 0n, max: 10n ** 12n })
  fc.assert(
    fc.property(
      amounts,
      fc.constantFrom(...MONTHLY_FACTORS),
      fc.integer({ min: 1, max: 400 }),
      (amount, one, increments) => {
        const [period, [numerator, denominator]] = one
        const rounded = monthlyMinor(amount, period, increments) ?? -1n
        // rounded − ½ ≤ amount × numerator ÷ divisor < rounded + ½, without a fraction.
        const divisor = denominator * BigInt(increments)
        const twice = 2n * amount * numerator
        expect(twice >= (2n * rounded - 1n) * divisor && twice < (2n * rounded + 1n) * divisor).toBe(true)
      },
    ),
    { seed: SEED },
  )
})

it('a billing period that we do not know is worth nothing that could be told', () => {
  expect(monthlyMinor(1_000n, 'fortnightly', 1)).toBeNull()
})
