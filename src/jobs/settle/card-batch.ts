import type { JobContext } from '../../context.ts'
import { dateStatistics } from '../../db/batch-checks.ts'
import { copyTransaction } from '../../db/client.ts'
import { cardBatchMirror } from '../../db/mirror/card-batches.ts'
import { storeRecords } from '../../db/mirror/store-records.ts'
import { loadTerminalCurrency } from '../../db/settlement/open-batches.ts'
import type { CardBatch } from '../../domain/card-batch.ts'
import type { HelcimId } from '../../domain/record.ts'
import { cardBatchById, cardBatches, SETTLE_CARD_BATCH, settleCardBatch } from '../../helcim/endpoints/card-batches.ts'
import { HelcimError } from '../../helcim/errors.ts'
import { decodeSingle } from '../../helcim/page.ts'
import { tieNow } from '../../reconcile/tie-now.ts'
import type { Proof, SeenBatch, SettleableKind } from './batch-kind.ts'
import { readWindow } from './read-inline.ts'

export const cardBatchKind: SettleableKind = {
  list: 'card_batch',
  endpoint: SETTLE_CARD_BATCH,
  call: ({ batch }) => settleCardBatch(batch.id),
  createIdempotencyKey: () => null,
  read,
}

/** With its statistics. */
async function read(context: JobContext, cardBatchId: HelcimId): Promise<SeenBatch | null> {
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
    await storeRecords(tx, cardBatchMirror, { accountId, observedAt: readAt, storedAt: clock.now(), records })
    await dateStatistics(tx, { accountId, cardBatchIds: [cardBatchId], readAt })
  })
  const currency = await loadTerminalCurrency(db, accountId, found.record.terminalId)
  return seenOf(context, found.record, currency)
}

const seenOf = (context: JobContext, batch: CardBatch, currency: string | null): SeenBatch => ({
  terminalId: batch.terminalId,
  openedAt: batch.created.instant,
  closedAt: batch.closed.instant,
  isClosed: batch.isClosed,
  isStrictlyOpen: batch.isStrictlyOpen,
  currency,
  netMinor: batch.statistics?.amounts.net ?? null,
  countTotal: batch.statistics?.counts.total ?? null,
  prove: (cause) => prove(context, batch.cardBatchId, seenOf(context, batch, currency), cause),
})

async function prove(context: JobContext, cardBatchId: HelcimId, first: SeenBatch, cause: string): Promise<Proof> {
  const { db, account } = context
  const { accountId } = account
  const window = { kind: 'card_batch', cardBatchId } as const
  const isRead = await readWindow(context, { resource: 'card_transaction', window, cause })
  const { tie } = isRead ? await tieNow(db, { accountId, cardBatchId }) : { tie: 'waiting' as const }
  if (tie !== 'waiting') return { seen: first, tie }
  const seen = (await read(context, cardBatchId)) ?? first
  return { seen, tie: isRead ? (await tieNow(db, { accountId, cardBatchId })).tie : tie }
}
