import type { BusinessDate } from '../calendar.ts'
import type { Tolerance } from '../check-rules.ts'
import type { Instant } from '../clock.ts'
import type { HelcimId } from '../record.ts'
import type { FormerTerms } from './former.ts'

/** Where money of a subscription can come in. */
export type Via = 'card' | 'ach'

/** What of a plan its charges follow from. */
export interface PlanTerms {
  readonly name: string | null
  /** `subscription`: billed from sign-up on; `cycle`: on fixed days. */
  readonly type: string
  readonly currency: string
  /** A charge of this plan cannot sit in a batch of another terminal (inferred, API.md §8); null: not known. */
  readonly terminalId: HelcimId | null
  readonly recurringMinor: bigint
  readonly billingPeriod: string
  readonly billingPeriodIncrements: number
  /** `Sign-up`, `Daily`, a weekday, or a day of the month. */
  readonly billingDay: string | null
  /** The last change by a person, where Helcim tells it. */
  readonly updatedAt: Instant | null
}

/** A payment as Helcim tells it; amounts in minor units of the plan's currency. */
export interface ToldPayment {
  readonly paymentNumber: number
  readonly status: string
  readonly dueOn: BusinessDate | null
  readonly processedAt: Instant | null
  readonly amountMinor: bigint
  readonly setupMinor: bigint
  readonly recurringMinor: bigint
  readonly addOnMinor: bigint
  /** What of its add-ons is charged this one time. */
  readonly addOnOnceMinor: bigint
  readonly taxMinor: bigint
  readonly countRetries: number
}

/** A subscription with how fresh what we know of it is. */
export interface SubscriptionSide {
  readonly subscriptionId: HelcimId
  readonly status: string
  /** null while its plan is not mirrored: then it has no currency, and nothing is expected of it. */
  readonly plan: PlanTerms | null
  readonly vias: readonly Via[]
  readonly timesBilled: number
  readonly recurringMinor: bigint
  readonly setupMinor: bigint
  readonly freeTrialDays: number
  /** 0: for ever. */
  readonly cyclesMax: number
  readonly activatedOn: BusinessDate | null
  /** The next billing day. */
  readonly billingOn: BusinessDate | null
  /** The last change by a person, where Helcim tells it. */
  readonly updatedAt: Instant | null
  /** When we first saw it as it is now. */
  readonly observedAt: Instant
  /** When a complete reading first lacked it: it was deleted. */
  readonly vanishedAt: Instant | null
  /** What it was before that, the oldest first. */
  readonly former: readonly FormerTerms[]
  /** null when its payments were never read. */
  readonly payments: readonly ToldPayment[] | null
  readonly paymentsReadAt: Instant | null
}

/** A purchase by card, or a withdrawal from a bank account. */
export interface ChargeRow {
  readonly via: Via
  readonly transactionId: HelcimId
  readonly createdAt: Instant
  /** When we first saw it as it is now. */
  readonly observedAt: Instant
  /** `undone`: the bank let it pass, and it was voided or went back afterwards. It was the payment's charge, and is no money. */
  readonly outcome: 'approved' | 'undone' | 'declined'
  readonly amountMinor: bigint
  /** Surcharge and convenience fee that its invoice states: they come on top of what is owed. */
  readonly feesMinor: bigint
  /** False while its invoice was not read: then there may be fees in its amount. */
  readonly isFeeKnown: boolean
  readonly currency: string
  /** Of its batch; null where that is not known (yet). */
  readonly terminalId: HelcimId | null
  /** First six and last four; null for a bank account. */
  readonly cardNumber: string | null
  /** Entered by somebody, or paying an invoice that was there before: a hint that no billing run made it. */
  readonly isByHand: boolean
}

export interface DefaultCard {
  readonly cardNumber: string | null
  /** MMYY, as Helcim writes it. */
  readonly expiry: string | null
}

/** Everything about one customer, in any order. */
export interface CustomerSides {
  readonly customerCode: string
  readonly subscriptions: readonly SubscriptionSide[]
  readonly charges: readonly ChargeRow[]
  readonly defaultCard: DefaultCard | null
}

/** How far the account has been read; absence proves something only within it. */
export interface ReadingState {
  readonly now: Instant
  /** Payments processed before this are not held against what is mirrored. */
  readonly scopeFrom: Instant
  /** When the last complete reading of the list of subscriptions began. */
  readonly subscriptionsReadAt: Instant | null
  /** For each Mountain day when its last complete reading began; of ACH with its invoices, which name the customer. */
  readonly daysRead: Readonly<Record<Via, ReadonlyMap<BusinessDate, Instant>>>
}

/** Durations in milliseconds. The defaults suit monthly billing. */
export interface RecurringSettings {
  /** A charge stands this long before its `dateProcessed` at most: clocks that are put back repeat an hour. */
  readonly windowBeforeMs: number
  /** A charge stands this long after its `dateProcessed` at most. */
  readonly windowAfterMs: number
  /** This close to `dateProcessed` a charge is the payment's own; seconds are expected (API.md §9). */
  readonly nearMs: number
  /** Two equal charges this close together are one too many, and no second purchase. */
  readonly duplicateMs: number
  /** An equal charge until so long after a payment's processing may have been taken for it once more. */
  readonly repeatMs: number
  /** Fees add at most this share (of 1,000) to what is owed. */
  readonly feePermilleMax: number
  /** How long money may be on its way after `dateProcessed`. */
  readonly missingAfterMs: number
  /** How long after the end of its due day a payment may wait. */
  readonly overdueAfterMs: number
  /** A charge that differs by no more is the payment's own; null: none may differ. */
  readonly tolerance: Tolerance | null
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

export const DEFAULT_RECURRING_SETTINGS: RecurringSettings = {
  windowBeforeMs: 2 * HOUR_MS,
  windowAfterMs: 12 * HOUR_MS,
  nearMs: 10 * MINUTE_MS,
  duplicateMs: 10 * MINUTE_MS,
  repeatMs: 36 * HOUR_MS,
  feePermilleMax: 50,
  missingAfterMs: 24 * HOUR_MS,
  overdueAfterMs: 24 * HOUR_MS,
  tolerance: null,
}
