import { sql } from 'drizzle-orm'
import type { HelcimId } from '../../domain/record.ts'
import type { Tx } from '../client.ts'
import { reversesOfBatches, reversesSql } from './reverses.ts'

/** By reverse, of the given batches at least: what it voided, see `reversesSql`; null where nothing tells. */
export type ReverseKinds = (cardBatchIds: readonly HelcimId[]) => Promise<ReadonlyMap<HelcimId, string | null>>

/** Each batch is read once, however often it is asked for: within one transaction that changes nothing of them. */
export function createReverseKinds(tx: Tx, accountId: number): ReverseKinds {
  const readIds = new Set<HelcimId>()
  const kinds = new Map<HelcimId, string | null>()
  return async (cardBatchIds) => {
    const unread = [...new Set(cardBatchIds)].filter((id) => !readIds.has(id))
    if (unread.length > 0) {
      const { rows } = await tx.execute<{ transaction_id: string; kind: string | null }>(
        sql.raw(`${reversesSql(accountId, reversesOfBatches(unread))} select transaction_id, kind from reverse_kinds`),
      )
      for (const id of unread) readIds.add(id)
      for (const { transaction_id, kind } of rows) kinds.set(BigInt(transaction_id), kind)
    }
    return kinds
  }
}
