import type { CardBatchTail, ListOrder, PageDecision } from './pull.ts'
import type { HelcimId } from './record.ts'

/**
 * The tail of a batch are its newest rows, down to an id below which all of them are known to be here. Where ids only
 * fall (or only rise) from row to row, whatever is new lies in front of that id (or behind it): that is the whole reason
 * why the rest need not be read, and so each page of a tail has to show it again.
 */
export type KnownOrder = Exclude<ListOrder, 'none'>

/** Fewer rows than this come in order by chance too often: of twenty shuffled ones no account ever sees that. */
export const ORDER_ROWS_MIN = 20

/** In which order a list comes, and how many rows one page of it holds where that was seen. */
export interface LearnedOrder {
  readonly listOrder: ListOrder
  readonly pageSize: number | null
}

/** What is known about a batch of which the tail could be read. */
export interface TailStart {
  /** Up to this id its rows are all here. */
  readonly completeUpTo: HelcimId
  /** How many these are. */
  readonly countComplete: number
}

/**
 * The tail that shows all new rows of a batch; null where only the whole batch does. Of an ascending list it begins with
 * the page on which the last known row stands.
 */
export function tailOf(
  cardBatchId: HelcimId,
  { listOrder, pageSize }: LearnedOrder,
  { completeUpTo: aboveId, countComplete }: TailStart,
  pageLimit: number,
): { window: CardBatchTail; listOrder: KnownOrder } | null {
  const window = { kind: 'card_batch_tail', cardBatchId, aboveId } as const
  if (listOrder === 'descending') return { window: { ...window, firstPage: 1 }, listOrder }
  const firstPage = Math.floor(Math.max(0, countComplete - 1) / (pageSize ?? pageLimit)) + 1
  return listOrder === 'ascending' && firstPage > 1 ? { window: { ...window, firstPage }, listOrder } : null
}

export type TailDecision =
  | PageDecision
  /** All that is new has been read. */
  | 'reached'
  /** The order did not hold, or the known rows are not where they should be: only the whole batch tells. */
  | 'broken'

/** What follows from a page of a tail, beside what follows from it as a page of any list (`decision`). */
export function decideTail(
  { aboveId, firstPage }: CardBatchTail,
  seen: { page: number; ids: readonly HelcimId[]; order: ListOrder | null; decision: PageDecision },
): TailDecision {
  const { page, ids, order, decision } = seen
  if (order === 'none' || order === null) return 'broken'
  if (decision === 'walk-again' || decision === 'stuck') return decision
  const isKnownOnPage = ids.some((id) => id <= aboveId)
  // A list that ended on the way was read from its first row to its last: that is more than a tail.
  if (order === 'descending') return decision === 'next' && isKnownOnPage ? 'reached' : decision
  if (page === firstPage && !isKnownOnPage) return 'broken'
  return decision === 'end' ? 'reached' : decision
}
