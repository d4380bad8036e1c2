import { dateRows } from '../../db/batch-checks.ts'
import { coverDays, markVanished } from '../../db/coverage.ts'
import { cardTransactionMirror } from '../../db/mirror/card-transactions.ts'
import { addDays, type BusinessDate } from '../../domain/calendar.ts'
import type { CardTransaction } from '../../domain/card-transaction.ts'
import { cardTransactionById, cardTransactions } from '../../helcim/endpoints/card-transactions.ts'
import { defineResource } from './resource.ts'

/**
 * A day more on either side is asked for: whether `dateTo` includes its day is not documented, nor is the zone beyond
 * doubt (API.md §4). Ids are unique, so overlap costs nothing.
 */
const MARGIN_DAYS = 1

export const cardTransactionResource = defineResource<CardTransaction>({
  name: 'card_transaction',
  endpoint: cardTransactions,
  mirror: cardTransactionMirror,
  pageLimit: 1_000,
  call(window, { limit, page }) {
    switch (window.kind) {
      case 'days':
        return cardTransactions.list({
          dateFrom: addDays(window.from, -MARGIN_DAYS),
          dateTo: addDays(window.to, MARGIN_DAYS),
          limit,
          page,
        })
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
    if (window.kind !== 'days' || transaction.created.instant === null) return true
    const day = transaction.created.text.slice(0, 10) as BusinessDate
    // Dates that Helcim cuts in another zone than it writes may lie one day further out.
    return addDays(window.from, -MARGIN_DAYS - 1) <= day && day <= addDays(window.to, MARGIN_DAYS + 1)
  },
  async afterWalk(tx, _services, { pull, ids, now }) {
    const { accountId, pullId, window, walkStartedAt } = pull
    if (window.kind === 'card_batch') {
      await dateRows(tx, { accountId, cardBatchId: window.cardBatchId, readFrom: walkStartedAt, readUntil: now })
    }
    if (window.kind !== 'days') return
    const { from, to } = window
    await markVanished(tx, cardTransactionMirror, { accountId, from, to, seenIds: ids, readAt: walkStartedAt, now })
    await coverDays(tx, { accountId, resource: 'card_transaction', from, to, readAt: walkStartedAt, pullId })
  },
})
