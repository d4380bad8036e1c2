import { judgeGivenBack } from './given-back.ts'
import { type CardRow, compareRows, mayBeSameCard } from './rows.ts'

/** A sale as its repetition is judged. */
export interface Repeatable extends CardRow {
  /** What a payment of a subscription expects, so that two of them are two expected charges. */
  readonly isExpected: boolean
}

export interface Repetition<T extends Repeatable> {
  readonly earlier: T
  /** The one too many. */
  readonly later: T
  /** Refunds that can be of one of the two, or of another sale: which, nothing tells. */
  readonly refundsPossible: readonly CardRow[]
}

/**
 * Sales of one card, amount and currency that follow each other within `withinMs` and are not two expected charges. What
 * was voided is not handed over; what was refunded whole for certain is no longer one too many, nor is another beside it.
 */
export function findRepetitions<T extends Repeatable>(
  given: { readonly sales: readonly T[]; readonly fullRefunds: readonly CardRow[] },
  withinMs: number,
): Repetition<T>[] {
  const groups = groupsOf(linksOf(given.sales, withinMs))
  if (groups.length === 0) return []
  const { certainOf, possibleOf } = judgeGivenBack({ sales: given.sales, refunds: given.fullRefunds })
  return groups.flatMap((group) => {
    const returned = certainOf(group)
    const links = linksOf(
      group.filter((sale) => !returned.has(sale)),
      withinMs,
    )
    // Each is told once, beside the last one that it repeats.
    const lastOf = new Map(links.map(([earlier, later]) => [later, earlier]))
    return [...lastOf].map(([later, earlier]) => ({
      earlier,
      later,
      refundsPossible: possibleOf([earlier, later]),
    }))
  })
}

type Link<T> = readonly [earlier: T, later: T]

/** Each sale with all that it repeats, in order of time. */
function linksOf<T extends Repeatable>(rows: readonly T[], withinMs: number): Link<T>[] {
  const sales = rows.toSorted(compareRows)
  let from = 0
  return sales.flatMap((later, place) => {
    while ((sales[from]?.createdAt ?? 0) < later.createdAt - withinMs) from += 1
    return sales
      .slice(from, place)
      .filter((one) => mayBeSameCard(one, later) && !(one.isExpected && later.isExpected))
      .map((earlier): Link<T> => [earlier, later])
  })
}

/** Sales that hang together by their links. */
function groupsOf<T>(links: readonly Link<T>[]): T[][] {
  const groupOf = new Map<T, Set<T>>()
  for (const [earlier, later] of links) {
    const group = groupOf.get(earlier) ?? new Set([earlier])
    for (const sale of [earlier, ...(groupOf.get(later) ?? [later])]) {
      group.add(sale)
      groupOf.set(sale, group)
    }
  }
  return [...new Set(groupOf.values())].map((group) => [...group])
}
