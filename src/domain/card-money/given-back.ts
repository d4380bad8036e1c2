import { candidatesOf } from './refunds.ts'
import { type CardRow, compareRows } from './rows.ts'

/** What is known of refunds that name no sale and can be of several. */
export interface GivenBack<T extends CardRow> {
  /**
   * Of these sales, which share nothing with others, as many as were refunded whatever the rest was of. Where a refund can be
   * of another sale, none of these is taken for refunded: only a lone candidate is (API.md §7).
   */
  certainOf(group: readonly T[]): ReadonlySet<T>
  /** Those that can be of one of these sales. */
  possibleOf(group: readonly T[]): readonly CardRow[]
}

/** @param given sales of one amount, and refunds of just that amount; each gave back one sale */
export function judgeGivenBack<T extends CardRow>(given: {
  readonly sales: readonly T[]
  readonly refunds: readonly CardRow[]
}): GivenBack<T> {
  const refunds = given.refunds.toSorted(compareRows)
  const choices = refunds.map((refund) => candidatesOf(refund, given.sales))
  const all = new Map<T, number>()
  for (const place of choices.keys()) augment(choices, all, place, () => true)
  return {
    certainOf(group) {
      const own = new Set(group)
      const others = new Map([...all].filter(([sale]) => !own.has(sale)))
      const certain = [...all].filter(
        ([sale, place]) => own.has(sale) && !augment(choices, others, place, (other) => !own.has(other)),
      )
      return new Set(certain.map(([sale]) => sale))
    },
    possibleOf: (group) => refunds.filter((_, place) => choices[place]?.some((sale) => group.includes(sale))),
  }
}

/** Gives the refund at `place` a sale, moving others to theirs where that makes room: by this as many as possible have one. */
function augment<T extends CardRow>(
  choices: readonly (readonly T[])[],
  placeOf: Map<T, number>,
  place: number,
  isFree: (sale: T) => boolean,
  tried = new Set<T>(),
): boolean {
  for (const sale of choices[place] ?? []) {
    if (tried.has(sale) || !isFree(sale)) continue
    tried.add(sale)
    const holder = placeOf.get(sale)
    if (holder === undefined || augment(choices, placeOf, holder, isFree, tried)) {
      placeOf.set(sale, place)
      return true
    }
  }
  return false
}
