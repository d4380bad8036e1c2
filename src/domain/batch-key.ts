import type { HelcimId } from './record.ts'

/** What can be settled, by the names that subjects of mismatches go by. */
export const BATCH_KINDS = ['card_batch', 'ach_batch'] as const
export type BatchKind = (typeof BATCH_KINDS)[number]

/** Ids are Helcim's, and those of one kind say nothing about those of the other. */
export interface BatchKey {
  readonly kind: BatchKind
  readonly id: HelcimId
}

/**
 * The batch that a row of both kinds names: one of the two ids, and the other is null.
 * @throws Error when both are null: no row is about nothing
 */
export function batchOf(ids: {
  readonly cardBatchId: HelcimId | null
  readonly achBatchId: HelcimId | null
}): BatchKey {
  const { cardBatchId, achBatchId } = ids
  if (cardBatchId !== null) return { kind: 'card_batch', id: cardBatchId }
  if (achBatchId !== null) return { kind: 'ach_batch', id: achBatchId }
  throw new Error('neither a card batch nor an ACH batch is named')
}

/** For sentences: `batch 4209764`, `ACH batch 47339`. */
export const batchName = ({ kind, id }: BatchKey): string => `${kind === 'ach_batch' ? 'ACH batch' : 'batch'} ${id}`

/** The same at the beginning of a sentence. */
export const batchTitle = (batch: BatchKey): string => batchName(batch).replace(/^b/, 'B')

/** For ids of jobs and causes of readings: `4209764`, `ach-47339`. */
export const batchSlug = ({ kind, id }: BatchKey): string => `${kind === 'ach_batch' ? 'ach-' : ''}${id}`

/** For the log. */
export const factOf = ({ kind, id }: BatchKey): Readonly<Record<string, HelcimId>> =>
  kind === 'card_batch' ? { cardBatchId: id } : { achBatchId: id }
