import type { BatchAmounts } from './card-batch.ts'
import { createReachableSums } from './reachable-sums.ts'

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

/**
 * Distinct sums that are kept of half the groups: more than are tried where the nearest is sought, so that whatever that would come
 * upon is found here.
 */
const SUMS_MAX = 2 ** 17
/** Up to it a bit is kept for each amount that can be reached, 16 MB of them. */
const BITS_MAX = 2 ** 27
/**
 * Readings among which the nearest is sought where none is exact, times the groups that can be read in several ways; the
 * plain one (sales first) is always there.
 */
const NEAREST_MAX = 20_000 * 30

/**
 * The sums that the reverses of a batch can mean, each group split into voided sales, refunds and preauths: the one that
 * Helcim states if there is such a reading, else those among which the nearest is to be found.
 */
export function readingsOf(
  groups: readonly ReverseGroup[],
  stated: Pick<BatchAmounts, 'reversed' | 'refundsReversed'>,
): Iterable<Reading> {
  const { sure, open } = partsOf(groups)
  if (open.length > 0 && isReachable(open, subtract(stated, sure))) return [stated]
  return sumsOf(open, sure, Math.ceil(NEAREST_MAX / Math.max(30, open.length)))
}

/** Whether one of those readings is what Helcim states. Of very many groups with several ways, one may be overlooked. */
export function hasReading(
  groups: readonly ReverseGroup[],
  stated: Pick<BatchAmounts, 'reversed' | 'refundsReversed'>,
): boolean {
  const { sure, open } = partsOf(groups)
  const rest = subtract(stated, sure)
  return open.length > 0 ? isReachable(open, rest) : rest.reversed === 0n && rest.refundsReversed === 0n
}

/** Most groups can be read in one way only: taken together, they are added once and not to every reading. */
function partsOf(groups: readonly ReverseGroup[]): { sure: Reading; open: Reading[][] } {
  const parts = groups.map((group) => splitsOf(group).map((split) => readingOf(group, split)))
  const sure = parts
    .filter(({ length }) => length === 1)
    .reduce((sum, [only]) => (only ? add(sum, only) : sum), NOTHING)
  return { sure, open: parts.filter(({ length }) => length !== 1) }
}

/**
 * Whether one reading of each part adds up to `wanted`. What a reverse did not void of the one it voided of another, so
 * that most groups have but one choice: how much of them went to refunds, or how much to preauths, the rest being sales.
 * Either is a sum of its own, and told exactly for any number of groups. Those that have both choices are tried.
 */
function isReachable(parts: readonly (readonly Reading[])[], wanted: Reading): boolean {
  const least = parts.map(leastOf)
  const choices = parts.map((part, index) => choicesOf(part, least[index] ?? NOTHING_GONE))
  const [refunds, preauths] = [
    wanted.refundsReversed - sumBigints(least.map(({ refunds }) => refunds)),
    sumBigints(least.map(({ most }) => most)) - wanted.reversed - wanted.refundsReversed,
  ]
  if (refunds < 0n || preauths < 0n) return false
  // More than all groups can come to: figures of another time than the rows.
  if (refunds > mostOf(choices, 'refunds') || preauths > mostOf(choices, 'preauths')) return false
  const both = choices.filter((part) => !isOnly(part, 'refunds') && !isOnly(part, 'preauths'))
  const countBoth = both.reduce((count, { length }) => count * length, 1)
  if (countBoth > SUMS_MAX || refunds > BITS_MAX || preauths > BITS_MAX) return isReachableByHalves(parts, wanted)
  const toRefunds = createReachableSums(Number(refunds))
  const toPreauths = createReachableSums(Number(preauths))
  for (const part of choices) {
    if (isOnly(part, 'refunds')) toRefunds.add(part.map((choice) => choice.refunds))
    else if (isOnly(part, 'preauths')) toPreauths.add(part.map((choice) => choice.preauths))
  }
  let tried: readonly Choice[] = [{ refunds: 0, preauths: 0 }]
  for (const part of both) {
    tried = tried.flatMap((one) =>
      part.map((choice) => ({ refunds: one.refunds + choice.refunds, preauths: one.preauths + choice.preauths })),
    )
  }
  return tried.some(
    (one) => toRefunds.has(Number(refunds) - one.refunds) && toPreauths.has(Number(preauths) - one.preauths),
  )
}

/** What of a group went to refunds and to preauths, above the least that did in any reading, in minor units. */
interface Choice {
  readonly refunds: number
  readonly preauths: number
}

/** Of a group: the least that refunds take in any reading, and the most that is money at all. */
interface Least {
  readonly refunds: bigint
  readonly most: bigint
}
const NOTHING_GONE: Least = { refunds: 0n, most: 0n }

function leastOf(part: readonly Reading[]): Least {
  const [first, ...others] = part
  if (first === undefined) return NOTHING_GONE
  let [refunds, most] = [first.refundsReversed, first.reversed + first.refundsReversed]
  for (const { reversed, refundsReversed } of others) {
    if (refundsReversed < refunds) refunds = refundsReversed
    if (reversed + refundsReversed > most) most = reversed + refundsReversed
  }
  return { refunds, most }
}

const choicesOf = (part: readonly Reading[], least: Least): Choice[] =>
  part.map(({ reversed, refundsReversed }) => ({
    refunds: Number(refundsReversed - least.refunds),
    preauths: Number(least.most - reversed - refundsReversed),
  }))

const mostOf = (choices: readonly (readonly Choice[])[], kind: keyof Choice): number =>
  choices.reduce((sum, part) => sum + Math.max(0, ...part.map((choice) => choice[kind])), 0)

/** Nothing but this varies in the group. */
const isOnly = (part: readonly Choice[], kind: keyof Choice): boolean =>
  part.every((choice) => choice[kind === 'refunds' ? 'preauths' : 'refunds'] === 0)

const sumBigints = (values: readonly bigint[]): bigint => values.reduce((sum, value) => sum + value, 0n)

/**
 * The same where too many groups have both choices. What one half can come to is looked up for each sum of the other: as
 * many steps as there are sums of half the groups, where all of them together would be its square. Of many groups not all
 * sums are kept.
 */
function isReachableByHalves(parts: readonly (readonly Reading[])[], wanted: Reading): boolean {
  const middle = Math.ceil(parts.length / 2)
  const right = new Set([...sumsOf(parts.slice(middle), NOTHING, SUMS_MAX)].map(keyOf))
  for (const left of sumsOf(parts.slice(0, middle), NOTHING, SUMS_MAX)) {
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
