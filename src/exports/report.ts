import type { BusinessDate } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import { CURRENCY_DIGITS, DIGITS_UNLESS_KNOWN } from '../domain/money.ts'

/**
 * A report is defined once: its files (CSV, JSON lines), its view in schema `accounting` and its page in
 * docs/exports.md all come from here. Names of reports and columns are an interface (EXPORTS.md).
 */
export interface Report {
  readonly name: ReportName
  /** Name in schema `accounting`. */
  readonly view: string
  /** What one row is. */
  readonly rowIs: string
  /** Which rows a file of a period holds. */
  readonly rowsAre: string
  readonly columns: readonly Column[]
  /** `from …`, with all joins. @param scope null for the view, which shows all accounts and all times */
  readonly tables: (scope: Scope | null) => string
  /** Which of their rows the report is about. */
  readonly where: string
  /** Which of those belong to one account and period. */
  readonly within: (scope: Scope) => string
  /** Which of them the view shows; all unless said. */
  readonly now?: string
  readonly groupBy?: string
  /** No two rows of a file are equal in all of them. */
  readonly orderBy: readonly string[]
  /** Whether `tables` name the subqueries of `reverses.ts`. */
  readonly usesReverses: boolean
  /** Which movements (aliases of `movements.ts`) bear on a file; those of `within` unless said. */
  readonly movementsWithin?: (scope: Scope) => string
  /** What must have been read for a period to be proved complete. */
  readonly needs: Needs
  /** Why it cannot be had as of an earlier time; it can unless said. */
  readonly presentOnly?: string
}

export const REPORT_NAMES = [
  'transactions',
  'settlement',
  'unsettled',
  'daily-sales',
  'clearing',
  'recurring',
  'mrr',
  'mismatches',
] as const
export type ReportName = (typeof REPORT_NAMES)[number]

/** Raised when a column goes or changes its meaning; new columns at the end do not raise it. */
export const REPORT_VERSION = 1

export interface Needs {
  /** Days of card transactions: of the period, of the batches closed within it, of the whole history up to its end, or none. */
  readonly days: 'period' | 'batches' | 'history' | 'none'
  /** The list of batches, read after the period's end. */
  readonly batchList: boolean
  /** A judgement, made after the period's end. */
  readonly judgement: boolean
  /** The list of subscriptions, read after the period's end: as they were at month ends, or with the payments of each. */
  readonly subscriptions: 'none' | 'month-ends' | 'payments'
}

/**
 * - `text`: as Helcim or we wrote it; in CSV neutralised, see `cells.ts`
 * - `value`: an amount, or a text where the two sides of a mismatch are none
 * - `money`: major units with the digits of the row's currency; a number
 * - `number`: a whole number
 * - `instant`: `2026-10-31 17:00:00`, in the zone that the column's name says
 * - `date`: `2026-10-31`
 */
export type ColumnType = 'text' | 'value' | 'money' | 'number' | 'instant' | 'date'

export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly description: string
  /** The value; where `clocks` are named, the instant; of `money` its minor units in the currency of the row's column `currency`, which stands before it. */
  readonly sql: string
  /** Of a `value`: whether it is an amount. */
  readonly isAmountSql?: string
  /** Whose clocks show an instant, and from whose date a date is taken if it is an instant's. */
  readonly clocks?: 'utc' | 'account'
  /** A card number as the mirror keeps it, of which `******` and the last four characters are shown. */
  readonly isCardNumber?: true
  /** The API tells nothing that would fill it. */
  readonly isBlank?: true
}

/** One account and period. */
export interface Scope {
  readonly accountId: number
  /** Local dates of the account's zone, both inclusive. */
  readonly from: BusinessDate
  readonly to: BusinessDate
  /** The first instant of `from`. */
  readonly startsAt: Instant
  /** The first instant after `to`. */
  readonly endsAt: Instant
}

/** An instant as Postgres reads it. */
export const instantSql = (instant: Instant): string => `timestamptz '${new Date(instant).toISOString()}'`

/** Minor units as decimals with the currency's digits. Multiplied, not divided: a product keeps exactly those digits. */
export function moneySql(
  minor: string,
  currency: string,
  digitsOf: ReadonlyMap<string, number> = CURRENCY_DIGITS,
): string {
  const factor = (digits: number) =>
    digits === 0 ? `(${minor})::numeric` : `(${minor}) * 0.${'1'.padStart(digits, '0')}`
  const others = [...digitsOf].filter(([, digits]) => digits !== DIGITS_UNLESS_KNOWN)
  if (others.length === 0) return factor(DIGITS_UNLESS_KNOWN)
  const cases = others.map(([code, digits]) => `when '${code}' then ${factor(digits)}`)
  return `case ${currency} ${cases.join(' ')} else ${factor(DIGITS_UNLESS_KNOWN)} end`
}

/** An instant of ours without its fraction; Helcim's have none. */
export const secondSql = (instant: string): string => `date_trunc('second', ${instant})`

/** A column of which the API tells nothing: blank, never zero. */
export const blank = (name: string, type: ColumnType, description: string): Column => ({
  name,
  type,
  description,
  sql: `null::${SQL_TYPES[type]}`,
  isBlank: true,
})

const SQL_TYPES = {
  text: 'text',
  value: 'text',
  money: 'bigint',
  number: 'bigint',
  instant: 'timestamp',
  date: 'date',
} as const satisfies Record<ColumnType, string>
