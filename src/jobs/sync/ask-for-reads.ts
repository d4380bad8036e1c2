import type { Tx } from '../../db/client.ts'
import { createPull, isOfCardDays, latestCompletePull, listRunningPulls, type Pull } from '../../db/pulls.ts'
import type { CallClass } from '../../domain/budget-class.ts'
import type { BusinessDate } from '../../domain/calendar.ts'
import type { Instant } from '../../domain/clock.ts'
import { isOfHistory, type PullWindow } from '../../domain/pull.ts'
import type { BatchJudgement } from '../../reconcile/card-batches.ts'
import type { RunResult } from '../../reconcile/run.ts'
import { resourceOf } from './resources.ts'

/**
 * Spends calls where they decide something: rows of batches whose figures do not agree with ours, statistics of those
 * whose rows were just read, batches and numbers that no list returned. Each is asked for once per reading of the batch
 * list, so that a batch that never stands still costs two calls a cycle and no more.
 * @returns the running pulls whose first page is to be read
 */
export async function askForReads(
  tx: Tx,
  input: { accountId: number; historyFrom: BusinessDate; result: RunResult; now: Instant },
): Promise<Pull[]> {
  const { accountId, historyFrom, result, now } = input
  if (result.undecided.length === 0 && result.unconfirmedGaps.length === 0) return []
  // While whole days are being read, most differences are rows still on their way.
  const running = await listRunningPulls(tx, accountId)
  if (running.some((pull) => isOfCardDays(pull) && isOfHistory(pull.window, historyFrom))) return []
  const list = await latestCompletePull(tx, accountId, 'card_batch')
  if (list === null) return []
  const reads = [
    ...result.undecided.flatMap((judgement) => readFor(judgement)),
    ...result.unconfirmedGaps.map(({ terminalId, batchNumber }) => ({
      resource: 'card_batch',
      window: { kind: 'batch_number', terminalId, batchNumber } as PullWindow,
      callClass: 'detail' as CallClass,
    })),
  ]
  const pulls: Pull[] = []
  for (const read of reads) {
    const { pageLimit } = resourceOf(read.resource)
    const { pull } = await createPull(tx, { accountId, cause: `list-${list.pullId}`, pageLimit, now, ...read })
    if (pull.state === 'running') pulls.push(pull)
  }
  return pulls
}

function readFor({
  cardBatchId,
  need,
}: BatchJudgement): { resource: string; window: PullWindow; callClass: CallClass }[] {
  if (need === 'rows') {
    return [{ resource: 'card_transaction', window: { kind: 'card_batch', cardBatchId }, callClass: 'fresh' }]
  }
  return need === null
    ? []
    : [{ resource: 'card_batch', window: { kind: 'one', id: cardBatchId }, callClass: 'detail' }]
}
