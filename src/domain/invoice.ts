import type { HelcimId, HelcimTime } from './record.ts'

/** Helcim's OpenAPI definition. */
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

/** Those that a payment is still expected to change: they are read again. */
export const OPEN_INVOICE_STATUSES = ['DUE', 'OVERDUE', 'IN_PROGRESS', 'FOR_APPROVAL', 'APPROVED'] as const

/** Helcim's OpenAPI definition. */
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

export interface InvoiceLine {
  readonly description: string | null
  readonly sku: string | null
  /** Decimal text. */
  readonly quantity: string | null
  /** Decimal text: the price of one unit may be finer than a cent. */
  readonly unitPrice: string | null
  readonly taxMinor: bigint | null
  readonly discountMinor: bigint | null
}

/** Amounts are minor units of `currency`; null where the answer leaves them out. */
export interface Invoice {
  readonly invoiceId: HelcimId
  /** What card transactions name. */
  readonly invoiceNumber: string
  /** Opens the invoice's page to whoever has it. */
  readonly invoiceToken: string | null
  readonly type: string
  readonly status: string
  readonly currency: string
  /** null when Helcim says 0: nobody's. */
  readonly customerId: HelcimId | null
  readonly amountMinor: bigint
  readonly paidMinor: bigint | null
  readonly dueMinor: bigint | null
  readonly tipMinor: bigint | null
  readonly depositMinor: bigint | null
  readonly taxMinor: bigint | null
  readonly discountMinor: bigint | null
  readonly shippingMinor: bigint | null
  readonly convenienceFeeMinor: bigint | null
  readonly surchargingFeeMinor: bigint | null
  readonly created: HelcimTime
  readonly updated: HelcimTime
  readonly paid: HelcimTime
  readonly issued: HelcimTime
  readonly notes: string | null
  /** null when the answer does not speak of lines. */
  readonly lines: readonly InvoiceLine[] | null
}
