import type { JobContext } from '../../context.ts'
import { listMismatches } from '../../db/mismatches.ts'
import { type DatabaseTime, databaseTime } from '../../db/settlement/attempts.ts'
import { findObstacle, findRefusedToken } from '../../db/settlement/obstacles.ts'
import { listOpenBatches } from '../../db/settlement/open-batches.ts'
import { asDatabaseTrouble } from '../../db/trouble.ts'
import { type BatchKey, batchSlug } from '../../domain/batch-key.ts'
import type { Instant } from '../../domain/clock.ts'
import type { Severity } from '../../domain/mismatch.ts'
import { OperatingError } from '../../domain/operating-error.ts'
import {
  type BatchSituation,
  type Decision,
  decideSettlement,
  decideUnread,
  type Tie,
} from '../../domain/settlement-policy.ts'
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
  /** As read last; as mirrored where the batch could not be read, and null where it is not. */
  readonly seen: Pick<SeenBatch, 'terminalId' | 'currency' | 'netMinor' | 'countTotal'> | null
  /** Before the first reading. */
  readonly readFrom: DatabaseTime
  /** What kept it from being read, which the queue must hear of once the decision is recorded; null for nothing. */
  readonly trouble: unknown
}

/** A batch on which something falls between every two readings is read so often at most. */
const ROUNDS_MAX = 3

/**
 * Reads a batch afresh and decides. Its rows are read only where nothing else speaks against settling it; then they and
 * what Helcim states must tie out now. What cannot be read is decided about as well: a batch that nobody speaks of is
 * missed by nobody.
 * @throws only what says nothing about the batch: the process is ending, or the database is away
 */
export async function preFlight(context: JobContext, candidate: Candidate): Promise<PreFlight> {
  const readFrom = await databaseTime(context.db)
  try {
    const looked = await look(context, candidate)
    if (looked !== null) return { ...looked, readFrom, trouble: null }
    const text = 'Helcim does not return it in a form that can be read'
    return { ...(await decideWithoutReading(context, candidate, text)), readFrom, trouble: null }
  } catch (error) {
    const trouble = asDatabaseTrouble(error)
    if (context.signal.aborted || (trouble instanceof OperatingError && trouble !== error)) throw error
    // Of an error that nobody foresaw the log has the words.
    const words = error instanceof OperatingError ? error.message.replace(/\.$/, '') : 'an error of ours, see the log'
    const text = `it could not be read: ${words}`
    return { ...(await decideWithoutReading(context, candidate, text)), readFrom, trouble: error }
  }
}

/** From what the mirror knows of the batch, if it does. */
async function decideWithoutReading({ db, account, clock, settling }: JobContext, candidate: Candidate, text: string) {
  const { batch, plannedAt } = candidate
  const open = await listOpenBatches(db, { accountId: account.accountId, openedUntil: null })
  const seen = open.find((one) => one.batch.kind === batch.kind && one.batch.id === batch.id) ?? null
  const about = { kind: batch.kind, terminalId: seen?.terminalId ?? null, text }
  const occasion = { now: clock.now(), cutOffAt: plannedAt, zone: settling.zone }
  return { decision: decideUnread(settling.policy, about, occasion), seen }
}

/** @returns null where Helcim does not return the batch */
async function look(context: JobContext, candidate: Candidate): Promise<Pick<PreFlight, 'decision' | 'seen'> | null> {
  const { clock, settling } = context
  const { batch, plannedAt } = candidate
  const first = await SETTLEABLE[batch.kind].read(context, batch.id)
  if (first === null) return null
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
      return { decision: next, seen }
    }
    decision = await decide(seen, null)
  }
  return { decision, seen }
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
      (await findObstacle(db, { accountId, batch, plannedAt, waitMs: 0 })) ??
      (await findRefusedToken(db, { accountId, tokenFingerprint, endpoint })),
  }
}
