import type { Instant } from '../../domain/clock.ts'
import type { History } from '../history/history.ts'
import type { Merchant } from '../merchant.ts'
import type { Random } from '../random.ts'
import type { TruthLedger } from '../truth.ts'
import { ACH_DEFECTS, ACH_INNOCENTS } from './ach.ts'
import { CARD_MONEY_DEFECTS } from './card-money.ts'
import { CARD_MONEY_INNOCENTS } from './card-money-innocents.ts'
import { INVOICE_DEFECTS, INVOICE_INNOCENTS } from './invoices.ts'
import { RECORD_DEFECTS } from './records.ts'
import { RECURRING_DEFECTS } from './recurring.ts'
import { RECURRING_INNOCENTS } from './recurring-innocents.ts'
import { TOTAL_DEFECTS } from './totals.ts'

/** What a defect works with when it strikes. */
export interface DefectContext {
  readonly at: Instant
  readonly terminalId: bigint
  readonly merchant: Merchant
  readonly history: History
  readonly ledger: TruthLedger
  readonly random: Random
  /** Whether a subscription's record tells when a person changed it last. */
  readonly isEditTold: boolean
  /** Whether a refund or reverse names its original. */
  readonly isParentTold: boolean
  /** Whether a refund or reverse names the invoice of its original. */
  readonly isInvoiceTold: boolean
  ignoreFilters(names: readonly string[]): void
}

/** Does its damage and writes it down; false when there is nothing yet that it could damage. */
export type Defect = (context: DefectContext) => boolean

/**
 * `<code>` or `<code>:<variant>`. Those of `records.ts` concern single records and the list of batches, those of
 * `totals.ts` what a batch says of itself, those of `recurring.ts` what subscriptions bring in; each says there which
 * findings it leads to; so do those of `card-money.ts`, of cards, of `invoices.ts` and of `ach.ts`. Those of the files of innocents only look like defects, and nothing is to be found.
 */
export const DEFECTS = {
  ...RECORD_DEFECTS,
  ...TOTAL_DEFECTS,
  ...RECURRING_DEFECTS,
  ...RECURRING_INNOCENTS,
  ...CARD_MONEY_DEFECTS,
  ...CARD_MONEY_INNOCENTS,
  ...INVOICE_DEFECTS,
  ...INVOICE_INNOCENTS,
  ...ACH_DEFECTS,
  ...ACH_INNOCENTS,
} satisfies Record<string, Defect>
export type DefectName = keyof typeof DEFECTS

export interface DefectOptions {
  readonly name: DefectName
  /** Default in a scenario: 13:00 local, from the second day on one a day; with `state.apply`: now. */
  readonly at?: Instant
  /** Default: the first terminal; for a batch that stays open the last one, because it stops that terminal's series. */
  readonly terminalId?: number
}

export const isDefectName = (name: string): name is DefectName => Object.hasOwn(DEFECTS, name)

/** Every defect that a single look can show. Those left out need a look before and one after, or spoil the looking. */
export const LABELLED_DEFECTS: readonly DefectName[] = [
  'record_undecodable',
  'card_batch_total_differs:sales',
  'value_unknown',
  'card_batch_count_differs',
  'card_batch_missing',
  'card_batch_total_differs:net',
  'record_undecodable:text',
  'card_batch_currency_mixed',
  'card_batch_total_differs:refunds',
  'card_batch_number_gap',
  'value_unknown:sale',
  'card_batch_changed_after_close',
  'card_batch_total_differs:reversed',
  'record_undecodable:no-batch',
  'value_unknown:status',
  'card_batch_total_differs:refundsReversed',
  'record_undecodable:id',
  'card_batch_currency_mixed:declined',
  'card_batch_open_too_long',
]

/** Need a look before they strike and one after. */
export const CHANGE_DEFECTS: readonly DefectName[] = [
  'record_disappeared',
  'record_disappeared:list-only',
  'record_disappeared:open',
  'record_changed',
  'record_changed:status',
  'record_changed:type',
  'record_changed:currency',
  'record_changed:batch',
  'record_changed:open',
  'card_batch_changed_after_close:moves',
]

/** Of subscriptions, which a scenario must have for them to strike; each can be seen by a single look a day later. */
export const RECURRING_DEFECT_NAMES: readonly DefectName[] = [
  'charge_missing',
  'charge_missing:marked-paid',
  'charge_overdue',
  'charge_failed',
  'charge_amount_differs',
  'charge_duplicated',
  'charge_unexpected',
  'charge_unexpected:paused',
  'charge_ambiguous',
  'times_billed_differs',
  'price_differs_from_plan',
  'card_expires_before_next_charge',
]

export const RECURRING_INNOCENT_NAMES: readonly DefectName[] = [
  'innocent:twins',
  'innocent:surcharge',
  'innocent:purchase-by-hand',
  'innocent:purchase-on-another-card',
  'innocent:partial-refunds',
]

/** Of cards: refunds, reverses and repeated sales; each can be seen by a single look two days later. */
export const CARD_MONEY_DEFECT_NAMES: readonly DefectName[] = [
  'refund_without_original',
  'refund_exceeds_original',
  'reverse_without_original',
  'reverse_after_close',
  'reverse_after_close:next-batch',
  'transaction_duplicated',
]

export const CARD_MONEY_INNOCENT_NAMES: readonly DefectName[] = [
  'innocent:sold-again-after-void',
  'innocent:repeated-and-refunded',
  'innocent:repeated-later',
]

/** Of invoices, which a scenario must have for them to strike. */
export const INVOICE_DEFECT_NAMES: readonly DefectName[] = [
  'invoice_paid_without_payment',
  'invoice_payment_differs',
  'invoice_paid_twice',
  'invoice_total_differs',
  'invoice_overdue',
  'payment_without_invoice',
]

export const INVOICE_INNOCENT_NAMES: readonly DefectName[] = [
  'innocent:paid-in-parts',
  'innocent:paid-twice-and-refunded',
]

/** Of bank payments, which a scenario must have for at least a fortnight. */
export const ACH_DEFECT_NAMES: readonly DefectName[] = [
  'ach_batch_total_differs',
  'ach_batch_total_differs:count',
  'ach_returned',
  'ach_clearing_overdue',
]

export const ACH_INNOCENT_NAMES: readonly DefectName[] = ['innocent:bank-payment-rejected']

/** All that concern what money came and went, defects and innocents. */
export const MONEY_NAMES: readonly DefectName[] = [
  ...RECURRING_DEFECT_NAMES,
  ...RECURRING_INNOCENT_NAMES,
  ...CARD_MONEY_DEFECT_NAMES,
  ...CARD_MONEY_INNOCENT_NAMES,
  ...INVOICE_DEFECT_NAMES,
  ...INVOICE_INNOCENT_NAMES,
  ...ACH_DEFECT_NAMES,
  ...ACH_INNOCENT_NAMES,
]
