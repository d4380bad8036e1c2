import { ACH_FIGURES, type AchBatch, type AchFigure } from './ach.ts'
import type { HelcimId } from './record.ts'

/** What of a bank payment counts in its batch. */
export interface AchRow {
  readonly id: HelcimId
  readonly type: string
  readonly statusAuth: string
  readonly amountMinor: bigint
  readonly currency: string
  /** Of the payment that this one refunds or reverses; null where it names none, or we do not have it. */
  readonly originalType: string | null
}

export type AchFigures = Pick<AchBatch, 'amounts' | 'counts'>

/** Each kind is told gross, as in the documented batch whose one withdrawal was reversed. */
const FIGURE_OF: Readonly<Record<string, AchFigure>> = {
  WITHDRAWAL: 'withdrawals',
  DEPOSIT: 'deposits',
  REVERSE: 'reversed',
  REFUND: 'refunded',
}

const isApproved = ({ statusAuth }: AchRow): boolean => statusAuth === 'APPROVED'

/** What the rows of a batch add up to. Only what is approved counts, and it stays even when it does not clear. */
export function sumAchRows(rows: readonly AchRow[]): AchFigures {
  const amounts: Record<AchFigure, bigint> = { withdrawals: 0n, deposits: 0n, reversed: 0n, refunded: 0n }
  const counts: Record<AchFigure, number> = { withdrawals: 0, deposits: 0, reversed: 0, refunded: 0 }
  for (const row of rows.filter(isApproved)) {
    const figure = FIGURE_OF[row.type]
    if (figure === undefined) continue
    amounts[figure] += row.amountMinor
    counts[figure] += 1
  }
  return { amounts, counts }
}

export const isSameAch = (one: AchFigures, other: AchFigures): boolean =>
  ACH_FIGURES.every(
    (figure) => one.amounts[figure] === other.amounts[figure] && one.counts[figure] === other.counts[figure],
  )

/** Transactions of a batch, as Helcim counts them. */
export const countAch = ({ counts }: AchFigures): number => ACH_FIGURES.reduce((sum, figure) => sum + counts[figure], 0)

/** Of more rows than this that came between two readings, not every combination is tried: both are read again. */
const LATER_MAX = 12

/**
 * Whether stated figures agree with rows of which all `certain` were there when they were stated, and of `later` any may
 * have been. Nothing tells when a payment joined its batch, so each combination of these is tried.
 */
export function isTiedAch(stated: AchFigures, certain: readonly AchRow[], later: readonly AchRow[]): boolean {
  if (isSameAch(stated, sumAchRows(certain))) return true
  if (later.length === 0 || later.length > LATER_MAX) return false
  for (let choice = 1; choice < 2 ** later.length; choice += 1) {
    const joined = later.filter((_, index) => (choice & (1 << index)) !== 0)
    if (isSameAch(stated, sumAchRows([...certain, ...joined]))) return true
  }
  return false
}

/**
 * The money that a batch brings the merchant: withdrawals from customers less deposits to them; what refunds or reverses
 * a payment goes the other way than that did.
 * @returns null when a row's direction, or one currency for all of them, cannot be told
 */
export function netOfAchRows(rows: readonly AchRow[]): bigint | null {
  if (currenciesOfAch(rows).length > 1) return null
  let net = 0n
  for (const row of rows.filter(isApproved)) {
    const isBack = row.type === 'REFUND' || row.type === 'REVERSE'
    const direction = DIRECTIONS[(isBack ? row.originalType : row.type) ?? '']
    if (direction === undefined) return null
    net += row.amountMinor * (isBack ? -direction : direction)
  }
  return net
}

const DIRECTIONS: Readonly<Record<string, bigint>> = { WITHDRAWAL: 1n, DEPOSIT: -1n }

/** Currencies of what is approved. */
export const currenciesOfAch = (rows: readonly AchRow[]): readonly string[] => [
  ...new Set(rows.filter(isApproved).map(({ currency }) => currency)),
]
