import type { Tx } from '../../db/client.ts'
import { loadOrder, loadTailStarts } from '../../db/list-orders.ts'
import { createPull, isOfCardDays, latestCompletePull, listRunningPulls, type Pull } from '../../db/pulls.ts'
import type { CallClass } from '../../domain/budget-class.ts'
import type { BusinessDate } from '../../domain/calendar.ts'
import type { Instant } from '../../domain/clock.ts'
import { isOfHistory, type PullWindow } from '../../domain/pull.ts'
import { type KnownOrder, tailOf } from '../../domain/tail.ts'
import type { BatchJudgement } from '../../reconcile/card-batches.ts'
import type { RunResult } from '../../reconcile/run.ts'
import { BATCH_ROWS } from './list-order.ts'
import { resourceOf } from './resources.ts'

/**
 * Spends calls where they decide something: rows of batches whose figures do not agree with ours, statistics of those
 * whose rows were just read, batches and numbers that the list did not return. Each is asked for once per reading of the batch
 * list (statistics once more where the rows that they are to bracket were read after them), so that a batch that never stands still costs a few calls a cycle and no more.
 * @returns the running pulls whose first page is to be read
 */
export async function askForReads(
  tx: Tx,
  input: { accountId: number; historyFrom: BusinessDate; result: RunResult; now: Instant },
): Promise<Pull[]> {
  const { accountId, historyFrom, result, now } = input
  if (result.undecided.length === 0 && result.unconfirmedGaps.length === 0) return []
  const list = await latestCompletePull(tx, accountId, 'card_batch')
  if (list === null) return []
  const asked: Read[] = [
    ...(await readsOfBatches(tx, accountId, result.undecided)),
    ...result.unconfirmedGaps.map(
      ({ terminalId, batchNumber }): Read => ({
        resource: 'card_batch',
        window: { kind: 'batch_number', terminalId, batchNumber },
        callClass: 'detail',
      }),
    ),
  ]
  // While whole days are being read, most differences are rows still on their way; what is new today is not among them.
  const running = await listRunningPulls(tx, accountId)
  const isReadingDays = running.some((pull) => isOfCardDays(pull) && isOfHistory(pull.window, historyFrom))
  const pulls: Pull[] = []
  for (const read of asked) {
    if (isReadingDays && read.window.kind !== 'card_batch_tail') continue
    const { pageLimit } = resourceOf(read.resource)
    const { wantedSince, ...asking } = read
    const cause = `list-${list.pullId}`
    const asks = { accountId, cause, pageLimit, now, ...asking }
    const first = (await createPull(tx, asks)).pull
    const isEarly = wantedSince !== undefined && first.state === 'complete' && first.walkStartedAt < wantedSince
    const pull = isEarly ? (await createPull(tx, { ...asks, cause: `${cause} again` })).pull : first
    if (pull.state === 'running') pulls.push(pull)
  }
  return pulls
}

interface Read {
  readonly resource: string
  readonly window: PullWindow
  readonly callClass: CallClass
  readonly listOrder?: KnownOrder
  /** Of statistics: since when the rows stand that they are to bracket. */
  readonly wantedSince?: Instant
}

async function readsOfBatches(tx: Tx, accountId: number, undecided: readonly BatchJudgement[]): Promise<Read[]> {
  const cardBatchIds = undecided.filter(({ need }) => need === 'new_rows').map(({ cardBatchId }) => cardBatchId)
  const order = await loadOrder(tx, { accountId, ...BATCH_ROWS })
  const starts = order === null ? new Map() : await loadTailStarts(tx, { accountId, cardBatchIds })
  const { resource } = BATCH_ROWS
  const { pageLimit } = resourceOf(resource)
  return undecided.flatMap(({ cardBatchId, need, rowsStoodFrom }): Read[] => {
    if (need === null) return []
    if (need === 'batch' || need === 'statistics') {
      const one = { resource: 'card_batch', window: { kind: 'one', id: cardBatchId }, callClass: 'detail' } as const
      return [need === 'statistics' && rowsStoodFrom !== null ? { ...one, wantedSince: rowsStoodFrom } : one]
    }
    const start = need === 'new_rows' ? starts.get(cardBatchId) : undefined
    const tail = order && start ? tailOf(cardBatchId, order, start, pageLimit) : null
    return [{ resource, callClass: 'fresh', ...(tail ?? { window: { kind: 'card_batch', cardBatchId } }) }]
  })
}
