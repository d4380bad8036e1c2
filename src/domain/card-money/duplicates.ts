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
}

/**
 * Sales of one card, amount and currency that follow each other within `withinMs` and are not two expected charges. What
 * was voided is not handed over; a refund of the whole amount takes one of them back, and then none is too many.
 */
export function findRepetitions<T extends Repeatable>(
  given: { readonly sales: readonly T[]; readonly fullRefunds: readonly CardRow[] },
  withinMs: number,
): Repetition<T>[] {
  const sales = given.sales.toSorted(compareRows)
  const found: Repetition<T>[] = []
  for (const [place, later] of sales.entries()) {
    const earlier = sales
      .slice(0, place)
      .findLast(
        (one) =>
          later.createdAt - one.createdAt <= withinMs &&
          mayBeSameCard(one, later) &&
          !(one.isExpected && later.isExpected),
      )
    if (earlier) found.push({ earlier, later })
  }
  const refundsLeft = given.fullRefunds.toSorted(compareRows)
  return found.filter(({ later }) => {
    const place = refundsLeft.findIndex((refund) => refund.createdAt > later.createdAt && mayBeSameCard(refund, later))
    if (place === -1) return true
    refundsLeft.splice(place, 1)
    return false
  })
}
