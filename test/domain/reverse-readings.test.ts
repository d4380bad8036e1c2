import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tieOut, tiesOut } from '../../src/domain/batch-tie-out.ts'
import type { ReverseGroup } from '../../src/domain/reverse-readings.ts'

const SEED = 20_261
const NO_ROWS = { approved: 0, declined: 0, unknown: 0 }
const COUNTS = { total: 0, approved: 0, declined: 0 }

/** What a batch says that holds these reverses and nothing else, and voided this. */
function tie(groups: readonly ReverseGroup[], reversed: bigint, refundsReversed: bigint) {
  const amounts = { net: refundsReversed - reversed, sales: 0n, refunds: 0n, reversed, refundsReversed }
  const rows = {
    salesMinor: 0n,
    refundsMinor: 0n,
    reverseGroups: groups,
    counts: { preauth: NO_ROWS, verify: NO_ROWS, other: NO_ROWS },
  }
  const tied = tieOut({ amounts, counts: COUNTS }, rows, null)
  // The short answer is the long one.
  expect(tiesOut({ amounts, counts: COUNTS }, rows, null)).toBe(tied.figures.length === 0)
  return tied
}

/** A group with how many of its reverses voided sales and refunds in truth; the others voided preauths. */
const groupWithTruth = fc
  .record({
    amountMinor: fc.bigInt(1n, 50_000n),
    ofSales: fc.nat(2),
    ofRefunds: fc.nat(2),
    ofPreauths: fc.nat(1),
    moreSales: fc.nat(1),
    moreRefunds: fc.nat(1),
  })
  .map(({ amountMinor, ofSales, ofRefunds, ofPreauths, moreSales, moreRefunds }) => ({
    group: {
      amountMinor,
      reverses: ofSales + ofRefunds + ofPreauths,
      sales: ofSales + moreSales,
      refunds: ofRefunds + moreRefunds,
      preauths: ofPreauths,
    },
    reversed: amountMinor * BigInt(ofSales),
    refundsReversed: amountMinor * BigInt(ofRefunds),
  }))

test(`what was voided in truth always ties out, however many groups can be read in several ways (seed ${SEED})`, () => {
  fc.assert(
    fc.property(fc.array(groupWithTruth, { maxLength: 16 }), (all) => {
      const sum = (of: 'reversed' | 'refundsReversed') => all.reduce((total, one) => total + one[of], 0n)
      const groups = all.map(({ group }) => group)
      expect(tie(groups, sum('reversed'), sum('refundsReversed')).figures).toEqual([])
    }),
    { seed: SEED, numRuns: 300 },
  )
})

/** Each voided a sale or a refund: no two sums of them are alike. */
const twoWays = (count: number): ReverseGroup[] =>
  Array.from({ length: count }, (_, index) => ({
    amountMinor: 100n + 7_919n * BigInt(index * index + 1),
    reverses: 1,
    sales: 1,
    refunds: 1,
    preauths: 0,
  }))

test('30 groups that may each have voided a sale or a refund tie out with what they did, and with no other sum', () => {
  const groups = twoWays(30)
  const sum = (some: readonly ReverseGroup[]) => some.reduce((total, { amountMinor }) => total + amountMinor, 0n)
  const ofRefunds = groups.filter((_, index) => index % 3 === 1)
  const [all, refunds] = [sum(groups), sum(ofRefunds)]
  expect(tie(groups, all - refunds, refunds).figures).toEqual([])
  // The control: a cent from one to the other is no sum of these.
  expect(tie(groups, all - refunds - 1n, refunds + 1n).figures.map(({ figure }) => figure)).toEqual(
    expect.arrayContaining(['reversed', 'refundsReversed']),
  )
})

/** As in a large batch: some of hundreds of cards were charged after an authorization, or paid back, and which was voided is not told. */
const largeBatch = fc.array(
  fc.record({
    amountMinor: fc.bigInt(1n, 20_000n).map((half) => half * 2n),
    voided: fc.constantFrom('sale', 'refund', 'preauth'),
    other: fc.constantFrom('sale', 'refund', 'preauth'),
  }),
  { minLength: 100, maxLength: 250 },
)

test(`hundreds of groups tie out with what was voided in truth, and with no other sum (seed ${SEED})`, () => {
  fc.assert(
    fc.property(largeBatch, fc.array(groupWithTruth, { maxLength: 4 }), (drawn, several) => {
      const groups = drawn.map(({ amountMinor, voided, other }) => {
        const count = (kind: string) =>
          voided === kind || (other === kind && (other === 'sale' || voided === 'sale')) ? 1 : 0
        return { amountMinor, reverses: 1, sales: count('sale'), refunds: count('refund'), preauths: count('preauth') }
      })
      const sum = (kind: string) =>
        drawn.reduce((total, { amountMinor, voided }) => total + (voided === kind ? amountMinor : 0n), 0n)
      const more = (of: 'reversed' | 'refundsReversed') => several.reduce((total, one) => total + one[of], 0n)
      const all = [...groups, ...several.map(({ group }) => group)]
      expect(tie(all, sum('sale') + more('reversed'), sum('refund') + more('refundsReversed')).figures).toEqual([])
      // The control: all amounts are even.
      expect(tie(groups, sum('sale') - 1n, sum('refund') + 1n).figures).not.toEqual([])
    }),
    { seed: SEED, numRuns: 10 },
  )
})

test(`a sum is said to be reached where some combination reaches it, and only there (seed ${SEED})`, () => {
  const small = fc.record({
    amountMinor: fc.bigInt(1n, 4n),
    reverses: fc.integer({ min: 1, max: 2 }),
    sales: fc.nat(2),
    refunds: fc.nat(2),
    preauths: fc.nat(2),
  })
  fc.assert(
    fc.property(
      fc.array(small, { minLength: 1, maxLength: 4 }),
      fc.bigInt(0n, 20n),
      fc.bigInt(0n, 20n),
      (groups, r, f) => {
        const isReached = combinedSums(groups).has(`${r} ${f}`)
        expect(tie(groups, r, f).figures.length === 0).toBe(isReached)
      },
    ),
    { seed: SEED, numRuns: 2_000 },
  )
})

/** By trying all of them. */
function combinedSums(groups: readonly ReverseGroup[]): Set<string> {
  let sums = new Set(['0 0'])
  for (const { amountMinor, reverses, sales, refunds, preauths } of groups) {
    const orphans = Math.max(0, reverses - sales - refunds - preauths)
    const next = new Set<string>()
    for (let s = 0; s <= Math.min(reverses, sales + orphans); s += 1) {
      for (let f = 0; f <= Math.min(reverses - s, refunds + orphans); f += 1) {
        if (reverses - s - f > preauths) continue
        for (const sum of sums) {
          const [reversed = 0n, refunded = 0n] = sum.split(' ').map(BigInt)
          next.add(`${reversed + amountMinor * BigInt(s)} ${refunded + amountMinor * BigInt(f)}`)
        }
      }
    }
    sums = next
  }
  return sums
}

test('where nothing adds up, the reading that contradicts least is shown', () => {
  const [figure] = tie([{ amountMinor: 500n, reverses: 1, sales: 1, refunds: 1, preauths: 0 }], 480n, 0n).figures
  expect(figure).toMatchObject({ statedMinor: -480n, summedMinor: -500n })
})
