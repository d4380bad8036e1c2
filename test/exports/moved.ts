import type { Merchant } from '../../src/sandbox/merchant.ts'
import type { TransactionRow } from '../../src/sandbox/rows.ts'

/** What the merchant knows, and the API does not tell: by how much a row moved money; null where it moved none. */
export function movedMinor(merchant: Pick<Merchant, 'transaction'>, row: TransactionRow): bigint | null {
  if (row.status !== 'approved') return null
  const voided = row.originalId === null ? undefined : merchant.transaction(row.originalId)
  const sign = { purchase: 1n, capture: 1n, refund: -1n }[row.type]
  if (sign !== undefined) return sign * row.amountMinor
  if (row.type !== 'reverse' || voided === undefined || voided.type === 'preauth') return null
  return voided.type === 'refund' ? row.amountMinor : -row.amountMinor
}
