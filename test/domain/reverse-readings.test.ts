import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tieOut } from '../../src/domain/batch-tie-out.ts'
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
  return tieOut({ amounts, counts: COUNTS }, rows, null)
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

test('where nothing adds up, the reading that contradicts least is shown', () => {
  const [figure] = tie([{ amountMinor: 500n, reverses: 1, sales: 1, refunds: 1, preauths: 0 }], 480n, 0n).figures
  expect(figure).toMatchObject({ statedMinor: -480n, summedMinor: -500n })
})
