import type { HelcimId, HelcimTime } from './record.ts'

/** In the order of their codes, as the OpenAPI file lists the names (API.md §11). */
export const ACH_CODES = {
  /** The first is 1. */
  statusAuth: ['APPROVED', 'DECLINED', 'IN_PROGRESS', 'CANCELLED', 'PENDING'],
  /** The first is 0. Only CLEARED is money, and a return can follow days later. */
  statusClearing: ['OPENED', 'CLEARED', 'REJECTED', 'CONTESTED', 'RETURNED'],
  /** The first is 1. */
  type: ['WITHDRAWAL', 'DEPOSIT', 'SETTLE', 'REVERSE', 'REFUND'],
  /** The first is 1. */
  currency: ['CAD', 'USD'],
  /** The first is 1. */
  statusBatch: ['OPEN', 'CLOSED'],
} as const

/** Codes are kept by their names, whichever of both Helcim sent; a code that we do not know as it came. */
export interface AchTransaction {
  readonly achTransactionId: HelcimId
  readonly statusAuth: string
  readonly statusClearing: string
  readonly type: string
  readonly amountMinor: bigint
  readonly currency: string
  /** null while pending. */
  readonly achBatchId: HelcimId | null
  readonly batchStatus: string
  /** The invoice's id. */
  readonly orderId: HelcimId | null
  readonly bankAccountId: HelcimId | null
  /** Last four of the transit and last four of the account, run together. */
  readonly bankLastFours: string | null
  readonly originalTransactionId: HelcimId | null
  readonly approvalCode: string | null
  readonly responseMessage: string | null
  readonly isTest: boolean
  readonly created: HelcimTime
  readonly closed: HelcimTime
}

/**
 * A payment clears, and its batch closes, days after it was made, and returns can follow: the rows of a day are read until
 * so many days later.
 */
export const ACH_FOLLOWED_DAYS = 31

/** Whether the bank has taken back what such a payment brought. */
export const hasGoneBack = (statusClearing: string): boolean =>
  ['REJECTED', 'CONTESTED', 'RETURNED'].includes(statusClearing)

/**
 * Whether a payment's money came, or still may. What was voided in its batch keeps its status, is cleared together with its
 * reverse and leaves nothing: only the reverse, which names it, tells.
 */
export const hasCome = ({
  statusAuth,
  statusClearing,
  isVoided,
}: Pick<AchTransaction, 'statusAuth' | 'statusClearing'> & { readonly isVoided: boolean }): boolean =>
  !isVoided && !['DECLINED', 'CANCELLED'].includes(statusAuth) && !hasGoneBack(statusClearing)

/**
 * Whether the bank never let a payment pass: refused, or sent back before it had cleared. What is returned had been settled
 * by its very name, and what was cancelled or voided was somebody's will.
 */
export const hasNeverPassed = ({
  statusAuth,
  statusClearing,
  wasCleared,
}: Pick<AchTransaction, 'statusAuth' | 'statusClearing'> & { readonly wasCleared: boolean }): boolean =>
  statusAuth === 'DECLINED' || (['REJECTED', 'CONTESTED'].includes(statusClearing) && !wasCleared)

export const ACH_FIGURES = ['withdrawals', 'deposits', 'reversed', 'refunded'] as const
export type AchFigure = (typeof ACH_FIGURES)[number]

/** Names no currency. */
export interface AchBatch {
  readonly achBatchId: HelcimId
  readonly reference: string | null
  readonly status: string
  /** Helcim says so in just the documented form, and names no close. */
  readonly isStrictlyOpen: boolean
  /** Each kind gross. */
  readonly amounts: Readonly<Record<AchFigure, bigint>>
  readonly counts: Readonly<Record<AchFigure, number>>
  readonly opened: HelcimTime
  readonly closed: HelcimTime
}
