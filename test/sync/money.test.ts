import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BatchRows, countsOf, tieOut as tieOutAtLength, tiesOut } from '../../src/domain/batch-tie-out.ts'
import { BATCH_AMOUNTS, type BatchAmounts } from '../../src/domain/card-batch.ts'
import { formatMinor, parseMinor } from '../../src/domain/money.ts'
import type { ReverseGroup } from '../../src/domain/reverse-readings.ts'

/** Printed, so that a failure can be run again: `TIEOUT_TEST_SEED=… npx vitest run test/sync/money.test.ts`. */
const seed = Number(process.env.TIEOUT_TEST_SEED ?? Date.now() % 2 ** 31)
console.info(`money seed ${seed}`)
const settings = { seed, numRuns: 1_000 }

const DIGITS_MAX = 10n ** 18n - 1n
const minor = fc.bigInt({ min: -DIGITS_MAX, max: DIGITS_MAX })

/** Says what differs; the short answer, whether anything does, has to be the same. */
const tieOut: typeof tieOutAtLength = (stated, rows, rule) => {
  const told = tieOutAtLength(stated, rows, rule)
  expect(tiesOut(stated, rows, rule)).toBe(told.figures.length === 0 && told.counts === null)
  return told
}

describe('amounts', () => {
  test('written and read again are the same to the cent, up to eighteen digits', () => {
    fc.assert(
      fc.property(minor, (amount) => {
        const text = formatMinor(amount, 'CAD')
        expect(parseMinor(text, 2)).toBe(amount)
        expect(parseMinor(`${text}00`, 2)).toBe(amount)
        expect(parseMinor(`${amount}e-2`, 2)).toBe(amount)
        // A cent's tenth is no amount of this currency, and is not rounded.
        expect(parseMinor(`${text}1`, 2)).toBeUndefined()
      }),
      settings,
    )
  })

  test('a way through doubles would lose cents (control)', () => {
    const lost = fc.check(
      fc.property(minor, (amount) => BigInt(Math.round(Number(formatMinor(amount, 'CAD')) * 100)) === amount),
      settings,
    )
    expect(lost.failed).toBe(true)
  })

  test.each(['', '-', '.5', '5.', '1,5', '0x10', 'NaN', ' 1', '1e400', '1e999', '９'])('%j is no amount', (text) => {
    expect(parseMinor(text, 2)).toBeUndefined()
  })
})

const amount = fc.bigInt({ min: 1n, max: 100_000n })
const tally = fc.record({ approved: fc.nat(9), declined: fc.nat(9), unknown: fc.nat(2) })
const counts = fc.record({ preauth: tally, verify: tally, other: tally })

/** A group of one card and amount, with what its reverses really voided. */
const group = fc
  .record({
    amountMinor: amount,
    ofSales: fc.nat(2),
    ofRefunds: fc.nat(2),
    ofPreauths: fc.nat(2),
    left: fc.record({ sales: fc.nat(2), refunds: fc.nat(2), preauths: fc.nat(2) }),
  })
  .map(({ amountMinor, ofSales, ofRefunds, ofPreauths, left }) => ({
    reversed: amountMinor * BigInt(ofSales),
    refundsReversed: amountMinor * BigInt(ofRefunds),
    group: {
      amountMinor,
      reverses: ofSales + ofRefunds + ofPreauths,
      sales: ofSales + left.sales,
      refunds: ofRefunds + left.refunds,
      preauths: ofPreauths + left.preauths,
    } satisfies ReverseGroup,
  }))

interface Batch {
  readonly rows: BatchRows
  /** The figures that Helcim, which knows what each reverse voided, states. */
  readonly amounts: BatchAmounts
}

const batchOf = (groups: fc.Arbitrary<typeof group extends fc.Arbitrary<infer G> ? G[] : never>) =>
  fc.record({ sales: amount, refunds: amount, groups, counts }).map(({ sales, refunds, groups, counts }): Batch => {
    const reversed = groups.reduce((sum, one) => sum + one.reversed, 0n)
    const refundsReversed = groups.reduce((sum, one) => sum + one.refundsReversed, 0n)
    const net = sales - refunds - reversed + refundsReversed
    const reverseGroups = groups.map((one) => one.group)
    return {
      rows: { salesMinor: sales, refundsMinor: refunds, reverseGroups, counts },
      amounts: { net, sales, refunds, reversed, refundsReversed },
    }
  })

const ambiguous = batchOf(fc.array(group, { maxLength: 4 }))
/** Every reverse has sales as its only candidates, so there is one reading. */
const plain = batchOf(
  fc.array(
    group.map((one) => ({
      reversed: one.group.amountMinor * BigInt(one.group.reverses),
      refundsReversed: 0n,
      group: { ...one.group, sales: one.group.reverses, refunds: 0, preauths: 0 },
    })),
    { maxLength: 4 },
  ),
)

const TIED = { figures: [], counts: null }

describe('the tie-out of a batch', () => {
  test('never alarms where some reading of its reverses explains the figures', () => {
    let countAmbiguous = 0
    fc.assert(
      fc.property(ambiguous, ({ rows, amounts }) => {
        if (rows.reverseGroups.some((one) => one.reverses > 0 && one.refunds > 0)) countAmbiguous += 1
        expect(tieOut({ amounts, counts: countsOf(rows, 'all') }, rows, 'all')).toEqual(TIED)
      }),
      settings,
    )
    expect(countAmbiguous).toBeGreaterThan(settings.numRuns / 4)
  })

  test('finds any single figure that is off by a cent, and names just that one and both amounts', () => {
    const off = fc.record({ batch: plain, figure: fc.constantFrom(...BATCH_AMOUNTS), by: fc.constantFrom(1n, -1n) })
    fc.assert(
      fc.property(off, ({ batch: { rows, amounts }, figure, by }) => {
        const stated = { ...amounts, [figure]: amounts[figure] + by }
        expect(tieOut({ amounts: stated, counts: countsOf(rows, 'all') }, rows, 'all')).toEqual({
          figures: [{ figure, statedMinor: amounts[figure] + by, summedMinor: amounts[figure] }],
          counts: null,
        })
      }),
      settings,
    )
  })

  test('finds any single count that is off by one, and only where a rule is known', () => {
    const off = fc.record({ batch: plain, count: fc.constantFrom('total', 'approved', 'declined') })
    fc.assert(
      fc.property(off, ({ batch: { rows, amounts }, count }) => {
        const counted = countsOf(rows, 'without_verify')
        const stated = { ...counted, [count]: counted[count] + 1 }
        expect(tieOut({ amounts, counts: stated }, rows, 'without_verify').counts).toEqual({ stated, counted })
        expect(tieOut({ amounts, counts: stated }, rows, null)).toEqual(TIED)
      }),
      settings,
    )
  })

  test('does not depend on the order of its rows', () => {
    const turned = fc.record({ batch: ambiguous, by: fc.bigInt({ min: -500n, max: 500n }) })
    fc.assert(
      fc.property(turned, ({ batch: { rows, amounts }, by }) => {
        const stated = { amounts: { ...amounts, net: amounts.net + by }, counts: countsOf(rows, 'all') }
        const other = { ...rows, reverseGroups: rows.reverseGroups.toReversed() }
        expect(tieOut(stated, other, 'all')).toEqual(tieOut(stated, rows, 'all'))
      }),
      settings,
    )
  })
})
