import { type Column, type GetColumnData, getTableColumns, type SQL, sql } from 'drizzle-orm'
import { unionAll } from 'drizzle-orm/pg-core'
import type { BatchKey } from '../../domain/batch-key.ts'
import type { Tx } from '../client.ts'
import {
  achSettlementAttempts,
  achSettlementDecisions,
  settlementAttempts,
  settlementDecisions,
} from '../schema/settlement.ts'

/**
 * Each kind of batch has tables of its own: a version from before ACH was settled reads and writes those of cards, and
 * would not understand other rows in them. Who changes an attempt does so where it is; who reads takes both as one.
 */
export const ATTEMPTS = { card_batch: settlementAttempts, ach_batch: achSettlementAttempts } as const

/** Attempts at batches of both kinds, called `attempts`. What one kind does not have is null in its rows. */
export function everyAttempt(tx: Tx) {
  const { cardBatchId, terminalId, ...ofCard } = getTableColumns(settlementAttempts)
  const { achBatchId, idempotencyKey, ...ofAch } = getTableColumns(achSettlementAttempts)
  const card = {
    ...ofCard,
    cardBatchId: own(cardBatchId),
    terminalId: own(terminalId),
    achBatchId: none(achBatchId),
    idempotencyKey: none(idempotencyKey),
  }
  const ach = {
    ...ofAch,
    cardBatchId: none(cardBatchId),
    terminalId: none(terminalId),
    achBatchId: own(achBatchId),
    idempotencyKey: own(idempotencyKey),
  }
  return unionAll(tx.select(card).from(settlementAttempts), tx.select(ach).from(achSettlementAttempts)).as('attempts')
}

/** The terminal in decisions about a card batch that could not be read. */
export const TERMINAL_UNREAD = 0n

/** Decisions about batches of both kinds, called `decisions`. */
export function everyDecision(tx: Tx) {
  const { cardBatchId, terminalId, ...ofCard } = getTableColumns(settlementDecisions)
  const { achBatchId, ...ofAch } = getTableColumns(achSettlementDecisions)
  const card = {
    ...ofCard,
    cardBatchId: own(cardBatchId),
    terminalId: own(terminalId, sql`nullif(${terminalId}, ${TERMINAL_UNREAD})`),
    achBatchId: none(achBatchId),
  }
  const ach = {
    ...ofAch,
    cardBatchId: none(cardBatchId),
    terminalId: none(terminalId),
    achBatchId: own(achBatchId),
  }
  return unionAll(tx.select(card).from(settlementDecisions), tx.select(ach).from(achSettlementDecisions)).as(
    'decisions',
  )
}

/** Rows about this batch, of its kind or of both. */
export const isOfBatch = ({ kind, id }: BatchKey): SQL => sql`${sql.identifier(`${kind}_id`)} = ${id}`

/** Raw queries give ids and amounts as text. */
export const idOrNull = (text: string | null | undefined): bigint | null =>
  text === null || text === undefined ? null : BigInt(text)

const own = <C extends Column>(column: C, value: SQL = sql`${column}`) =>
  sql<GetColumnData<C> | null>`${value}`.mapWith(column).as(column.name)

const none = <C extends Column>(column: C) => own(column, sql`null::${sql.raw(column.getSQLType())}`)
