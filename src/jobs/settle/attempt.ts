import type { JobContext } from '../../context.ts'
import { blockEndpoint } from '../../db/accounts.ts'
import {
  type Attempt,
  type AttemptKey,
  beginAttempt,
  claimCall,
  finishAttempt,
  isQuiet,
  loadAttempt,
  noteAnswer,
  withdrawIntent,
} from '../../db/settlement/attempts.ts'
import { recordDecision } from '../../db/settlement/decisions.ts'
import { isAutomaticClose } from '../../domain/automatic-close.ts'
import { batchSlug, factOf } from '../../domain/batch-key.ts'
import { businessDateOf } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import { OperatingError } from '../../domain/operating-error.ts'
import { lookAgainAfterMs, resolveAttempt } from '../../domain/settlement.ts'
import { cutOffKindOf } from '../../domain/settlement-cut-offs.ts'
import { type Decision, termsOf } from '../../domain/settlement-policy.ts'
import { readingOf } from './batch-kind.ts'
import { SETTLEABLE } from './batch-kinds.ts'
import { type Candidate, preFlight } from './pre-flight.ts'

export interface Settlement {
  readonly decision: Decision
  /** Null where nothing was attempted. */
  readonly attempt: Attempt | null
}

/**
 * Settles one batch, or says why not: pre-flight, decision and intent in one commit, one call at most, and a reading of
 * what came of it. What is not certain then is read again by a job, which is asked for. A batch that could not be read is
 * held, and what kept it from being read is thrown once that is recorded, so that the queue tries again.
 * @param candidate `actor`: the person who asks; null for the schedule
 */
export async function settleOne(
  context: JobContext,
  candidate: Candidate & { readonly actor: string | null },
): Promise<Settlement> {
  const { db, account, clock, settling, enqueue, log } = context
  const { accountId } = account
  const { batch, plannedAt, actor } = candidate
  const { decision, seen, readFrom, trouble } = await preFlight(context, candidate)
  const { mode } = settling.policy
  const now = clock.now()
  const about = {
    accountId,
    batch,
    terminalId: seen?.terminalId ?? null,
    businessDate: businessDateOf(plannedAt ?? now, settling.zone),
    plannedAt,
    currency: seen?.currency ?? null,
    netMinor: seen?.netMinor ?? null,
    countTotal: seen?.countTotal ?? null,
    now,
  }
  const attempt = await db.transaction(async (tx) => {
    await recordDecision(tx, { ...about, ...decision, mode })
    if (decision.verdict !== 'settle' || mode !== 'on') return null
    const idempotencyKey = SETTLEABLE[batch.kind].createIdempotencyKey()
    return beginAttempt(tx, { ...about, actor, readFrom, idempotencyKey })
  })
  const reasons = decision.reasons.map(({ code }) => code)
  log.info({ ...factOf(batch), verdict: decision.verdict, mode, reasons }, 'settlement.decided')
  if (attempt === null) {
    // What is held too long is told by the next judgement.
    if (decision.verdict === 'hold') await askForJudgement(context, `held-${batchSlug(batch)}`)
    if (trouble !== null) throw trouble
    return { decision, attempt: null }
  }
  await callOnce(context, attempt)
  const looked = await readBack(context, attempt)
  if (looked.finishedAt === null) {
    await enqueue.confirmAttempt({ attempt: looked, delayMs: lookAgainAfterMs(0) })
  }
  return { decision, attempt: looked }
}

/** Makes the one call of an attempt, if it is still ours to make, and notes its answer. */
async function callOnce(context: JobContext, attempt: Attempt): Promise<void> {
  const { db, account, clock, settling, signal, log } = context
  const { accountId } = account
  let isClaimed = false
  let lastAt = toInstant(0)
  try {
    const call = SETTLEABLE[attempt.batch.kind].call(attempt)
    const answer = await settling.helcim.settle(call, {
      signal,
      async claim(leftMs) {
        const now = clock.now()
        lastAt = toInstant(now + leftMs * clock.rate)
        isClaimed = await claimCall(db, attempt, { leftMs, drainMs: settling.drainMs, now })
        return isClaimed
      },
      // Neither by the monotonic clock, which the client asks, nor by that on the wall is it too late.
      mayBeSent: () => clock.now() <= lastAt,
    })
    if (!isClaimed) return
    const { outcome, status, words } = answer
    if (answer.isNotPermitted) {
      const { tokenFingerprint } = settling
      await blockEndpoint(db, { accountId, tokenFingerprint, endpoint: call.name, words })
    }
    await noteAnswer(db, attempt, answer)
    log.info({ attemptId: attempt.attemptId, ...factOf(attempt.batch), outcome, status }, 'settlement.called')
  } catch (error) {
    // Before the claim nothing is sent; after it this changes nothing, and only reading tells.
    const words = error instanceof OperatingError ? error.message : 'no call could be made'
    await withdrawIntent(db, attempt, { isOurs: true, words, now: clock.now() })
    throw error
  }
}

/**
 * Reads the batch of an attempt and ends the attempt where that is certain. It sends nothing but readings, however often
 * it runs and in however many processes.
 * @returns the attempt as it stands now
 */
export async function readBack(context: JobContext, key: AttemptKey): Promise<Attempt> {
  const { db, clock, settling } = context
  const attempt = await reload(context, key)
  if (attempt.finishedAt !== null) return attempt
  if (attempt.state === 'intended') {
    const words = 'no call was made: the process that meant to is gone'
    await withdrawIntent(db, attempt, { isOurs: false, words, now: clock.now() })
    return afterLook(context, key)
  }
  // Asked before the batch is read: a reading that began earlier proves nothing.
  const isOver = await isQuiet(db, key, 0)
  const { kind, id } = attempt.batch
  const seen = await SETTLEABLE[kind].read(context, id)
  const { helcimClosesAt } = termsOf(settling.policy, { kind, terminalId: attempt.terminalId })
  const resolution = resolveAttempt(attempt, readingOf(seen), {
    isQuiet: isOver,
    isCloseAutomatic: (at: Instant) => isAutomaticClose(helcimClosesAt, at),
  })
  if (resolution.state !== 'unknown') await finishAttempt(db, attempt, resolution, clock.now())
  return afterLook(context, key)
}

/** Tells of an attempt that has ended. That one is uncertain for too long is told by the judgement. */
async function afterLook(context: JobContext, key: AttemptKey): Promise<Attempt> {
  const { enqueue, settling, log } = context
  const attempt = await reload(context, key)
  const { accountId, attemptId, batch, state, plannedAt, words, closedBy } = attempt
  await askForJudgement(context, `attempt-${attemptId}`)
  if (attempt.finishedAt === null) return attempt
  const facts = { attemptId, ...factOf(batch), state, ...(closedBy && { closedBy }), ...(words && { words }) }
  if (state === 'confirmed') log.info(facts, 'batch.settled')
  else if (state === 'refused') log.error(facts, 'settlement.refused')
  else log.warn(facts, 'settlement.ended')
  if (plannedAt !== null) {
    const kind = cutOffKindOf(settling.policy, { kind: batch.kind, terminalId: attempt.terminalId })
    await enqueue.due({ accountId, kind, plannedAt })
  }
  return attempt
}

const askForJudgement = ({ enqueue, account }: JobContext, cause: string): Promise<void> =>
  enqueue.reconcile({ accountId: account.accountId, scope: 'marked', cause })

async function reload({ db }: JobContext, key: AttemptKey): Promise<Attempt> {
  const attempt = await loadAttempt(db, key)
  if (attempt === null) throw new Error(`attempt ${key.attemptId} is gone; none is ever deleted`)
  return attempt
}
