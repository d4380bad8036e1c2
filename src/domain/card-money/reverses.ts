import type { Instant } from '../clock.ts'
import { type CardRow, compareRows, mayBeSameCard } from './rows.ts'

export interface Reverse extends CardRow {
  /** What it voided, as the exports read it too; null: nothing tells. */
  readonly kind: 'sale' | 'refund' | 'preauth' | null
  /** Nothing tells yet: Helcim's next figures of its batch may. */
  readonly isToCome: boolean
  /** The row that it names after all (undocumented), where we have it. */
  readonly told: CardRow | null
}

/** Reverses of one batch, card, currency and amount, with what they can have voided there. */
export interface ReverseGroup {
  readonly reverses: readonly Reverse[]
  /** Approved rows of any kind that can be voided: sales, refunds and preauths. */
  readonly originals: readonly CardRow[]
  /** The same in other batches that had closed by then, in the days before. */
  readonly settled: readonly CardRow[]
  readonly batchClosedAt: Instant | null
}

export type ReverseFinding =
  | { readonly code: 'reverse_without_original'; readonly reverse: Reverse; readonly candidates: readonly CardRow[] }
  | { readonly code: 'reverse_after_close'; readonly reverse: Reverse; readonly original: CardRow | null }

/**
 * Judges the reverses of a batch whose rows are read: one made after its batch had closed, one whose only original lies
 * in a batch that had closed before it, one without any original, and one of which nothing tells what it voided, nor will.
 */
export function judgeReverses({ reverses, originals, settled, batchClosedAt }: ReverseGroup): ReverseFinding[] {
  const free = originals.toSorted(compareRows)
  const findings: ReverseFinding[] = []
  // Those that name their row take it first.
  const rank = (reverse: Reverse) => (reverse.told ? 0 : isNamed(reverse, free) ? 1 : 2)
  const inOrder = reverses.toSorted((a, b) => rank(a) - rank(b) || compareRows(a, b))
  for (const reverse of inOrder) {
    if (batchClosedAt !== null && batchClosedAt < reverse.createdAt) {
      findings.push({ code: 'reverse_after_close', reverse, original: null })
      continue
    }
    if (reverse.told) {
      const { batchClosedAt: closedAt, cardBatchId } = reverse.told
      const isSettled = cardBatchId !== reverse.cardBatchId && closedAt !== null && closedAt <= reverse.createdAt
      if (isSettled) findings.push({ code: 'reverse_after_close', reverse, original: reverse.told })
      const own = free.findIndex(({ transactionId }) => transactionId === reverse.told?.transactionId)
      if (own !== -1) free.splice(own, 1)
      continue
    }
    const place = placeOf(reverse, free)
    if (place !== -1) {
      free.splice(place, 1)
      if (reverse.kind === null && !reverse.isToCome)
        findings.push({ code: 'reverse_without_original', reverse, candidates: originals })
      continue
    }
    const named = settled.filter((one) => names(reverse, one))
    const candidates = (named.length > 0 ? named : settled).filter((one) => compareRows(one, reverse) < 0)
    const [original] = candidates
    if (original && candidates.length === 1) findings.push({ code: 'reverse_after_close', reverse, original })
    else findings.push({ code: 'reverse_without_original', reverse, candidates })
  }
  return findings
}

const names = (reverse: Reverse, row: CardRow): boolean =>
  reverse.invoiceNumber !== null && reverse.invoiceNumber === row.invoiceNumber

const isNamed = (reverse: Reverse, rows: readonly CardRow[]): boolean => rows.some((row) => names(reverse, row))

function placeOf(reverse: Reverse, free: readonly CardRow[]): number {
  const named = free.findLastIndex((row) => names(reverse, row))
  if (named !== -1) return named
  return free.findLastIndex((row) => compareRows(row, reverse) < 0 && mayBeSameCard(row, reverse))
}
