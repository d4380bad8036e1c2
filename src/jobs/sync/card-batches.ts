import { dateStatistics, noteMissingBatch } from '../../db/batch-checks.ts'
import { markVanished } from '../../db/coverage.ts'
import { cardBatchMirror } from '../../db/mirror/card-batches.ts'
import { cardBatchById, cardBatches } from '../../helcim/endpoints/card-batches.ts'
import { askForUnlisted } from './ask-for-unlisted.ts'
import { defineResource } from './resource.ts'

/** Batches always come with statistics: one call tells whether any of them needs reading. */
export const cardBatchResource = defineResource({
  name: 'card_batch',
  endpoint: cardBatches,
  mirror: cardBatchMirror,
  pageLimit: 1_000,
  call(window) {
    switch (window.kind) {
      case 'all':
        return cardBatches.list({ collectStatistics: true })
      case 'one':
        return cardBatchById(window.id, { collectStatistics: true })
      case 'batch_number':
        return cardBatches.list({
          collectStatistics: true,
          terminalId: window.terminalId,
          batchNumber: window.batchNumber,
        })
      default:
        throw new Error(`card batches are not read by ${window.kind}`)
    }
  },
  isInside: (batch, window) =>
    window.kind === 'batch_number'
      ? batch.terminalId === window.terminalId && batch.batchNumber === window.batchNumber
      : window.kind !== 'one' || batch.cardBatchId === window.id,
  afterPage: (tx, { accountId, ids, readAt }) => dateStatistics(tx, { accountId, cardBatchIds: ids, readAt }),
  afterWalk: async (tx, _services, end) => (end.pull.window.kind === 'all' ? askForUnlisted(tx, end) : []),
  async afterMissing(tx, { pull, id, now }) {
    const { accountId, window, walkStartedAt: readAt } = pull
    const countVanished = await markVanished(tx, cardBatchMirror, { accountId, window, seenIds: [], readAt, now })
    if (countVanished === 0) await noteMissingBatch(tx, { accountId, cardBatchId: id })
  },
})
