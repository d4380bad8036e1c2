import type { Instant } from '../../domain/clock.ts'

/** In the order of their codes (API.md §11): the first has the code 1. */
export const ACH_STATUSES_AUTH = ['APPROVED', 'DECLINED', 'IN_PROGRESS', 'CANCELLED', 'PENDING'] as const
export type AchStatusAuth = (typeof ACH_STATUSES_AUTH)[number]
/** The first has the code 0. */
export const ACH_STATUSES_CLEARING = ['OPENED', 'CLEARED', 'REJECTED', 'CONTESTED', 'RETURNED'] as const
export type AchStatusClearing = (typeof ACH_STATUSES_CLEARING)[number]
export const ACH_TYPES = ['WITHDRAWAL', 'DEPOSIT', 'SETTLE', 'REVERSE', 'REFUND'] as const
export type AchType = (typeof ACH_TYPES)[number]
export const ACH_CURRENCIES = ['CAD', 'USD'] as const

export interface AchTransactionRow {
  readonly id: bigint
  readonly createdAt: Instant
  readonly statusAuth: AchStatusAuth
  readonly statusClearing: AchStatusClearing
  readonly type: AchType
  /** 0n until it is approved. */
  readonly batchId: bigint
  /** The invoice's id. */
  readonly orderId: bigint
  readonly customerCode: string
  readonly invoiceNumber: string
  readonly bankAccountId: bigint
  readonly bankLastFours: bigint
  readonly amountMinor: bigint
  readonly currency: string
  readonly approvalCode: string
  readonly responseMessage: string
  /** 0n: none. */
  readonly originalId: bigint
}

export const ACH_FIGURES = ['Withdrawals', 'Deposits', 'Reversed', 'Refunded'] as const
export type AchFigure = (typeof ACH_FIGURES)[number]

export interface AchTotals {
  readonly minor: Readonly<Record<AchFigure, bigint>>
  readonly count: Readonly<Record<AchFigure, number>>
}

export interface AchBatchRow {
  readonly id: bigint
  readonly createdAt: Instant
  readonly currency: string
  readonly reference: string
  /** null while open. */
  readonly closedAt: Instant | null
  /** Added to what is served. */
  readonly lie: {
    readonly minor: Partial<Record<AchFigure, bigint>>
    readonly count: Partial<Record<AchFigure, number>>
  }
}

const FIGURE_OF: Readonly<Record<AchType, AchFigure | null>> = {
  WITHDRAWAL: 'Withdrawals',
  DEPOSIT: 'Deposits',
  REVERSE: 'Reversed',
  REFUND: 'Refunded',
  SETTLE: null,
}

/** What a batch says of its rows: each kind gross, as in the documented batch whose one withdrawal was reversed. */
export function achTotals(rows: Iterable<AchTransactionRow>): AchTotals {
  const minor = { Withdrawals: 0n, Deposits: 0n, Reversed: 0n, Refunded: 0n }
  const count = { Withdrawals: 0, Deposits: 0, Reversed: 0, Refunded: 0 }
  for (const row of rows) {
    const figure = FIGURE_OF[row.type]
    if (figure === null || row.statusAuth !== 'APPROVED') continue
    minor[figure] += row.amountMinor
    count[figure] += 1
  }
  return { minor, count }
}
