import type { BusinessDate } from '../calendar.ts'
import type { Instant } from '../clock.ts'
import type { InvoiceLine } from '../invoice.ts'
import type { HelcimId } from '../record.ts'

/** Amounts are minor units of `currency`; null where Helcim did not tell them. */
export interface InvoiceFacts {
  readonly invoiceId: HelcimId
  readonly invoiceNumber: string
  readonly status: string
  readonly currency: string
  readonly amountMinor: bigint
  readonly paidMinor: bigint | null
  readonly dueMinor: bigint | null
  readonly createdAt: Instant | null
  /** Mountain date of creation. */
  readonly createdOn: BusinessDate | null
  readonly issuedAt: Instant | null
  readonly updatedAt: Instant | null
  readonly paidAt: Instant | null
  /** When it was last read, changed or not. */
  readonly readAt: Instant
  /** null where the answer does not speak of lines. */
  readonly lines: readonly Pick<InvoiceLine, 'quantity' | 'unitPrice' | 'taxMinor' | 'discountMinor'>[] | null
  readonly taxMinor: bigint | null
  readonly discountMinor: bigint | null
  readonly shippingMinor: bigint | null
  readonly tipMinor: bigint | null
  readonly depositMinor: bigint | null
  readonly convenienceFeeMinor: bigint | null
  readonly surchargingFeeMinor: bigint | null
}

/** Money that came or went for an invoice. */
export interface InvoiceMoney {
  readonly via: 'card' | 'ach'
  readonly transactionId: HelcimId
  readonly createdAt: Instant
  readonly amountMinor: bigint
  readonly isPayment: boolean
  /**
   * What it may have added to what was paid, the likeliest first: several where nothing tells, as with a reverse of which
   * it is not known what it voided, or a bank payment that is approved and has not cleared.
   */
  readonly changesMinor: readonly bigint[]
  /** When we first saw it as it is: a bank payment changes for weeks. */
  readonly observedAt: Instant
  /** When it was last read. */
  readonly readAt: Instant
}

export interface InvoiceSide {
  readonly invoice: InvoiceFacts
  /** What names the invoice. */
  readonly named: readonly InvoiceMoney[]
  /** Captures, refunds and reverses by a card of these that name no invoice at all: each may be this one's (API.md §7). */
  readonly unnamed: readonly InvoiceMoney[]
}

/** How far payments were read. */
export interface PaymentReading {
  readonly now: Instant
  /** First day of the history that is mirrored. */
  readonly from: BusinessDate
  isCardRead(from: BusinessDate, until: Instant): boolean
  isAchRead(from: BusinessDate, until: Instant): boolean
  /** False where this token may not read bank payments: then nothing proves that there was none. */
  readonly isAchReadable: boolean
}
