import { locateTransactions } from '../db/card-money/cards.ts'
import type { ChangedRows } from '../db/card-money/changed-rows.ts'
import { loadReverseGroups } from '../db/card-money/reverses.ts'
import type { Tx } from '../db/client.ts'
import type { ReverseKinds } from '../db/movements/reverse-kinds.ts'
import type { RunAgenda } from '../db/run-agenda.ts'
import { judgeReverses } from '../domain/card-money/reverses.ts'
import type { Finding, MismatchCode } from '../domain/mismatch.ts'
import type { HelcimId } from '../domain/record.ts'
import type { BatchJudgement } from './card-batches.ts'
import { wordReverse } from './card-money-findings.ts'
import { type FamilyResult, roundsOf } from './family.ts'
import type { CardMoneySettings } from './settings.ts'

const CODES = ['reverse_without_original', 'reverse_after_close'] as const satisfies readonly MismatchCode[]
const BATCHES_PER_ROUND = 500

/**
 * Family F, reverses: of the judged batches that may have changed, because what a reverse voided is solved within its
 * batch and needs its rows read. Reverses of batches that wait keep what was said of them.
 * @param input `changed`: what may have to be said otherwise than before; null for everything
 */
export async function reconcileReverses(
  tx: Tx,
  input: {
    accountId: number
    agenda: RunAgenda
    judgements: readonly BatchJudgement[]
    changed: ChangedRows | null
    reverseKinds: ReverseKinds
    settings: CardMoneySettings
  },
): Promise<FamilyResult> {
  const { accountId, agenda, judgements, reverseKinds, settings } = input
  const changed = input.changed === null ? null : new Set(input.changed.batchIds)
  const waiting = new Set(judgements.filter(({ state }) => state === 'waiting').map(({ cardBatchId }) => cardBatchId))
  const located = (await locateTransactions(tx, { accountId, ids: agenda.said(CODES).map(BigInt) })).filter(
    ({ cardBatchId, isProved }) => cardBatchId === null || (isProved && !waiting.has(cardBatchId)),
  )
  const toJudge = new Set<HelcimId>([
    ...judgements
      .filter(({ state }) => state === 'tied' || state === 'differs')
      .map(({ cardBatchId }) => cardBatchId)
      .filter((id) => changed === null || changed.has(id)),
    ...located.flatMap(({ cardBatchId }) => cardBatchId ?? []),
  ])
  const findings: Finding[] = []
  const roots = new Set(located.map(({ id }) => String(id)))
  for (const round of roundsOf([...toJudge], BATCHES_PER_ROUND)) {
    const groups = await loadReverseGroups(tx, {
      accountId,
      cardBatchIds: round,
      settledWithinMs: settings.settledWithinMs,
      reverseKinds,
    })
    for (const group of groups) {
      const found = judgeReverses(group)
      const foundIds = new Set(found.map(({ reverse }) => reverse.transactionId))
      for (const { transactionId, isToCome } of group.reverses) {
        // Neither found nor resolved until Helcim's figures have caught up with it.
        if (isToCome && !foundIds.has(transactionId)) roots.delete(String(transactionId))
        else roots.add(String(transactionId))
      }
      findings.push(...found.map((one) => wordReverse(one, group)))
    }
  }
  return { findings, examined: [{ codes: CODES, subjectRoots: [...roots] }], waitingIds: [] }
}
