import { judgeRefunds } from './refunds.ts'
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
 * was voided is not handed over; what was refunded whole is no longer one too many, nor is another beside it.
 */
export function findRepetitions<T extends Repeatable>(
  given: { readonly sales: readonly T[]; readonly fullRefunds: readonly CardRow[] },
  withinMs: number,
): Repetition<T>[] {
  const { originals } = judgeRefunds({ sales: given.sales, refunds: given.fullRefunds }, () => false)
  const returnedIds = new Set([...originals.values()].map(({ transactionId }) => transactionId))
  const sales = given.sales.filter(({ transactionId }) => !returnedIds.has(transactionId)).toSorted(compareRows)
  return sales.flatMap((later, place) => {
    const earlier = sales
      .slice(0, place)
      .findLast(
        (one) =>
          later.createdAt - one.createdAt <= withinMs &&
          mayBeSameCard(one, later) &&
          !(one.isExpected && later.isExpected),
      )
    return earlier ? [{ earlier, later }] : []
  })
}
