import type { JobContext } from '../../context.ts'
import { listMismatches } from '../../db/mismatches.ts'
import { type DatabaseTime, databaseTime } from '../../db/settlement/attempts.ts'
import { findObstacle, findRefusedToken } from '../../db/settlement/obstacles.ts'
import { type BatchKey, batchSlug } from '../../domain/batch-key.ts'
import type { Instant } from '../../domain/clock.ts'
import type { Severity } from '../../domain/mismatch.ts'
import { type BatchSituation, type Decision, decideSettlement, type Tie } from '../../domain/settlement-policy.ts'
import { holdsSettlement } from '../../reconcile/settlements.ts'
import type { SeenBatch } from './batch-kind.ts'
import { SETTLEABLE } from './batch-kinds.ts'

/** Which batch, at which cut-off; null by hand. */
export interface Candidate {
  readonly batch: BatchKey
  readonly plannedAt: Instant | null
}

export interface PreFlight {
  readonly decision: Decision
  /** As read last; null where Helcim does not return the batch. */
  readonly seen: SeenBatch | null
  /** Before the first reading. */
  readonly readFrom: DatabaseTime
}

/** A batch on which something falls between every two readings is read so often at most. */
const ROUNDS_MAX = 3

/**
 * Reads a batch afresh and decides. Its rows are read only where nothing else speaks against settling it; then they and
 * what Helcim states must tie out now.
 */
export async function preFlight(context: JobContext, candidate: Candidate): Promise<PreFlight> {
  const { db, clock, settling } = context
  const { batch, plannedAt } = candidate
  const readFrom = await databaseTime(db)
  const first = await SETTLEABLE[batch.kind].read(context, batch.id)
  if (first === null) {
    const text = 'Helcim does not return it in a form that can be read'
    const decision: Decision = { verdict: 'hold', reasons: [{ code: 'unreadable', weight: 'hold', text }] }
    return { decision, seen: null, readFrom }
  }
  const decide = async (seen: SeenBatch, tie: Tie | null) => {
    const situation = await situationOf(context, candidate, { seen, tie })
    return decideSettlement(settling.policy, situation, { now: clock.now(), cutOffAt: plannedAt, zone: settling.zone })
  }
  let seen = first
  let decision = await decide(seen, null)
  for (let round = 1; round <= ROUNDS_MAX && decision.verdict === 'settle'; round += 1) {
    const proof = await seen.prove(`settle ${batchSlug(batch)} ${new Date(clock.now()).toISOString()} ${round}`)
    seen = proof.seen
    const isLast = round === ROUNDS_MAX
    const next = await decide(seen, proof.tie)
    if (proof.tie !== 'waiting' || isLast || next.reasons.some(({ code }) => code === 'closed')) {
      return { decision: next, seen, readFrom }
    }
    decision = await decide(seen, null)
  }
  return { decision, seen, readFrom }
}

async function situationOf(
  { db, account, clock, settling }: JobContext,
  { batch, plannedAt }: Candidate,
  { seen, tie }: { seen: SeenBatch; tie: Tie | null },
): Promise<BatchSituation> {
  const { accountId } = account
  const { tokenFingerprint } = settling
  const filter = {
    states: ['open', 'acknowledged'],
    subjectKind: batch.kind,
    subjectId: String(batch.id),
  } as const
  const mismatches = await listMismatches(db, { accountId, filter, order: 'severity', now: clock.now() })
  const { endpoint } = SETTLEABLE[batch.kind]
  return {
    ...seen,
    kind: batch.kind,
    tie,
    mismatches: mismatches
      .filter(({ code }) => holdsSettlement(code))
      .map(({ code, severity }) => ({ code, severity: severity as Severity })),
    obstacle:
      (await findObstacle(db, { accountId, batch, plannedAt })) ??
      (await findRefusedToken(db, { accountId, tokenFingerprint, endpoint })),
  }
}
