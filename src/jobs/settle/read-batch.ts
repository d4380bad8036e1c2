import type { JobContext } from '../../context.ts'
import { dateStatistics } from '../../db/batch-checks.ts'
import { copyTransaction } from '../../db/client.ts'
import { cardBatchMirror } from '../../db/mirror/card-batches.ts'
import { storeRecords } from '../../db/mirror/store-records.ts'
import { createPull, loadPull } from '../../db/pulls.ts'
import type { CardBatch } from '../../domain/card-batch.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { BatchReading } from '../../domain/settlement.ts'
import { cardBatchById, cardBatches } from '../../helcim/endpoints/card-batches.ts'
import { HelcimError } from '../../helcim/errors.ts'
import { decodeSingle } from '../../helcim/page.ts'
import { resourceOf } from '../sync/resources.ts'

/** Reads one batch with its statistics now, and mirrors it. Null where Helcim does not have it, or tells it illegibly. */
export async function readBatch(context: JobContext, cardBatchId: HelcimId): Promise<CardBatch | null> {
  const { helcim, clock, signal, db, account } = context
  const { accountId } = account
  const readAt = clock.now()
  const call = cardBatchById(cardBatchId, { collectStatistics: true })
  const body = await helcim.read(call, { callClass: 'settle', signal }).then(
    (answer) => answer.body,
    (error: unknown) => {
      if (error instanceof HelcimError && error.code === 'HELCIM_NOT_FOUND') return null
      throw error
    },
  )
  const { records } = await decodeSingle(cardBatches, body)
  const [found] = records
  if (!found || found.id !== cardBatchId) return null
  await copyTransaction(db, async (tx) => {
    await storeRecords(tx, cardBatchMirror, { accountId, observedAt: readAt, records })
    await dateStatistics(tx, { accountId, cardBatchIds: [cardBatchId], readAt })
  })
  return found.record
}

/** What a reading says about whether the batch is closed; a close without its date is not believed. */
export function readingOf(batch: CardBatch | null): BatchReading {
  if (batch?.isStrictlyOpen) return { kind: 'open' }
  if (batch?.isClosed && batch.closed.instant !== null) return { kind: 'closed', closedAt: batch.closed.instant }
  return { kind: 'unclear' }
}

/**
 * Reads all transactions of a batch now, page by page within this job. Should it be killed, the pull is taken up like
 * any other.
 * @returns false when they could not be read completely
 */
export async function readRows(context: JobContext, cardBatchId: HelcimId, cause: string): Promise<boolean> {
  const { db, account, clock } = context
  const { accountId } = account
  const resource = resourceOf('card_transaction')
  const { pull } = await createPull(db, {
    accountId,
    resource: resource.name,
    window: { kind: 'card_batch', cardBatchId },
    cause,
    callClass: 'settle',
    pageLimit: resource.pageLimit,
    now: clock.now(),
  })
  return readInline(context, pull)
}

/** Reads a pull to its end without the queue. Every pull ends: its pages and walks are counted. */
export async function readInline(
  context: JobContext,
  { accountId, pullId }: { accountId: number; pullId: bigint },
): Promise<boolean> {
  // What would be asked of the queue is read right here.
  const inline = { ...context, enqueue: { ...context.enqueue, pullPage: async () => {} } }
  for (;;) {
    const pull = await loadPull(context.db, { accountId, pullId })
    if (pull?.state !== 'running') return pull?.state === 'complete'
    await resourceOf(pull.resource).readPage(inline, pull)
  }
}
