import type { Tx } from '../../db/client.ts'
import { storeOrder } from '../../db/list-orders.ts'
import { createPull, finishPull, type Pull } from '../../db/pulls.ts'
import type { Instant } from '../../domain/clock.ts'
import type { CardBatchTail, ListOrder } from '../../domain/pull.ts'
import { ORDER_ROWS_MIN } from '../../domain/tail.ts'

/** The list of a batch's rows, of which orders are learned: no other is read by its tail. */
export const BATCH_ROWS = { resource: 'card_transaction', windowKind: 'card_batch' } as const

/** Learns from walks over a whole batch, and forgets at the first page that contradicts it. */
export async function noteOrder(
  tx: Tx,
  { accountId, resource, window, firstPage, nextPage }: Pull,
  seen: { order: ListOrder | null; isWhole: boolean; countIds: number; largestPage: number; now: Instant },
): Promise<void> {
  if (window.kind !== 'card_batch' && window.kind !== 'card_batch_tail') return
  const { order: listOrder, isWhole, countIds, largestPage, now } = seen
  const isLearned = isWhole && countIds >= ORDER_ROWS_MIN
  if (listOrder === null || !(listOrder === 'none' || isLearned)) return
  const pageSize = nextPage > firstPage ? largestPage : null
  await storeOrder(tx, { accountId, resource, windowKind: BATCH_ROWS.windowKind }, { listOrder, pageSize, now })
}

/** Ends a tail that showed nothing, and asks for the whole batch in its place. */
export async function wholeInstead(tx: Tx, tail: Pull, { cardBatchId }: CardBatchTail, now: Instant): Promise<Pull> {
  const { accountId, resource, cause, callClass, pageLimit } = tail
  await finishPull(tx, tail, { state: 'split', now })
  const window = { kind: 'card_batch' as const, cardBatchId }
  return (await createPull(tx, { accountId, resource, window, cause, callClass, pageLimit, now })).pull
}
