import type { BusinessDate } from '../../domain/calendar.ts'
import type { BooksSettings, ChartAccount } from '../../domain/journal/chart.ts'
import type { Totals } from '../tally.ts'
import type { FileEntry } from './entry.ts'

export const JOURNAL_NAMES = [
  'xero-journal',
  'xero-statement',
  'qbo-journal',
  'qbo-bank',
  'iif',
  'hledger',
  'beancount',
  'ofx',
] as const
export type JournalName = (typeof JOURNAL_NAMES)[number]

/** How a file for one target is written. Its rules are those of EXPORTS.md, table "Journals". */
export interface JournalFormat {
  readonly name: JournalName
  readonly ending: string
  /** `journal`: all postings. `statement`: what moved in the clearing account, as a bank would tell it. */
  readonly tells: 'journal' | 'statement'
  /** A target that knows no currency, or one for a file, gets a file for each. */
  readonly isPerCurrency: boolean
  /** What a file may hold, its head included; an entry is never parted. */
  readonly limit: { readonly lines?: number; readonly bytes?: number }
  /** What an account is called in the file. */
  nameOf(account: ChartAccount): string
  head(file: FileFacts): string
  /** An entry as text; empty where the file has nothing to tell of it. */
  entry(entry: FileEntry, file: FileFacts): string
  tail(file: FileFacts): string
}

/** What a file is about. */
export interface FileFacts {
  readonly account: string
  readonly from: BusinessDate
  readonly to: BusinessDate
  /** Null for all of them. */
  readonly currency: string | null
  readonly currencies: readonly string[]
  readonly settings: BooksSettings
  /** `CAD clearing` → minor units, before the first day and at the end of the last. */
  readonly opening: Totals
  readonly closing: Totals
}

/** What an entry moves in the clearing account, and 0 where it does not touch it. */
export const clearingOf = ({ lines }: FileEntry): bigint =>
  lines.reduce((sum, { key, amountMinor }) => (key === 'clearing' ? sum + amountMinor : sum), 0n)

/** Keys of accounts whose balance goes on from period to period. */
export const STANDING_KEYS = [
  'clearing',
  'ach_clearing',
  'deposits_in_transit',
  'suspense',
  'sales_tax',
  'undecided',
] as const

/**
 * Those that only these entries touch, so that plain-text books can assert what they come to. The deposits, what is in
 * suspense and the tax are cleared by entries of the bookkeeper's own beside them.
 */
export const ASSERTED_KEYS = ['clearing', 'ach_clearing'] as const satisfies readonly (typeof STANDING_KEYS)[number][]
