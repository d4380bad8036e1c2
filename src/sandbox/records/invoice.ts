import type { Instant } from '../../domain/clock.ts'

export const INVOICE_STATUSES = [
  'CANCELLED',
  'DUE',
  'PAID',
  'SHIPPED',
  'COMPLETED',
  'REFUNDED',
  'APP',
  'IN_PROGRESS',
  'OVERDUE',
  'FOR_APPROVAL',
  'APPROVED',
] as const
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number]

export const INVOICE_TYPES = [
  'ESTIMATE',
  'QUOTE',
  'ORDER',
  'PURCHASE_ORDER',
  'INVOICE',
  'STATEMENT',
  'REGISTRATION',
  'CREDIT',
] as const
export type InvoiceType = (typeof INVOICE_TYPES)[number]

export interface InvoiceLine {
  readonly description: string
  /** In hundredths: up to two decimals are documented. */
  readonly quantityHundredths: bigint
  readonly priceMinor: bigint
  readonly taxMinor: bigint
  readonly discountMinor: bigint
  readonly sku: string
}

/** What stands on an invoice beside one line of its whole amount. */
export interface InvoiceDetail {
  readonly lines: readonly InvoiceLine[]
  readonly taxMinor: bigint
  readonly discountMinor: bigint
  readonly shippingMinor: bigint
  readonly tipMinor: bigint
  readonly depositMinor: bigint
  readonly convenienceFeeMinor: bigint
  readonly surchargingFeeMinor: bigint
  readonly orderFields: readonly { readonly displayName: string; readonly value: string }[]
  readonly pickupAt: Instant | null
  readonly notes: string
}

/** Of an invoice that is one line and nothing else. */
export const NO_DETAIL: InvoiceDetail = {
  lines: [],
  taxMinor: 0n,
  discountMinor: 0n,
  shippingMinor: 0n,
  tipMinor: 0n,
  depositMinor: 0n,
  convenienceFeeMinor: 0n,
  surchargingFeeMinor: 0n,
  orderFields: [],
  pickupAt: null,
  notes: '',
}

export interface InvoiceRow {
  readonly id: bigint
  readonly number: string
  readonly type: InvoiceType
  readonly status: InvoiceStatus
  readonly currency: string
  /** 0n: nobody's. */
  readonly customerId: bigint
  readonly createdAt: Instant
  readonly updatedAt: Instant
  readonly paidAt: Instant | null
  /** Lines + tax + shipping + tip + deposit + fees − discount. */
  readonly amountMinor: bigint
  /** What was paid less what was given back. */
  readonly paidMinor: bigint
  readonly dueMinor: bigint
  /** null: an invoice that a payment made by itself, with one line. */
  readonly detail: InvoiceDetail | null
}

/** The sum that the parts of an invoice come to; a line's price counts per whole unit, and halves of a cent are rounded up. */
export function sumOfParts(detail: InvoiceDetail): bigint {
  const lines = detail.lines.reduce(
    (sum, line) => sum + (line.quantityHundredths * line.priceMinor + 50n) / 100n + line.taxMinor - line.discountMinor,
    0n,
  )
  const { taxMinor, shippingMinor, tipMinor, depositMinor, convenienceFeeMinor, surchargingFeeMinor } = detail
  const added = taxMinor + shippingMinor + tipMinor + depositMinor + convenienceFeeMinor + surchargingFeeMinor
  return lines + added - detail.discountMinor
}
