import { dateRows, dateTail } from '../../db/batch-checks.ts'
import { cardTransactionMirror } from '../../db/mirror/card-transactions.ts'
import type { CardTransaction } from '../../domain/card-transaction.ts'
import type { PullWindow } from '../../domain/pull.ts'
import type { HelcimId } from '../../domain/record.ts'
import { cardTransactionById, cardTransactions } from '../../helcim/endpoints/card-transactions.ts'
import { askedDays, isAmongAsked } from './days-window.ts'
import { proveWalk } from './prove-walk.ts'
import { defineResource } from './resource.ts'

export const cardTransactionResource = defineResource<CardTransaction>({
  name: 'card_transaction',
  endpoint: cardTransactions,
  mirror: cardTransactionMirror,
  rhythm: null,
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
    const { pull, ids, now } = end
    const { accountId, window, walkStartedAt: readFrom } = pull
    if (isOfBatch(window)) {
      const upTo = ids.reduce<HelcimId | null>((max, id) => (max === null || id > max ? id : max), null)
      await dateRows(tx, { accountId, cardBatchId: window.cardBatchId, readFrom, readUntil: now, upTo })
    } else await proveWalk(cardTransactionMirror)(tx, services, end)
  },
  async afterTail(tx, { pull: { accountId, window, walkStartedAt: readFrom } }) {
    if (isOfBatch(window)) await dateTail(tx, { accountId, cardBatchId: window.cardBatchId, readFrom })
  },
})

/** A tail that came to the end of its list has read the whole batch. */
const isOfBatch = (window: PullWindow): window is Extract<PullWindow, { readonly cardBatchId: HelcimId }> =>
  window.kind === 'card_batch' || window.kind === 'card_batch_tail'
