import { sql } from 'drizzle-orm'
import type { AchRow } from '../../domain/ach-tie-out.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Tx } from '../client.ts'

/** The rows of an ACH batch as they are mirrored, oldest first, whatever came of them. */
export async function loadAchRows(
  tx: Tx,
  { accountId, achBatchId }: { accountId: number; achBatchId: HelcimId },
): Promise<AchRow[]> {
  const { rows } = await tx.execute<{
    id: string
    type: string
    status_auth: string
    amount_minor: string
    currency: string
    original_type: string | null
  }>(sql`
    select t.ach_transaction_id as id, t.type, t.status_auth, t.amount_minor, t.currency, o.type as original_type
    from helcim.ach_transactions t
    left join helcim.ach_transactions o
      on o.account_id = t.account_id and o.ach_transaction_id = t.original_transaction_id
    where t.account_id = ${accountId} and t.ach_batch_id = ${achBatchId} and t.vanished_at is null
    order by t.ach_transaction_id`)
  return rows.map((row) => ({
    id: BigInt(row.id),
    type: row.type,
    statusAuth: row.status_auth,
    amountMinor: BigInt(row.amount_minor),
    currency: row.currency,
    originalType: row.original_type,
  }))
}
