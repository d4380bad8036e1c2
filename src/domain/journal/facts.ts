import type { BusinessDate } from '../calendar.ts'

/**
 * What happened, as far as the books are concerned. Amounts of card rows follow from `type`, of ACH rows only from those
 * that are `CLEARED`: nothing else is money, and one that is returned is not `CLEARED` any more (API.md §11).
 */
export const FACT_KINDS = [
  /** An approved card purchase or capture. */
  'sale',
  /** An approved card refund. */
  'refund',
  /** A reverse that voided a sale. */
  'sale_reversal',
  /** A reverse that voided a refund. */
  'refund_reversal',
  /** A reverse of which nothing tells what it voided, a preauth perhaps, and then no money moved. */
  'reverse_undecided',
  /** A closed card batch: all that moved in it, with its sign. */
  'settlement',
  /** A cleared ACH withdrawal from a customer's bank account. */
  'ach_sale',
  /** A cleared ACH refund. */
  'ach_refund',
  /** A cleared ACH reverse of a withdrawal, and of anything else that names its original. */
  'ach_sale_reversal',
  'ach_refund_reversal',
  /** Paid out to a bank account, nothing tells what for. */
  'ach_payout',
  /** A cleared ACH row of which nothing tells which way money went. */
  'ach_undecided',
  /** A cleared ACH row whose batch is closed, with its sign. */
  'ach_settlement',
] as const
export type FactKind = (typeof FACT_KINDS)[number]

/** What an entry is made of, and by which it is found again: one entry stands for each source and currency. */
export const SOURCE_KINDS = ['card_transaction', 'card_batch', 'ach_transaction', 'ach_settlement'] as const
export type SourceKind = (typeof SOURCE_KINDS)[number]

export interface Fact {
  readonly kind: FactKind
  readonly currency: string
  /** The business date it belongs to: of a sale its own, of a settlement that on which its batch closed. */
  readonly on: BusinessDate
  /** Minor units, positive, but of settlements, which can go either way. */
  readonly grossMinor: bigint
  /** How much of it is sales tax, where an invoice tells; otherwise 0. */
  readonly taxMinor: bigint
  /** Whether it was matched to a payment of a subscription, and of which plan. */
  readonly isRecurring: boolean
  readonly planId: bigint | null
}
