import { sql } from 'drizzle-orm'
import type { BusinessDate } from '../domain/calendar.ts'
import type { HelcimId } from '../domain/record.ts'
import { MONEY_TYPES } from './batch-sums.ts'
import type { Tx } from './client.ts'
import { arrayOf } from './sql-values.ts'

const isMoney = sql.raw(`outcome = 'approved' and vanished_at is null and type in ('${MONEY_TYPES.join("', '")}')`)

export interface MoneyRow {
  readonly id: HelcimId
  readonly cardBatchId: HelcimId | null
  readonly createdOn: BusinessDate | null
  readonly currency: string
  readonly minor: bigint
}

/** Those of these transactions that are approved and moved money. */
export async function listMoneyRows(
  tx: Tx,
  { accountId, ids }: { accountId: number; ids: readonly HelcimId[] },
): Promise<MoneyRow[]> {
  if (ids.length === 0) return []
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    select transaction_id, card_batch_id, created_on::text as created_on, currency, amount_minor from helcim.card_transactions
    where account_id = ${accountId} and transaction_id = any(${arrayOf(ids)}::bigint[]) and ${isMoney}`)
  return rows.map((row) => ({
    id: BigInt(row.transaction_id ?? 0),
    cardBatchId: row.card_batch_id === null || row.card_batch_id === undefined ? null : BigInt(row.card_batch_id),
    createdOn: (row.created_on ?? null) as BusinessDate | null,
    currency: String(row.currency),
    minor: BigInt(row.amount_minor ?? 0),
  }))
}

/**
 * What the last run went by: its history, null when there was no run or it kept no evidence, and whether any bank payments
 * had been read.
 */
export async function loadLastBasis(
  tx: Tx,
  accountId: number,
): Promise<{ historyFrom: string | null; isAchReadable: boolean }> {
  const { rows } = await tx.execute<{ history_from: string | null; is_ach_readable: boolean }>(sql`
    select evidence->>'historyFrom' as history_from,
      coalesce((evidence->>'isAchReadable')::boolean, false) as is_ach_readable
    from recon.runs where account_id = ${accountId} order by run_id desc limit 1`)
  return { historyFrom: rows[0]?.history_from ?? null, isAchReadable: rows[0]?.is_ach_readable === true }
}

/** What approved transactions in no batch come to that were made since a day, by currency. */
export async function sumUnbatched(
  tx: Tx,
  { accountId, from }: { accountId: number; from: BusinessDate },
): Promise<{ currency: string; count: number; minor: bigint }[]> {
  const { rows } = await tx.execute<{ currency: string; count: string; minor: string }>(sql`
    select currency, count(*) as count, sum(amount_minor) as minor from helcim.card_transactions
    where account_id = ${accountId} and card_batch_id is null and created_on >= ${from}::date and ${isMoney} group by 1`)
  return rows.map(({ currency, count, minor }) => ({ currency, count: Number(count), minor: BigInt(minor) }))
}
