import { addDays, type BusinessDate } from './calendar.ts'

/** What one window of a backfill is meant to hold, and what that costs: rows are cheap, calls are not. */
const SIZES = {
  /** A week at least, where it is not too full: each window reads a day more on either side (API.md §4). */
  daysMin: 7,
  daysMax: 92,
  rowsAim: 10_000,
  /** A walk of 150 pages. */
  rowsMax: 150_000,
} as const

export interface DayWindow {
  readonly from: BusinessDate
  readonly to: BusinessDate
}

/** How many rows a day holds, as far as anybody knows. */
export type RowsOf = (day: BusinessDate) => number

/** What is known before anything was read: a window then has the fewest days. */
export const ROWS_OF_UNKNOWN: RowsOf = () => SIZES.rowsAim / SIZES.daysMin

/**
 * Cuts days into windows by what they hold, the newest first: quiet months are one window, a day that is full is one.
 * @param days descending, each once; windows never reach over a gap
 * @param daysMax of a window, to grow from what was seen where nothing else is known
 */
export function planWindows(
  days: readonly BusinessDate[],
  rowsOf: RowsOf,
  daysMax: number = SIZES.daysMax,
): DayWindow[] {
  const windows: DayWindow[] = []
  let open: { from: BusinessDate; to: BusinessDate; days: number; rows: number } | null = null
  for (const day of days) {
    const rows = rowsOf(day)
    const isFull =
      open !== null &&
      (open.days >= Math.min(daysMax, SIZES.daysMax) ||
        open.rows + rows > SIZES.rowsMax ||
        (open.rows >= SIZES.rowsAim && open.days >= SIZES.daysMin))
    if (open === null || isFull || addDays(day, 1) !== open.from) {
      if (open !== null) windows.push({ from: open.from, to: open.to })
      open = { from: day, to: day, days: 1, rows }
    } else open = { from: day, to: open.to, days: open.days + 1, rows: open.rows + rows }
  }
  if (open !== null) windows.push({ from: open.from, to: open.to })
  return windows
}

/** Days of a window, both ends included. */
export const countDays = ({ from, to }: DayWindow): number => (Date.parse(to) - Date.parse(from)) / 86_400_000 + 1

/** After a window of so many days the next may have four times as many. */
export const grownDays = (days: number): number => Math.max(SIZES.daysMin, days * 4)

/** Calls that a window costs: its pages, its margin of a day on either side included, and one at least. */
export function callsOf(window: DayWindow, rowsOf: RowsOf, pageLimit: number): number {
  let rows = 0
  for (let day = addDays(window.from, -1); day <= addDays(window.to, 1); day = addDays(day, 1)) rows += rowsOf(day)
  return Math.floor(rows / pageLimit) + 1
}

export interface Pace {
  readonly callsLeft: number
  /** Calls of this backfill since it was started, and for how long it has run. */
  readonly callsMade: number
  readonly elapsedMs: number
  /** What its class may use of the hour, and what everybody has used of it. */
  readonly hourShare: number
  readonly hourUsed: number
  readonly hourMs: number
}

/** A pace of a few calls says nothing. */
const CALLS_TO_JUDGE = 5

/**
 * Milliseconds that are left: as long as the calls take at the pace so far, and at least as long as the hour's quota
 * takes to allow them. A start is quick because the hour is still free; that is no pace to go by.
 * @returns null while nobody can tell
 */
export function estimateLeftMs({ callsLeft, callsMade, elapsedMs, hourShare, hourUsed, hourMs }: Pace): number | null {
  if (callsLeft === 0) return 0
  if (callsMade < CALLS_TO_JUDGE) return null
  const byPaceMs = callsLeft * (elapsedMs / callsMade)
  const beyondHour = Math.max(0, callsLeft - Math.max(0, hourShare - hourUsed))
  return Math.max(byPaceMs, (beyondHour / hourShare) * hourMs)
}
