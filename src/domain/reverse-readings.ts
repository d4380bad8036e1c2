import type { BatchAmounts } from './card-batch.ts'

/**
 * Approved reverses of one card and amount within a batch, and what they can have voided. A reverse row does not name
 * its original (API.md §7), so the group is solved as a whole.
 */
export interface ReverseGroup {
  readonly amountMinor: bigint
  readonly reverses: number
  readonly sales: number
  readonly refunds: number
  readonly preauths: number
}

/** What reverses may have voided, in minor units. */
export interface Reading {
  readonly reversed: bigint
  readonly refundsReversed: bigint
}

/** Distinct readings of half of the groups that can be read in several ways: enough for 34 that can be read in two. */
const HALF_MAX = 2 ** 17
/** Readings among which the nearest is sought where none is exact; the plain one (sales first) is always there. */
const NEAREST_MAX = 20_000

/**
 * The sums that the reverses of a batch can mean, each group split into voided sales, refunds and preauths: the one that
 * Helcim states if there is such a reading, else those among which the nearest is to be found.
 */
export function readingsOf(
  groups: readonly ReverseGroup[],
  stated: Pick<BatchAmounts, 'reversed' | 'refundsReversed'>,
): Iterable<Reading> {
  const parts = groups.map((group) => splitsOf(group).map((split) => readingOf(group, split)))
  // Most groups can be read in one way only: taken together, they are added once and not to every reading.
  const sure = parts
    .filter(({ length }) => length === 1)
    .reduce((sum, [only]) => (only ? add(sum, only) : sum), NOTHING)
  const open = parts.filter(({ length }) => length !== 1)
  if (open.length > 0 && isReachable(open, subtract(stated, sure))) return [stated]
  return sumsOf(open, sure, NEAREST_MAX)
}

/**
 * Whether one reading of each part adds up to `wanted`. What one half can come to is looked up for each sum of the other:
 * as many steps as there are sums of half the groups, where all of them together would be its square.
 */
function isReachable(parts: readonly (readonly Reading[])[], wanted: Reading): boolean {
  const middle = Math.ceil(parts.length / 2)
  const right = new Set([...sumsOf(parts.slice(middle), NOTHING, HALF_MAX)].map(keyOf))
  for (const left of sumsOf(parts.slice(0, middle), NOTHING, HALF_MAX)) {
    if (right.has(keyOf(subtract(wanted, left)))) return true
  }
  return false
}

/** Distinct sums of one reading of each part, at most so many of them. */
function sumsOf(parts: readonly (readonly Reading[])[], start: Reading, countMax: number): Iterable<Reading> {
  let sums = new Map<string, Reading>([['', start]])
  for (const part of parts) {
    const next = new Map<string, Reading>()
    for (const reading of part) {
      for (const before of sums.values()) {
        if (next.size >= countMax) break
        const sum = add(before, reading)
        next.set(keyOf(sum), sum)
      }
    }
    sums = next
  }
  return sums.values()
}

const NOTHING: Reading = { reversed: 0n, refundsReversed: 0n }

const keyOf = ({ reversed, refundsReversed }: Reading): string => `${reversed} ${refundsReversed}`

const add = (a: Reading, b: Reading): Reading => ({
  reversed: a.reversed + b.reversed,
  refundsReversed: a.refundsReversed + b.refundsReversed,
})

const subtract = (a: Reading, b: Reading): Reading => ({
  reversed: a.reversed - b.reversed,
  refundsReversed: a.refundsReversed - b.refundsReversed,
})

const readingOf = ({ amountMinor }: ReverseGroup, [sales, refunds]: readonly [number, number]): Reading => ({
  reversed: amountMinor * BigInt(sales),
  refundsReversed: amountMinor * BigInt(refunds),
})

/** How many of a group's reverses void sales and how many refunds (the rest void preauths), the plainest first. */
function splitsOf({
  reverses,
  sales,
  refunds,
  preauths,
}: Omit<ReverseGroup, 'amountMinor'>): [sales: number, refunds: number][] {
  // Reverses beyond all candidates have lost their original; they may have voided a sale or a refund that we do not see.
  const orphans = Math.max(0, reverses - sales - refunds - preauths)
  const splits: [number, number][] = []
  for (let ofPreauths = 0; ofPreauths <= Math.min(preauths, reverses); ofPreauths += 1) {
    for (let ofRefunds = 0; ofRefunds <= Math.min(refunds + orphans, reverses - ofPreauths); ofRefunds += 1) {
      const ofSales = reverses - ofPreauths - ofRefunds
      if (ofSales <= sales + orphans) splits.push([ofSales, ofRefunds])
    }
  }
  return splits
}
