import { z } from 'zod'
import type { JobContext } from '../../context.ts'
import { claimDue, type DueKey, finishDue, isUnfinished } from '../../db/due-work.ts'
import { type Attempt, type AttemptKey, listAttempts } from '../../db/settlement/attempts.ts'
import { listDecisions } from '../../db/settlement/decisions.ts'
import { listOpenBatches } from '../../db/settlement/open-batches.ts'
import type { BatchKey } from '../../domain/batch-key.ts'
import { addDays, businessDateOf, startOfDay } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import { OperatingError } from '../../domain/operating-error.ts'
import { lookAgainAfterMs } from '../../domain/settlement.ts'
import { cutOffKindOf, cutOffsOf, isSettleKind, SETTLE_KIND } from '../../domain/settlement-cut-offs.ts'
import type { Decision } from '../../domain/settlement-policy.ts'
import { defineJob } from '../define-job.ts'
import { askForList } from '../sync/ask-for-lists.ts'
import { causeOf } from '../sync/cause.ts'
import { readBack, settleOne } from './attempt.ts'
import { SETTLEABLE } from './batch-kinds.ts'
import { readInline } from './read-inline.ts'

const instant = z
  .number()
  .int()
  .transform((ms) => toInstant(ms))
const id = z.string().regex(/^\d+$/).transform(BigInt)

/** What holds a batch may pass: it is looked at again after so long. */
const HELD_RETRY_MS = 5 * 60_000
/** A cut-off is looked after until its local day is over, and for so long in any case. */
const CUT_OFF_MS_MIN = 3_600_000

/** A job of a version before there were several kinds names none. */
const kind = z.string().refine(isSettleKind).default(SETTLE_KIND)
const duePayload = z.object({ accountId: z.number().int(), kind, plannedAt: instant })

/**
 * A cut-off: reads which batches are open, and has each that goes by it and was open by then looked at. Its row ends once
 * each is settled, refused or left alone by the policy; until then it comes back each minute and looks after those held.
 */
export const settleDue = defineJob<JobContext>()({
  name: 'settle-due',
  decodePayload: (value) => duePayload.parse(value),
  lanes: ({ accountId }) => [{ key: `${accountId}-settle-due`, cap: 1 }],
  async run(key, context) {
    const { db, clock, settling, enqueue } = context
    const { accountId, plannedAt } = key
    const claim = await claimDue(db, key, clock.now())
    if (claim === null) return
    const fail = (reason: string) => finishDue(db, key, { claim, outcome: 'failed', reason, now: clock.now() })
    if (settling.policy.mode === 'off') return void (await fail('settling is switched off'))
    if (clock.now() >= endOf(plannedAt, settling.zone)) return void (await fail('the day of its cut-off was over'))
    const ask = { accountId, cause: causeOf(key), now: clock.now() }
    const { policy } = settling
    const batchKinds = cutOffsOf(policy).find(({ kind }) => kind === key.kind)?.batchKinds
    if (batchKinds === undefined) return void (await fail('nothing is settled by these cut-offs any more'))
    let isListed = true
    for (const kind of batchKinds) {
      const list = await askForList(db, ask, SETTLEABLE[kind].list, 'settle')
      if (!(await readInline(context, list))) isListed = false
    }
    const steps: Step[] = []
    for (const { batch, terminalId } of await listOpenBatches(db, { accountId, openedUntil: plannedAt })) {
      const { kind } = batch
      if (!batchKinds.includes(kind) || cutOffKindOf(policy, { kind, terminalId }) !== key.kind) continue
      const step = await nextStep(context, batch, plannedAt)
      steps.push(step)
      if (step.kind === 'look') await enqueue.settleBatch({ ...key, batch })
      if (step.kind === 'confirm') await enqueue.confirmAttempt({ attempt: step.attempt, delayMs: 0 })
    }
    if (steps.some(({ kind }) => kind !== 'done')) return
    if (!isListed) return void (await fail('the list of batches could not be read'))
    await finishDue(db, key, { claim, outcome: 'done', now: clock.now() })
  },
})

type Step = { readonly kind: 'done' | 'look' | 'wait' } | { readonly kind: 'confirm'; readonly attempt: Attempt }

