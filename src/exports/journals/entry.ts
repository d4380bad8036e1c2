import type { BusinessDate } from '../../domain/calendar.ts'
import type { ChartAccount } from '../../domain/journal/chart.ts'
import type { FactKind } from '../../domain/journal/facts.ts'

/** Of a file: one entry per day, currency and kind of fact, or each as it was posted. */
export const DETAILS = ['day', 'transaction'] as const
export type Detail = (typeof DETAILS)[number]

/** An entry as files show it: balanced, of one currency. */
export interface FileEntry {
  /** Told by what it is about, so that it is the same in every export: at most 21 characters for any id of Helcim's so far. */
  readonly number: string
  readonly on: BusinessDate
  readonly currency: string
  readonly kind: FactKind
  readonly words: string
  readonly lines: readonly FileLine[]
  /** What it was made of, where it is one posted entry: `card_transaction:4209764`. */
  readonly source: string | null
  /** Card batches that it settles, or that its transaction lies in. */
  readonly batches: readonly string[]
}

export interface FileLine {
  /** A role of the chart, or `plan:<id>`: by this the same account is known in all formats. */
  readonly key: string
  readonly account: ChartAccount
  /** Minor units, debit positive; never 0. */
  readonly amountMinor: bigint
}

/** What QuickBooks Online takes for the number of a journal. */
const NUMBER_LENGTH_MAX = 21

/** Names of kinds in the numbers of daily entries, and what they say. */
const KINDS: Readonly<Record<FactKind, { code: string; day: string; one: string }>> = {
  sale: { code: 'SALE', day: 'Card sales', one: 'Card sale' },
  refund: { code: 'REFUND', day: 'Card refunds', one: 'Card refund' },
  sale_reversal: { code: 'VOID', day: 'Card sales reversed', one: 'Card sale reversed' },
  refund_reversal: { code: 'UNVOID', day: 'Card refunds reversed', one: 'Card refund reversed' },
  reverse_undecided: { code: 'UNDEC', day: 'Card reverses, undecided', one: 'Card reverse, undecided' },
  settlement: { code: 'SETTLE', day: 'Card batches settled', one: 'Card batch settled' },
  ach_sale: { code: 'ASALE', day: 'ACH withdrawals cleared', one: 'ACH withdrawal cleared' },
  ach_refund: { code: 'AREFUND', day: 'ACH refunds cleared', one: 'ACH refund cleared' },
  ach_sale_reversal: { code: 'AVOID', day: 'ACH withdrawals reversed', one: 'ACH withdrawal reversed' },
  ach_refund_reversal: { code: 'AUNVOID', day: 'ACH refunds reversed', one: 'ACH refund reversed' },
  ach_payout: { code: 'APAYOUT', day: 'ACH deposits to customers', one: 'ACH deposit to a customer' },
  ach_undecided: { code: 'AUNDEC', day: 'ACH, undecided', one: 'ACH, undecided' },
  ach_settlement: { code: 'ASETTLE', day: 'ACH settled', one: 'ACH settled' },
}

const SOURCE_LETTERS: Readonly<Record<string, string>> = {
  card_transaction: 'T',
  card_batch: 'B',
  ach_transaction: 'A',
  ach_settlement: 'D',
}

export const wordsOfDay = (kind: FactKind): string => KINDS[kind].day

export const wordsOfOne = (kind: FactKind, sourceId: string, isReversal: boolean): string =>
  `${KINDS[kind].one} ${sourceId}${isReversal ? ', taken back' : ''}`

/** `20261031-CAD-SALE` */
export const numberOfDay = (on: BusinessDate, currency: string, kind: FactKind): string =>
  checked(`${on.replaceAll('-', '')}-${currency}-${KINDS[kind].code}`)

/** `T4209764-CAD-1`: source, currency, version. */
export const numberOfOne = (sourceKind: string, sourceId: string, currency: string, version: number): string =>
  checked(`${SOURCE_LETTERS[sourceKind]}${sourceId}-${currency}-${version}`)

function checked(number: string): string {
  if (number.length <= NUMBER_LENGTH_MAX) return number
  throw new Error(`${number} is longer than ${NUMBER_LENGTH_MAX} characters, which QuickBooks refuses`)
}
