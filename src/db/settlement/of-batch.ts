import { eq, type SQL, sql } from 'drizzle-orm'
import type { BatchKey, BatchKind } from '../../domain/batch-key.ts'
import type { settlementAttempts, settlementDecisions } from '../schema/settlement.ts'

const COLUMNS: Readonly<Record<BatchKind, string>> = { card_batch: 'card_batch_id', ach_batch: 'ach_batch_id' }

/** Rows about this batch. */
export const isOfBatch = (table: typeof settlementAttempts | typeof settlementDecisions, { kind, id }: BatchKey): SQL =>
  eq(kind === 'card_batch' ? table.cardBatchId : table.achBatchId, id)

/** The same for a row that a statement calls `alias`. */
export const namesBatch = (alias: string, { kind, id }: BatchKey): SQL =>
  sql`${sql.identifier(alias)}.${sql.identifier(COLUMNS[kind])} = ${id}`

/** Raw queries give ids and amounts as text. */
export const idOrNull = (text: string | null | undefined): bigint | null =>
  text === null || text === undefined ? null : BigInt(text)