/** What is next for an open batch at a cut-off. */
async function nextStep({ db, account, clock }: JobContext, batch: BatchKey, plannedAt: Instant): Promise<Step> {
  const { accountId } = account
  const attempts = await listAttempts(db, { accountId, batch, limit: 10 })
  const unfinished = attempts.find(({ finishedAt }) => finishedAt === null)
  if (unfinished) return { kind: 'confirm', attempt: unfinished }
  const [attempt] = attempts.filter((one) => one.plannedAt === plannedAt)
  if (attempt && attempt.state !== 'not_taken') return { kind: 'done' }
  const decisions = await listDecisions(db, { accountId, batch, limit: 10 })
  const decision = decisions.find((one) => one.plannedAt === plannedAt)
  switch (decision?.verdict) {
    case 'skip':
      return { kind: 'done' }
    case 'settle':
      return { kind: decision.mode === 'on' ? 'look' : 'done' }
    case 'hold':
      return { kind: isUnread(decision) || clock.now() - decision.lastAt >= HELD_RETRY_MS ? 'look' : 'wait' }
    default:
      return { kind: 'look' }
  }
}

/** It waits for nothing that would have to pass first: the job itself tries again, and each minute's sweep after it. */
const isUnread = ({ reasons }: Decision): boolean => reasons.some(({ code }) => code === 'unreadable')

const cardBatchPayload = duePayload.extend({ cardBatchId: id })
const achBatchPayload = duePayload.extend({ achBatchId: id })

/**
 * Looks at one batch for its cut-off. Run twice or at once it settles once: attempts are unique while unfinished.
 *
 * Each kind of batch has jobs of its own names: a version from before ACH was settled, at the same queue, leaves those it
 * does not know to the newer one.
 */
export const settleBatch = defineJob<JobContext>()({
  name: 'settle-batch',
  decodePayload: (value) => cardBatchPayload.parse(value),
  lanes: ({ accountId, cardBatchId }) => [{ key: `${accountId}-settle-${cardBatchId}`, cap: 1 }],
  run: ({ cardBatchId, ...payload }, context) =>
    lookAtBatch({ ...payload, batch: { kind: 'card_batch', id: cardBatchId } }, context),
})

export const settleAchBatch = defineJob<JobContext>()({
  name: 'settle-ach-batch',
  decodePayload: (value) => achBatchPayload.parse(value),
  lanes: ({ accountId, achBatchId }) => [{ key: `${accountId}-settle-ach-${achBatchId}`, cap: 1 }],
  run: ({ achBatchId, ...payload }, context) =>
    lookAtBatch({ ...payload, batch: { kind: 'ach_batch', id: achBatchId } }, context),
})

async function lookAtBatch(
  { batch, ...key }: DueKey & { readonly batch: BatchKey },
  context: JobContext,
): Promise<void> {
  const { db, clock, settling, enqueue } = context
  const { plannedAt } = key
  // One that has ended, by a change of the schedule as well, is nobody's wish any more.
  if (!(await isUnfinished(db, key))) return
  const isOver = clock.now() >= endOf(plannedAt, settling.zone)
  if (isOver || settling.policy.mode === 'off') return
  const step = await nextStep(context, batch, plannedAt)
  if (step.kind === 'look') await settleOne(context, { batch, plannedAt, actor: null })
  await enqueue.due(key)
}

const confirmPayload = z.object({ accountId: z.number().int(), attemptId: id })

const confirmJob = <const Name extends string>(name: Name) =>
  defineJob<JobContext>()({
    name,
    decodePayload: (value) => confirmPayload.parse(value),
    lanes: ({ accountId, attemptId }) => [{ key: `${accountId}-confirm-${attemptId}`, cap: 1 }],
    run: confirm,
  })

/** Reads what came of an attempt, until that is certain. */
export const confirmAttempt = confirmJob('confirm-attempt')
export const confirmAchAttempt = confirmJob('confirm-ach-attempt')

async function confirm({ accountId, attemptId }: AttemptKey, context: JobContext): Promise<void> {
  const attempt = await readBack(context, { accountId, attemptId }).catch(async (error: unknown) => {
    // With an account that is stopped nothing can be read; each minute's sweep asks again.
    const isHopeless = error instanceof OperatingError && error.retry.kind === 'never'
    if (!isHopeless) throw error
    context.log.warn({ err: error, attemptId }, 'settlement.unreadable')
    await context.enqueue.reconcile({ accountId, scope: 'marked', cause: `attempt-${attemptId}` })
    return null
  })
  if (attempt === null || attempt.finishedAt !== null) return
  const delayMs = lookAgainAfterMs(context.clock.now() - (attempt.calledAt ?? attempt.intendedAt))
  throw new OperatingError('SETTLEMENT_UNCERTAIN', `what came of attempt ${attemptId} is not certain yet`, {
    retry: { kind: 'after', delayMs },
  })
}

/** When a cut-off is not looked after any more. */
function endOf(plannedAt: Instant, zone: string): Instant {
  const midnight = startOfDay(addDays(businessDateOf(plannedAt, zone), 1), zone)
  return toInstant(Math.max(midnight, plannedAt + CUT_OFF_MS_MIN))
}
