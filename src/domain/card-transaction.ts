import type { HelcimId, HelcimTime } from './record.ts'

/** Types seen so far (API.md §5); the list is open, others are kept and reported as `value_unknown`. */
export const CARD_TRANSACTION_TYPES = ['purchase', 'preauth', 'capture', 'verify', 'refund', 'reverse'] as const
export type CardTransactionType = (typeof CARD_TRANSACTION_TYPES)[number]

/** `APPROVED` and `APPROVAL` mean the same (Helcim's changelog of 2024-11-19). `unknown` is never counted as money. */
export type CardTransactionOutcome = 'approved' | 'declined' | 'unknown'

/** A payment, refund or reverse as Helcim records it. Amounts are positive; the direction follows from `type`. */
export interface CardTransaction {
  readonly transactionId: HelcimId
  readonly created: HelcimTime
  /** null when Helcim says 0: in no batch, as suspected duplicates are. */
  readonly cardBatchId: HelcimId | null
  /** As received. */
  readonly status: string
  readonly outcome: CardTransactionOutcome
  /** As received. */
  readonly type: string
  readonly amountMinor: bigint
  readonly currency: string
  readonly user: string | null
  readonly cardBrand: string | null
  /** First six and last four, in the one form `385200******3237`; never more digits. */
  readonly cardNumberMasked: string | null
  readonly cardToken: string | null
  readonly cardHolderName: string | null
  readonly approvalCode: string | null
  readonly avsResponse: string | null
  readonly cvvResponse: string | null
  readonly customerCode: string | null
  readonly invoiceNumber: string | null
  /** Undocumented, but kept where it comes: original/parent transaction of a refund, reverse or capture. */
  readonly originalTransactionId: HelcimId | null
  readonly warning: string | null
  readonly errors: string | null
}
