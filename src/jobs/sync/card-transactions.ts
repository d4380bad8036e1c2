import { dateRows, dateTail, listDaysOfLostRows } from '../../db/batch-checks.ts'
import type { Tx } from '../../db/client.ts'
import { cardTransactionMirror } from '../../db/mirror/card-transactions.ts'
import { createPull, type Pull } from '../../db/pulls.ts'
import type { BusinessDate } from '../../domain/calendar.ts'
import type { CardTransaction } from '../../domain/card-transaction.ts'
import type { PullWindow } from '../../domain/pull.ts'
import type { HelcimId } from '../../domain/record.ts'
import { cardTransactionById, cardTransactions } from '../../helcim/endpoints/card-transactions.ts'
import { askedDays, isAmongAsked } from './days-window.ts'
import { proveWalk } from './prove-walk.ts'
import { defineResource, type WalkEnd } from './resource.ts'

export const cardTransactionResource = defineResource<CardTransaction>({
  name: 'card_transaction',
  endpoint: cardTransactions,
  mirror: cardTransactionMirror,
  pageLimit: 1_000,
  call(window, { limit, page }) {
    switch (window.kind) {
      case 'days': {
        const { from: dateFrom, to: dateTo } = askedDays(window)
        return cardTransactions.list({ dateFrom, dateTo, limit, page })
      }
      case 'card_batch':
      case 'card_batch_tail':
        return cardTransactions.list({ cardBatchId: window.cardBatchId, limit, page })
      case 'one':
        return cardTransactionById(window.id)
      default:
        throw new Error(`card transactions are not read by ${window.kind}`)
    }
  },
  isInside(transaction, window) {
    if (isOfBatch(window)) return transaction.cardBatchId === window.cardBatchId
    if (window.kind === 'one') return transaction.transactionId === window.id
    return window.kind !== 'days' || isAmongAsked(transaction.created, window)
  },
  async afterWalk(tx, services, end) {
    const { pull, ids, mayHoldOthers, now } = end
    const { accountId, window, walkStartedAt: readFrom } = pull
    if (!isOfBatch(window)) return proveWalk(cardTransactionMirror)(tx, services, end)
    const { cardBatchId } = window
    const lost = { accountId, cardBatchId, seenIds: ids, readFrom }
    const days = mayHoldOthers ? [] : await listDaysOfLostRows(tx, lost)
    // That they are not in the batch any more proves neither that they are gone nor where they are: their days do.
    if (days.length > 0) return askForLostRows(tx, end, days)
    const upTo = ids.reduce<HelcimId | null>((max, id) => (max === null || id > max ? id : max), null)
    await dateRows(tx, { accountId, cardBatchId, readFrom, readUntil: now, upTo })
    return []
  },
  async afterTail(tx, { pull: { accountId, window, walkStartedAt: readFrom } }) {
    if (isOfBatch(window)) await dateTail(tx, { accountId, cardBatchId: window.cardBatchId, readFrom })
  },
})

async function askForLostRows(tx: Tx, { pull, now }: WalkEnd, days: readonly BusinessDate[]): Promise<Pull[]> {
  const { accountId, resource, callClass, pageLimit, pullId } = pull
  const asked = { accountId, resource, callClass, pageLimit, cause: `lost by ${pullId}`, now }
  const pulls: Pull[] = []
  for (const day of days)
    pulls.push((await createPull(tx, { ...asked, window: { kind: 'days', from: day, to: day } })).pull)
  return pulls
}

/** A tail that came to the end of its list has read the whole batch. */
const isOfBatch = (window: PullWindow): window is Extract<PullWindow, { readonly cardBatchId: HelcimId }> =>
  window.kind === 'card_batch' || window.kind === 'card_batch_tail'
