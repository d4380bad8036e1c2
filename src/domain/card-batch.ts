import type { HelcimId, HelcimTime } from './record.ts'

/** The five amounts that Helcim states about a batch, in minor units. */
export const BATCH_AMOUNTS = ['net', 'sales', 'refunds', 'reversed', 'refundsReversed'] as const
/** The three counts that Helcim states about a batch. */
export const BATCH_COUNTS = ['total', 'approved', 'declined'] as const

/** Amounts in minor units of the batch's currency, which is its terminal's: a batch states none (API.md §6). */
export type BatchAmounts = Readonly<Record<(typeof BATCH_AMOUNTS)[number], bigint>>
export type BatchCounts = Readonly<Record<(typeof BATCH_COUNTS)[number], number>>

/** Present only when read with `collect-stats=true`. */
export interface BatchStatistics {
  readonly amounts: BatchAmounts
  readonly counts: BatchCounts
}

export interface CardBatch {
  readonly cardBatchId: HelcimId
  readonly created: HelcimTime
  readonly updated: HelcimTime
  /** `instant` null while open (Helcim writes the zero date). */
  readonly closed: HelcimTime
  /** `true` in any spelling; settling asks for a strict `false`, which is `isStrictlyOpen`. */
  readonly isClosed: boolean
  readonly isStrictlyOpen: boolean
  readonly terminalId: HelcimId
  /** Counter per terminal, not the id. */
  readonly batchNumber: bigint
  readonly statistics: BatchStatistics | null
}
