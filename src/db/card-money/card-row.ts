import { sql } from 'drizzle-orm'
import type { CardRow } from '../../domain/card-money/rows.ts'
import { toInstant } from '../../domain/clock.ts'
import { instantOf } from '../sql-values.ts'

export type Row = Record<string, string | number | boolean | null>

const OWN_COLUMNS = `t.transaction_id, t.created_at, t.amount_minor, t.currency, t.card_number_masked, t.card_batch_id,
  t.card_holder_name, t.invoice_number, t.original_transaction_id`

/** Columns of `cardRowOf`, of `t` (a card transaction) and `b` (its batch, or nothing). */
export const cardRowColumns = sql.raw(`${OWN_COLUMNS}, case when b.is_closed then b.closed_at end as batch_closed_at`)

/** What they and `batchOfRow` are made of, with the type, for a `t` that is to be held. */
export const cardRowStored = sql.raw(`t.account_id, t.type, ${OWN_COLUMNS}`)

/** The batch of `t` as `b`. */
export const batchOfRow = sql.raw(`left join helcim.card_batches b
  on b.account_id = t.account_id and b.card_batch_id = t.card_batch_id`)

export const cardRowOf = (row: Row): CardRow => ({
  transactionId: BigInt(String(row.transaction_id)),
  createdAt: timeOf(row.created_at) ?? toInstant(0),
  amountMinor: BigInt(String(row.amount_minor)),
  cardBatchId: row.card_batch_id === null ? null : BigInt(String(row.card_batch_id)),
  batchClosedAt: timeOf(row.batch_closed_at),
  holder: row.card_holder_name === null || row.card_holder_name === '' ? null : String(row.card_holder_name),
  invoiceNumber: row.invoice_number === null || row.invoice_number === '' ? null : String(row.invoice_number),
  originalId: row.original_transaction_id === null ? null : BigInt(String(row.original_transaction_id)),
})

export const timeOf = (value: Row[string] | undefined) =>
  value === null || value === undefined ? null : instantOf(String(value))

export const textOf = (value: Row[string] | undefined): string | null =>
  value === null || value === undefined ? null : String(value)
