import type { JobContext } from '../../context.ts'
import { findBlock } from '../../db/accounts.ts'
import { listMismatches } from '../../db/mismatches.ts'
import { type DatabaseTime, databaseTime, findObstacle } from '../../db/settlement/attempts.ts'
import { loadTerminalCurrency } from '../../db/settlement/open-batches.ts'
import type { CardBatch } from '../../domain/card-batch.ts'
import type { Instant } from '../../domain/clock.ts'
import type { Severity } from '../../domain/mismatch.ts'
import type { HelcimId } from '../../domain/record.ts'
import { type BatchSituation, type Decision, decideSettlement } from '../../domain/settlement-policy.ts'
import { SETTLE_CARD_BATCH } from '../../helcim/endpoints/card-batches.ts'
import { holdsSettlement } from '../../reconcile/settlements.ts'
import { type TieNow, tieNow } from '../../reconcile/tie-now.ts'
import { readBatch, readRows } from './read-batch.ts'

/** Which batch, at which cut-off; null by hand. */
export interface Candidate {
  readonly cardBatchId: HelcimId
  readonly plannedAt: Instant | null
}

export interface PreFlight {
  readonly decision: Decision
  /** As read last; null where Helcim does not return the batch. */
  readonly batch: CardBatch | null
  readonly currency: string | null
  /** Before the first reading. */
  readonly readFrom: DatabaseTime
}

/** Statistics and rows of a batch on which a sale falls between every two readings are read so often at most. */
const ROUNDS_MAX = 3

/**
 * Reads a batch afresh and decides. Its rows are read only where nothing else speaks against settling it; then they and
 * the statistics must tie out now.
 */
export async function preFlight(context: JobContext, { cardBatchId, plannedAt }: Candidate): Promise<PreFlight> {
  const { db, account, clock, settling } = context
  const { accountId } = account
  const readFrom = await databaseTime(db)
  const first = await readBatch(context, cardBatchId)
  if (first === null) {
    const text = 'Helcim does not return it in a form that can be read'
    const decision: Decision = { verdict: 'hold', reasons: [{ code: 'unreadable', weight: 'hold', text }] }
    return { decision, batch: null, currency: null, readFrom }
  }
  const currency = await loadTerminalCurrency(db, accountId, first.terminalId)
  const decide = async (batch: CardBatch, tie: TieNow | null) => {
    const situation = await situationOf(context, { cardBatchId, plannedAt }, { batch, currency, tie })
    return decideSettlement(settling.policy, situation, { now: clock.now(), cutOffAt: plannedAt, zone: settling.zone })
  }
  let batch = first
  let decision = await decide(batch, null)
  for (let round = 1; round <= ROUNDS_MAX && decision.verdict === 'settle'; round += 1) {
    const cause = `settle ${cardBatchId} ${new Date(clock.now()).toISOString()} ${round}`
    const isRead = await readRows(context, cardBatchId, cause)
    let { tie } = isRead ? await tieNow(db, { accountId, cardBatchId }) : { tie: 'waiting' as const }
    if (tie === 'waiting') {
      batch = (await readBatch(context, cardBatchId)) ?? batch
      tie = isRead ? (await tieNow(db, { accountId, cardBatchId })).tie : tie
    }
    const isLast = round === ROUNDS_MAX
    const next = await decide(batch, tie)
    if (tie !== 'waiting' || isLast || next.reasons.some(({ code }) => code === 'closed')) {
      return { decision: next, batch, currency, readFrom }
    }
    decision = await decide(batch, null)
  }
  return { decision, batch, currency, readFrom }
}

async function situationOf(
  { db, account, clock, settling }: JobContext,
  { cardBatchId, plannedAt }: Candidate,
  { batch, currency, tie }: { batch: CardBatch; currency: string | null; tie: TieNow | null },
): Promise<BatchSituation> {
  const { accountId } = account
  const { tokenFingerprint } = settling
  const filter = {
    states: ['open', 'acknowledged'],
    subjectKind: 'card_batch',
    subjectId: String(cardBatchId),
  } as const
  const mismatches = await listMismatches(db, { accountId, filter, order: 'severity', now: clock.now() })
  const refusal = await findBlock(db, { accountId, tokenFingerprint, endpoint: SETTLE_CARD_BATCH })
  const notPermitted =
    refusal === null
      ? null
      : { code: 'not_permitted' as const, text: `the token may not settle${refusal === '' ? '' : `: ${refusal}`}` }
  return {
    terminalId: batch.terminalId,
    openedAt: batch.created.instant,
    isClosed: batch.isClosed,
    isStrictlyOpen: batch.isStrictlyOpen,
    currency,
    netMinor: batch.statistics?.amounts.net ?? null,
    countTotal: batch.statistics?.counts.total ?? null,
    tie,
    mismatches: mismatches
      .filter(({ code }) => holdsSettlement(code))
      .map(({ code, severity }) => ({ code, severity: severity as Severity })),
    obstacle: (await findObstacle(db, { accountId, cardBatchId, plannedAt })) ?? notPermitted,
  }
}
