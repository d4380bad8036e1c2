import type { Instant } from '../clock.ts'
import type { HelcimId } from '../record.ts'

/** An approved row of one card number and currency; amounts are minor units, always positive. */
export interface CardRow {
  readonly transactionId: HelcimId
  readonly createdAt: Instant
  readonly amountMinor: bigint
  readonly cardBatchId: HelcimId | null
  /** When its batch closed; null while that is open or not known. */
  readonly batchClosedAt: Instant | null
  readonly holder: string | null
  readonly invoiceNumber: string | null
  /** Undocumented, kept where it comes. */
  readonly originalId: HelcimId | null
}

/** Two cards may share their first six and last four digits: another name tells them apart, where both have one. */
export const mayBeSameCard = (one: Pick<CardRow, 'holder'>, other: Pick<CardRow, 'holder'>): boolean =>
  one.holder === null || other.holder === null || one.holder === other.holder

export const compareRows = (a: CardRow, b: CardRow): number =>
  a.createdAt - b.createdAt || (a.transactionId < b.transactionId ? -1 : a.transactionId > b.transactionId ? 1 : 0)

/** How many sales and refunds of one batch and amount were voided, and by rows that name which invoices. */
export interface Void {
  readonly cardBatchId: HelcimId
  readonly amountMinor: bigint
  readonly createdAt: Instant
  readonly invoiceNumber: string | null
  /** What it voided, as the exports read it too; null: nothing tells. */
  readonly kind: 'sale' | 'refund' | 'preauth' | null
  /** Nothing tells yet: rows or figures of its batch are to be read. */
  readonly isToCome: boolean
}

/**
 * Takes out what was voided. A reverse does not name its row (API.md §7): within its batch and amount it is the one of
 * the same invoice, else the last one before it. One that may have voided a sale or a refund has voided the refund: it
 * is the reading that leaves less to find.
 */
export function withoutVoided<S extends CardRow, R extends CardRow>(given: {
  readonly sales: readonly S[]
  readonly refunds: readonly R[]
  readonly voids: readonly Void[]
}): { sales: S[]; refunds: R[]; voidedIds: HelcimId[] } {
  const sales = given.sales.toSorted(compareRows)
  const refunds = given.refunds.toSorted(compareRows)
  const voidedIds: HelcimId[] = []
  for (const one of given.voids.toSorted((a, b) => a.createdAt - b.createdAt)) {
    const lists: (S[] | R[])[] = one.kind === 'sale' ? [sales] : one.kind === 'preauth' ? [] : [refunds]
    for (const list of lists) {
      const place = placeOfVoided(list, one)
      const [row] = place === -1 ? [] : list.splice(place, 1)
      if (row) voidedIds.push(row.transactionId)
    }
  }
  return { sales, refunds, voidedIds }
}

/** A row of its batch and amount, made before it. */
export const canHaveVoided = (one: Void, row: CardRow): boolean =>
  row.cardBatchId === one.cardBatchId && row.amountMinor === one.amountMinor && row.createdAt <= one.createdAt

function placeOfVoided(rows: readonly CardRow[], one: Void): number {
  const isOf = (row: CardRow) => canHaveVoided(one, row)
  const named = one.invoiceNumber
  const ofInvoice = named === null ? -1 : rows.findLastIndex((row) => isOf(row) && row.invoiceNumber === named)
  return ofInvoice === -1 ? rows.findLastIndex(isOf) : ofInvoice
}
