import type { CallClass } from './budget-class.ts'
import { addDays, type BusinessDate } from './calendar.ts'
import type { HelcimId } from './record.ts'

/** What can be read, in the order in which it is shown. */
export const RESOURCE_NAMES = [
  'card_terminal',
  'card_batch',
  'card_transaction',
  'customer',
  'invoice',
  'payment_plan',
  'add_on',
  'subscription',
  'ach_transaction',
  'ach_batch',
] as const
export type ResourceName = (typeof RESOURCE_NAMES)[number]

/** What one pull reads. Dates are Mountain dates, both inclusive, as Helcim's filters mean them. */
export type PullWindow =
  /** A list without filters. */
  | { readonly kind: 'all' }
  | { readonly kind: 'days'; readonly from: BusinessDate; readonly to: BusinessDate }
  /** The transactions of one card batch. */
  | { readonly kind: 'card_batch'; readonly cardBatchId: HelcimId }
  /** Of these the newest, down to what is known to be complete: see `tail.ts`. */
  | CardBatchTail
  /** One record by its id. */
  | { readonly kind: 'one'; readonly id: HelcimId }
  /** The records that go by this code or number, asked for by a filter of the list. */
  | { readonly kind: 'code'; readonly code: string }
  /** The batch that a terminal counted as `batchNumber`: confirms or fills a hole. */
  | { readonly kind: 'batch_number'; readonly terminalId: HelcimId; readonly batchNumber: bigint }

export interface CardBatchTail {
  readonly kind: 'card_batch_tail'
  readonly cardBatchId: HelcimId
  /** Up to this id the rows of the batch are all here. */
  readonly aboveId: HelcimId
  /** 1 where the newest come first. */
  readonly firstPage: number
}

/** Card data are what every proof rests on; the other resources may be beyond what a token is allowed to read. */
export const isCardData = (resource: string): boolean => resource.startsWith('card_')

/** The window in a person's words. */
export function subjectText(window: PullWindow): string {
  switch (window.kind) {
    case 'all':
      return 'the whole list'
    case 'days':
      return window.from === window.to ? window.from : `${window.from} to ${window.to}`
    case 'card_batch':
      return `card batch ${window.cardBatchId}`
    case 'card_batch_tail':
      return `card batch ${window.cardBatchId} above id ${window.aboveId}`
    case 'one':
      return `id ${window.id}`
    case 'code':
      return window.code
    case 'batch_number':
      return `batch no. ${window.batchNumber} of terminal ${window.terminalId}`
  }
}

/** True for a window that asks for one record, by its id or by its code. */
export const isForOne = ({ kind }: PullWindow): boolean => kind === 'one' || kind === 'code'

/** A batch holds rows of the days before it closed: two, as batches close after 48 hours at the latest, and one more. */
const BATCH_DAYS_MAX = 3

/** Are these days of the history, or of a batch that closed in it? Those before it are a backfill's, and disturb nothing. */
export const isOfHistory = (window: PullWindow, historyFrom: BusinessDate): boolean =>
  window.kind === 'days' && window.to >= addDays(historyFrom, -BATCH_DAYS_MAX)

/** Pages after which a walk over many days is given up for shorter ones: they hold more than they were taken for. */
const BACKFILL_PAGES_MAX = 300
/**
 * Days read by one pull of the schedule: few enough that a walk is short, many enough that a quiet month is a handful of
 * calls. They are walked to their end: split, they cost more, as each window reads a day more on either side.
 */
export const WINDOW_DAYS_MAX = 7

/** Is this walk so long that its window had better be split? What it read is kept, and read once more. */
export const isOverlong = (
  { window, callClass }: { window: PullWindow; callClass: CallClass },
  page: number,
): boolean =>
  callClass === 'backfill' &&
  window.kind === 'days' &&
  window.to >= addDays(window.from, WINDOW_DAYS_MAX) &&
  page >= BACKFILL_PAGES_MAX

export type ListOrder = 'descending' | 'ascending' | 'none'

/** Order of ids within and across the pages of a walk; null while fewer than two ids were seen. */
export function orderOf(ids: readonly HelcimId[], soFar: ListOrder | null, lastId: HelcimId | null): ListOrder | null {
  let order = soFar
  let before = lastId
  for (const id of ids) {
    if (before !== null && id !== before) {
      const step: ListOrder = id < before ? 'descending' : 'ascending'
      if (order === null) order = step
      else if (order !== step) return 'none'
    }
    before = id
  }
  return order
}

/** Page sizes at which servers like to cut: a page of just that many rows may be a silent maximum (API.md, point 3). */
const ROUND_SIZES = new Set([10, 20, 25, 50, 100, 125, 200, 250, 500, 1_000])
/** True when pages may well be cut at so many rows. */
export const isRoundSize = (countRows: number): boolean => ROUND_SIZES.has(countRows)
/** A walk ends in any case. Pages of lists that take no number of rows hold a tenth of what others do. */
const PAGES_MAX = { sized: 2_000, unsized: 5_000 } as const

