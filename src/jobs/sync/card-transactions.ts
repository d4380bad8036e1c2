import { dateRows } from '../../db/batch-checks.ts'
import { cardTransactionMirror } from '../../db/mirror/card-transactions.ts'
import type { CardTransaction } from '../../domain/card-transaction.ts'
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
        return cardTransactions.list({ cardBatchId: window.cardBatchId, limit, page })
      case 'one':
        return cardTransactionById(window.id)
      default:
        throw new Error(`card transactions are not read by ${window.kind}`)
    }
  },
  isInside(transaction, window) {
    if (window.kind === 'card_batch') return transaction.cardBatchId === window.cardBatchId
    if (window.kind === 'one') return transaction.transactionId === window.id
    return window.kind !== 'days' || isAmongAsked(transaction.created, window)
  },
  async afterWalk(tx, services, end) {
    const { pull, now } = end
    const { accountId, window, walkStartedAt } = pull
    if (window.kind === 'card_batch') {
      await dateRows(tx, { accountId, cardBatchId: window.cardBatchId, readFrom: walkStartedAt, readUntil: now })
    } else await proveWalk(cardTransactionMirror)(tx, services, end)
  },
})
