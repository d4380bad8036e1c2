import { sql } from 'drizzle-orm'
import type { Void } from '../../domain/card-money/rows.ts'
import { toInstant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import { type Row, textOf, timeOf } from '../card-money/card-row.ts'
import type { Tx } from '../client.ts'
import { reversesOfBatches, reversesSql } from './reverses.ts'

/** A reverse of a batch, and what it voided: see `reversesSql`. */
export interface ReverseKind extends Void {
  readonly transactionId: HelcimId
  readonly cardNumber: string | null
  readonly currency: string
}

/** The reverses of the given batches, by batch and in each ascending by id. */
export type ReverseKinds = (cardBatchIds: readonly HelcimId[]) => Promise<readonly ReverseKind[]>

/** Each batch is solved once, however often it is asked for: within one transaction that changes nothing of them. */
export function createReverseKinds(tx: Tx, accountId: number): ReverseKinds {
  const byBatch = new Map<HelcimId, ReverseKind[]>()
  return async (cardBatchIds) => {
    const asked = [...new Set(cardBatchIds)].toSorted((a, b) => Number(a - b))
    const unread = asked.filter((id) => !byBatch.has(id))
    for (const one of await listReverseKinds(tx, accountId, unread)) {
      const ofBatch = byBatch.get(one.cardBatchId)
      if (ofBatch) ofBatch.push(one)
      else byBatch.set(one.cardBatchId, [one])
    }
    for (const id of unread) if (!byBatch.has(id)) byBatch.set(id, [])
    return asked.flatMap((id) => byBatch.get(id) ?? [])
  }
}

async function listReverseKinds(tx: Tx, accountId: number, cardBatchIds: readonly HelcimId[]): Promise<ReverseKind[]> {
  if (cardBatchIds.length === 0) return []
  const { rows } = await tx.execute<Row>(sql`
    ${sql.raw(reversesSql(accountId, reversesOfBatches(cardBatchIds)))}
    select k.transaction_id, k.kind, k.is_to_come, t.card_number_masked, t.currency, t.card_batch_id, t.amount_minor,
      t.created_at, t.invoice_number
    from reverse_kinds k
    join helcim.card_transactions t on t.account_id = k.account_id and t.transaction_id = k.transaction_id
    order by t.transaction_id`)
  return rows.map((row) => ({
    transactionId: BigInt(String(row.transaction_id)),
    cardNumber: textOf(row.card_number_masked),
    currency: String(row.currency),
    cardBatchId: BigInt(String(row.card_batch_id)),
    amountMinor: BigInt(String(row.amount_minor)),
    createdAt: timeOf(row.created_at) ?? toInstant(0),
    invoiceNumber: textOf(row.invoice_number) || null,
    kind: textOf(row.kind) as Void['kind'],
    isToCome: row.is_to_come === true,
  }))
}
