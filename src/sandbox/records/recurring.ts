import type { Instant } from '../../domain/clock.ts'

export interface AddOnRow {
  readonly id: bigint
  readonly createdAt: Instant
  readonly updatedAt: Instant | null
  readonly name: string
  readonly description: string
  readonly amountMinor: bigint
  readonly currency: string
  readonly frequency: 'one_time' | 'recurring'
  readonly isQuantityEditable: boolean
}

export type BillingPeriod = 'daily' | 'weekly' | 'monthly' | 'yearly'

export interface PlanRow {
  readonly id: bigint
  readonly createdAt: Instant
  readonly updatedAt: Instant | null
  readonly name: string
  readonly description: string
  /** `subscription` bills from sign-up on, `cycle` on fixed days. */
  readonly type: 'subscription' | 'cycle'
  readonly status: 'active' | 'inactive'
  readonly currency: string
  readonly terminalId: bigint
  readonly setupMinor: bigint
  readonly recurringMinor: bigint
  readonly period: BillingPeriod
  /** Periods from one charge to the next. */
  readonly increments: number
  /** `Sign-up`, `Daily`, a weekday, or a day of the month. */
  readonly billsOn: string
  readonly termType: 'forever' | 'expires'
  readonly termLength: number
  readonly freeTrialDays: number
  readonly taxType: 'no_tax' | 'customer' | 'merchant'
  readonly paymentMethod: 'card' | 'bank' | 'card_bank'
  readonly setupBilled: 'immediate' | 'first_billing'
  readonly addOnIds: readonly bigint[]
}

export type SubscriptionStatus = 'active' | 'paused' | 'cancelled' | 'term_ending' | 'term_ended'

/** One expected charge. Its row keeps id and number through all retries (API.md §8). */
export interface SubscriptionPayment {
  readonly id: bigint
  readonly number: number
  readonly status: 'waiting' | 'approved' | 'declined' | 'failed'
  /** Local date. */
  readonly dueOn: string
  readonly processedAt: Instant | null
  readonly setupMinor: bigint
  readonly recurringMinor: bigint
  readonly addOnMinor: bigint
  readonly taxMinor: bigint
  readonly countRetries: number
}

export interface SubscriptionAddOn {
  readonly addOnId: bigint
  readonly name: string
  readonly description: string
  readonly amountMinor: bigint
  readonly firstPaymentNumber: number
  /** 0 until it is charged for the first time. */
  readonly lastPaymentNumber: number
  readonly isActive: boolean
  readonly frequency: AddOnRow['frequency']
  readonly quantity: number
}

export interface SubscriptionRow {
  readonly id: bigint
  readonly createdAt: Instant
  /** The last change by a person. */
  readonly editedAt: Instant | null
  /** The last change of any kind. */
  readonly touchedAt: Instant
  /** Local dates. */
  readonly activatedOn: string
  readonly billsOn: string
  readonly status: SubscriptionStatus
  readonly planId: bigint
  readonly customerCode: string
  readonly recurringMinor: bigint
  readonly setupMinor: bigint
  readonly freeTrialDays: number
  /** 0: for ever. */
  readonly cyclesMax: number
  readonly paymentMethod: 'card' | 'bank'
  readonly payments: readonly SubscriptionPayment[]
  readonly addOns: readonly SubscriptionAddOn[]
  /** Due dates count from this one, so that a short month does not shorten those after it. */
  readonly anchorOn: string
  /** Place of `billsOn` in the series that begins with `anchorOn`. */
  readonly seriesIndex: number
  /** Added to the number of billings that is served; the lie of a defect. */
  readonly timesBilledLie?: number
}

/** What a charge takes. */
export const chargedMinor = (payment: SubscriptionPayment): bigint =>
  payment.setupMinor + payment.recurringMinor + payment.addOnMinor + payment.taxMinor

/** Helcim counts successful billings only. */
export const timesBilled = ({ payments, timesBilledLie = 0 }: SubscriptionRow): number =>
  payments.filter(({ status }) => status === 'approved').length + timesBilledLie

export const countFailed = ({ payments }: SubscriptionRow): number =>
  payments.filter(({ status }) => status === 'declined' || status === 'failed').length