export interface PageSeen {
  readonly page: number
  /** Rows asked for; null where the list takes no number, and only an empty page shows its end. */
  readonly limit: number | null
  /** True where the place of a page is told by a number of rows, which may count from 0 or from 1. */
  readonly isByOffset: boolean
  /** Rows that came, unreadable ones included. */
  readonly countRows: number
  /** Of these, ids that no earlier page of this walk had, and ids that one had. */
  readonly countFresh: number
  readonly countRepeated: number
  /** True when the known ids stand at the head of the page, as they do when new rows pushed them there. */
  readonly isRepeatAtHead: boolean
  /** True when the page consists of just the rows with which the pages before it ended. */
  readonly isRepeatOfLast: boolean
  /** True when the page before it brought rows, but none that were new. */
  readonly isAfterRepeat: boolean
  /** The largest page ever seen of this resource and account, this walk included. */
  readonly largestPage: number
  readonly order: ListOrder | null
}

export type PageDecision =
  | 'next'
  | 'end'
  /** Rows moved while we paged; what lies on which page is no longer known: walk again. */
  | 'walk-again'
  /** Paging does not work for this window: narrow it, or say that it is incomplete. */
  | 'stuck'

/** What to do after a page of a `page`/`limit` list. Every walk ends: by a short page, an empty one, or the cap. */
export function decidePage(seen: PageSeen): PageDecision {
  const { page, limit, countRows, countFresh, countRepeated } = seen
  if (page >= (limit === null ? PAGES_MAX.unsized : PAGES_MAX.sized)) return countRows === 0 ? 'end' : 'stuck'
  if (countFresh === 0 && countRepeated > 0 && page > 1) {
    // Where page 2 repeats page 1, the parameter may be ignored and nobody can say what lies behind it. Later on, some
    // servers repeat the last page past the end, and do so for the next one too; a page that merely came twice, or was
    // pushed down by a page of new rows, does not.
    // A list without a limit is asked for page 2 whatever page 1 held: most likely it has nothing more.
    if (page === 2) return limit === null && !isRoundSize(countRows) && seen.isRepeatOfLast ? 'end' : 'stuck'
    if (!seen.isRepeatOfLast) return 'walk-again'
    return seen.isAfterRepeat ? 'end' : 'next'
  }
  if (seen.isAfterRepeat) return 'walk-again'
  if (countRows === 0) return 'end'
  if (countRepeated > 0 && page > 1) {
    const isPushedDown = seen.order === 'descending' && seen.isRepeatAtHead
    // Of a count from 1 each stretch begins with the last row of the one before; nothing lies between them.
    const isCountedFromOne = seen.isByOffset && seen.isRepeatAtHead && countRepeated === 1
    if (!isPushedDown && !isCountedFromOne) return 'walk-again'
  }
  if (limit === null || countRows >= limit) return 'next'
  return isRoundSize(countRows) && countRows >= seen.largestPage ? 'next' : 'end'
}

/** Pages of records whose codes only begin like the one asked for: so many bear it that looking on would be dear. */
export const NAMED_PAGES_MAX = 10

export type NamedDecision =
  | PageDecision
  /** The record is there, and the list may go on behind it. */
  | 'found'
  /** The record was on none of so many pages: nobody can say that it is not there. */
  | 'too-many'

/**
 * What to do after a page of those that go by a code. Mostly it holds one row or none; where the server takes a code for
 * the beginning of one it may be full of others, and then proves nothing about the one that was asked for.
 * @param isFound does this page hold a record of just that code?
 */
export function decideNamed(seen: PageSeen, { isFound }: { isFound: boolean }): NamedDecision {
  const decision = decidePage(seen)
  if (decision !== 'next') return decision
  if (!isFound) return seen.page >= NAMED_PAGES_MAX ? 'too-many' : 'next'
  // What was asked for is there: of a list that takes no number of rows, only a page of a size at which servers like to
  // cut leaves open whether there is a second one of that code.
  return decidePage({ ...seen, limit: seen.limit ?? Number.POSITIVE_INFINITY }) === 'end' ? 'end' : 'found'
}

/** Cuts a window of days in two, or says that it cannot be cut. */
export function halves(
  window: { from: BusinessDate; to: BusinessDate },
  addDays: (date: BusinessDate, days: number) => BusinessDate,
): readonly [{ from: BusinessDate; to: BusinessDate }, { from: BusinessDate; to: BusinessDate }] | null {
  if (window.from >= window.to) return null
  let days = 0
  while (addDays(window.from, days * 2 + 2) <= window.to) days += 1
  const middle = addDays(window.from, days)
  return [
    { from: window.from, to: middle },
    { from: addDays(middle, 1), to: window.to },
  ]
}
