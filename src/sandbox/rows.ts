import type { Instant } from '../domain/clock.ts'

/** A terminal has one currency; a batch has its terminal's. */
export interface TerminalRow {
  readonly id: bigint
  readonly nickname: string
  readonly currency: string
  readonly status: 'ACTIVE' | 'INACTIVE'
}

export interface Card {
  readonly type: string
  /** First six and last four digits, run together as Helcim writes them. */
  readonly number: string
  readonly token: string
  readonly holderName: string
}

/** How a row is served so that its reader cannot understand it. The truth stays in the row. */
export type Disguise =
  | { readonly kind: 'undecodable'; readonly key: 'amount' | 'transactionId'; readonly literal: string | null }
  | { readonly kind: 'unknown-status'; readonly status: string }

/** The facts of one card transaction, as Helcim would know them. */
export interface TransactionFacts {
  readonly createdAt: Instant
  /** 0n: in no batch, as suspected duplicates are. */
  readonly batchId: bigint
  readonly status: 'approved' | 'declined'
  readonly type: string
  readonly amountMinor: bigint
  readonly currency: string
  readonly card: Card
  readonly user: string
  readonly avsResponse: string
  readonly cvvResponse: string
  readonly approvalCode: string
  readonly customerCode: string
  readonly invoiceNumber: string
  readonly warning: string
  /** Reason of a decline. */
  readonly errors: string | null
  /** Capture → preauth, refund → payment, reverse → what it voids. Helcim knows it and does not tell. */
  readonly originalId: bigint | null
  /** Served with few keys, like the documented example. */
  readonly isSuspectedDuplicate: boolean
  readonly disguise: Disguise | null
  /** Left out of every answer, though the statistics count it. */
  readonly isHidden: boolean
}

export interface TransactionRow extends TransactionFacts {
  readonly id: bigint
  /** From then on it can be read. */
  readonly visibleAt: Instant
}

export const BATCH_FIGURES = ['sales', 'refunds', 'reversed', 'refundsReversed', 'net'] as const
export type BatchFigure = (typeof BATCH_FIGURES)[number]
export const BATCH_COUNTS = ['total', 'approved', 'declined'] as const
export type BatchCount = (typeof BATCH_COUNTS)[number]

export interface Statistics {
  /** Minor units of the terminal's currency. */
  readonly figures: Readonly<Record<BatchFigure, bigint>>
  readonly counts: Readonly<Record<BatchCount, number>>
}

export interface BatchRow {
  readonly id: bigint
  readonly terminalId: bigint
  readonly batchNumber: bigint
  readonly createdAt: Instant
  readonly updatedAt: Instant
  /** null while open. */
  readonly closedAt: Instant | null
  /** The instant of the automatic close; null: only settling closes it. */
  readonly closesAt: Instant | null
  /** Never served. */
  readonly isHidden: boolean
  /** Added to what is served; the lie of a defect. */
  readonly lie: {
    readonly figures: Partial<Record<BatchFigure, bigint>>
    readonly counts: Partial<Record<BatchCount, number>>
  }
}

export type CountedTypes = 'all' | 'without-verify' | 'without-preauth-and-verify'

/**
 * What the eight figures of a batch say (API.md §6): sales and captures stay gross, a reverse adds to `reversed` or, when it
 * voids a refund, to `refundsReversed`; a voided preauth never was money. Rows of another currency than the terminal's count, but do not sum.
 */
export function computeStatistics(
  rows: Iterable<TransactionRow>,
  options: { currency: string; countedTypes: CountedTypes; typeOf: (id: bigint) => string | undefined },
): Statistics {
  const figures = { sales: 0n, refunds: 0n, reversed: 0n, refundsReversed: 0n, net: 0n }
  const counts = { total: 0, approved: 0, declined: 0 }
  for (const row of rows) {
    if (isCounted(row.type, options.countedTypes)) {
      counts.total += 1
      counts[row.status] += 1
    }
    if (row.status !== 'approved' || row.currency !== options.currency) continue
    const figure = figureOf(row, options.typeOf)
    if (figure !== null) figures[figure] += row.amountMinor
  }
  figures.net = figures.sales - figures.refunds - figures.reversed + figures.refundsReversed
  return { figures, counts }
}

function figureOf(row: TransactionRow, typeOf: (id: bigint) => string | undefined): Exclude<BatchFigure, 'net'> | null {
  if (row.type === 'purchase' || row.type === 'capture') return 'sales'
  if (row.type === 'refund') return 'refunds'
  if (row.type !== 'reverse') return null
  const voided = row.originalId === null ? undefined : typeOf(row.originalId)
  if (voided === 'refund') return 'refundsReversed'
  return voided === 'purchase' || voided === 'capture' ? 'reversed' : null
}

function isCounted(type: string, countedTypes: CountedTypes): boolean {
  if (type === 'verify') return countedTypes === 'all'
  if (type === 'preauth') return countedTypes !== 'without-preauth-and-verify'
  return true
}
