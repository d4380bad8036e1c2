import type { BusinessDate } from './calendar.ts'
import type { HelcimId, HelcimTime } from './record.ts'

/** A day as Helcim writes it, with or without a time behind it; null: none. */
export interface HelcimDay {
  readonly text: string
  readonly day: BusinessDate | null
}

export interface PaymentPlan {
  readonly paymentPlanId: HelcimId
  readonly name: string | null
  readonly description: string | null
  /** `subscription`: billed from sign-up on; `cycle`: on fixed days. */
  readonly type: string
  readonly status: string
  readonly currency: string
  /** Where its charges land (inferred, API.md §8). */
  readonly cardTerminalId: HelcimId | null
  readonly setupMinor: bigint | null
  readonly recurringMinor: bigint
  readonly billingPeriod: string
  /** Periods from one charge to the next. */
  readonly billingPeriodIncrements: number | null
  /** `Sign-up`, `Daily`, a weekday, or a day of the month. */
  readonly billingDay: string | null
  readonly termType: string | null
  readonly termLength: number | null
  readonly freeTrialDays: number | null
  readonly taxType: string | null
  readonly paymentMethod: string | null
  readonly created: HelcimTime
  readonly updated: HelcimTime
}

/** Names no currency; it is that of the plans that use it. */
export interface AddOn {
  readonly addOnId: HelcimId
  readonly name: string | null
  readonly description: string | null
  readonly amountMinor: bigint
  readonly frequency: string
  readonly isQuantityEditable: boolean
  readonly created: HelcimTime
  readonly updated: HelcimTime
}

/** `term_ending` still runs, `term_ended` does not (API.md §8); the list is open. */
export const SUBSCRIPTION_STATUSES = ['active', 'paused', 'cancelled', 'term_ending', 'term_ended'] as const
/** Those that may be charged again. */
export const RUNNING_SUBSCRIPTION_STATUSES = ['active', 'paused', 'term_ending'] as const

/** A subscription as lists show it. Names no currency; it is that of its plan. */
export interface Subscription {
  readonly subscriptionId: HelcimId
  readonly status: string
  readonly paymentPlanId: HelcimId
  readonly customerCode: string
  /** Successful billings only. */
  readonly timesBilled: number
  readonly recurringMinor: bigint
  readonly setupMinor: bigint | null
  readonly freeTrialDays: number | null
  readonly cyclesMax: number | null
  readonly hasFailedPayments: boolean
  readonly paymentMethod: string | null
  readonly activated: HelcimDay
  /** The next billing day. */
  readonly billing: HelcimDay
  readonly created: HelcimTime
  readonly updated: HelcimTime
}

export const SUBSCRIPTION_PAYMENT_STATUSES = ['waiting', 'approved', 'declined', 'failed'] as const

/** One expected charge. The parts need not add up to the amount (API.md §8). */
export interface SubscriptionPayment {
  readonly paymentId: HelcimId
  /** 1, 2, …: the cycle. */
  readonly paymentNumber: number
  readonly status: string
  readonly due: HelcimDay
  readonly processed: HelcimTime
  readonly amountMinor: bigint
  readonly setupMinor: bigint | null
  readonly recurringMinor: bigint | null
  readonly addOnMinor: bigint | null
  readonly taxMinor: bigint | null
  readonly countRetries: number | null
}

export interface SubscriptionAddOn {
  readonly addOnId: HelcimId
  readonly name: string | null
  readonly description: string | null
  readonly amountMinor: bigint
  readonly frequency: string | null
  readonly quantity: string | null
  readonly isActive: boolean
  readonly firstPaymentNumber: number | null
  readonly lastPaymentNumber: number | null
}

/** What only a subscription asked for with its sub-objects shows. */
export interface SubscriptionDetail {
  readonly subscriptionId: HelcimId
  readonly payments: readonly SubscriptionPayment[]
  /** null when the answer does not speak of add-ons. */
  readonly addOns: readonly SubscriptionAddOn[] | null
}
