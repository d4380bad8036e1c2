import { sql } from 'drizzle-orm'
import type { CallClass } from '../domain/budget-class.ts'
import { type CallLimits, canWait, closedForMs, decideCall, foreignCalls, limitHit } from '../domain/call-budget.ts'
import type { Clock } from '../domain/clock.ts'
import { OperatingError } from '../domain/operating-error.ts'
import type { CallEnd, CallPermits, Permit, PermitRequest } from '../domain/permits.ts'
import { registerHolder, shortenLeasesOfTheDead } from './call-budget/holders.ts'
import { interval } from './call-budget/interval.ts'
import { closeAccount, countUnauthorized, findKnown, forgetTrouble, observeForeign } from './call-budget/lessons.ts'
import { countUsage, untilExpired } from './call-budget/usage.ts'
import type { Db, Tx } from './client.ts'

export interface CallBudgetOptions {
  readonly db: Db
  readonly accountId: number
  /** Names this process in the audit log. */
  readonly holder: string
  readonly limits: CallLimits
  /** Only its rate matters: windows shrink with it. The time itself is Postgres' own, the same for all replicas. */
  readonly clock: Clock
  /** From 0 to 1. */
  readonly random?: () => number
  /** Longest wait in place; beyond it the job goes back to the queue. Real milliseconds. */
  readonly patienceMs?: number
  /** How long Helcim may go on working on a call that we gave up. Real milliseconds. */
  readonly drainMs?: number
}

/**
 * Helcim's limits, kept by one row per call in Postgres under a lock on the account's row. A call counts in a window
 * from its permit until its release + window, because it may reach Helcim at any time in between; one that was never
 * released counts from its deadline. Kill any process at any point: its slot frees after deadline + drain by itself.
 */
export function createCallBudget(options: CallBudgetOptions): CallPermits {
  const { db, accountId, clock, limits } = options
  const patienceMs = options.patienceMs ?? 2_000
  const drainMs = options.drainMs ?? 10_000
  const random = options.random ?? Math.random
  const minuteMs = clock.realMs(60_000)
  const hourMs = clock.realMs(3_600_000)

  /** In this process. They share out their looks, so that a crowd costs Postgres no more than one would. */
  const countWaiting: Record<CallClass, number> = { settle: 0, fresh: 0, detail: 0, backfill: 0 }

  let holder: Promise<bigint | null> | undefined
  let nextLookAt = 0

  return { take }

  async function take(request: PermitRequest): Promise<Permit> {
    const startedAt = performance.now()
    const holderId = await whoAmI()
    for (let isWaiting = false; ; isWaiting = true) {
      // Taken before Postgres' own clock is read, so our deadline is never later than the one in the row.
      const deadlineAt = performance.now() + request.deadlineMs
      const attempt = await tryTake({ ...request, holderId }, isWaiting)
      if (attempt.kind === 'permit') return createPermit(attempt.callId, deadlineAt)
      const waitedMs = performance.now() - startedAt
      if (waitedMs + attempt.delayMs > patienceMs || request.signal?.aborted) {
        throw new OperatingError('BUDGET_WAIT', `no call left: ${attempt.reason}`, {
          retry: { kind: 'after', delayMs: attempt.delayMs * clock.rate },
        })
      }
      countWaiting[request.callClass] += 1
      try {
        await Promise.all([sleepReal(attempt.delayMs, request.signal), attempt.isForSlot && lookForTheDead()])
      } finally {
        countWaiting[request.callClass] -= 1
      }
    }
  }

  /** Who waits looks without the lock first: a crowd that queued for it to be refused would hold up who may call. */
  async function tryTake(request: HeldRequest, isWaiting: boolean): Promise<Taken | Refusal> {
    const refusal = isWaiting ? await findRefusal(db, request.callClass) : null
    if (refusal) return refusal
    return db.transaction(async (tx) => {
      if (canWait(request.callClass)) await queueForLock(tx, accountId)
      await lockBudget(tx, accountId)
      const refusal = await findRefusal(tx, request.callClass)
      return refusal ?? { kind: 'permit', callId: await insertCall(tx, options, request, drainMs) }
    })
  }

  /** Asked once; a failure is forgotten, so that the next call asks again. */
  function whoAmI(): Promise<bigint | null> {
    holder ??= registerHolder(db, accountId).catch((error: unknown) => {
      holder = undefined
      throw error
    })
    return holder
  }

  /** Slots may be held by the calls of a process that was killed. */
  async function lookForTheDead(): Promise<void> {
    const now = performance.now()
    if (now < nextLookAt) return
    nextLookAt = now + LOOK_FOR_DEAD_MS
    await shortenLeasesOfTheDead(db, { accountId, drainMs })
  }

  /** Binding only under the lock. @throws OperatingError when the account has been stopped */
  async function findRefusal(tx: Tx, callClass: CallClass): Promise<Refusal | null> {
    const usage = await countUsage(tx, accountId, minuteMs, hourMs)
    if (usage.stopReason !== null) {
      throw new OperatingError('ACCOUNT_STOPPED', usage.stopReason, { retry: { kind: 'never' } })
    }
    if (usage.closedMs > 0) {
      return {
        kind: 'wait',
        delayMs: usage.closedMs,
        reason: usage.closedReason ?? 'closed after a 429',
        isForSlot: false,
      }
    }
    const decision = decideCall(usage, limits, callClass, minuteMs)
    if (decision.kind === 'permit') return null
    const crowd = 1 + countWaiting[callClass]
    if (decision.kind === 'wait-slot') {
      // Nobody knows when an answer comes; looking again is cheap and settle must not lose 50 ms.
      return { kind: 'wait', delayMs: (10 + random() * 15) * crowd, reason: 'all slots are busy', isForSlot: true }
    }
    const windowMs = decision.window === 'minute' ? minuteMs : hourMs
    const expiring = Math.min(usage[decision.window], decision.expiring + Math.floor(random() * crowd))
    const delayMs = await untilExpired(tx, accountId, expiring, windowMs)
    const reason = `the ${decision.window}'s share is used up`
    return { kind: 'wait', delayMs: delayMs + random() * 5, reason, isForSlot: false }
  }

  function createPermit(callId: bigint, deadlineAt: number): Permit {
    let isReleased = false
    return {
      deadlineAt,
      async release(end) {
        if (isReleased) throw new Error('a permit was released twice')
        isReleased = true
        // What it teaches goes first: whoever gets the slot must know of a 429 or of a dead token. Neither takes the
        // lock, so that no answer queues behind those who ask: an end only ever frees, and whoever counts meanwhile
        // sees the call as still running.
        if (end.kind === 'answered') await learn(callId, end)
        await endCall(db, callId, end)
      },
    }
  }

  /** An answered or unsent call frees its slot now; an aborted one only after a drain, and counts from its deadline. */
  async function endCall(tx: Tx, callId: bigint, end: CallEnd): Promise<void> {
    const isAborted = end.kind === 'aborted'
    await tx.execute(sql`
      update recon.calls set
        released_at = clock_timestamp(),
        occupied_until = ${isAborted ? sql`clock_timestamp() + ${interval(drainMs)}` : sql`clock_timestamp()`},
        counted_from = ${isAborted ? sql`greatest(clock_timestamp(), deadline_at)` : end.kind === 'unsent' ? sql`'-infinity'` : sql`clock_timestamp()`},
        end_kind = ${end.kind}, status = ${end.status}, duration_ms = ${Math.round(end.durationMs)}
      where account_id = ${accountId} and call_id = ${callId}`)
  }

  /** What an answer teaches about the limits; see DESIGN.md §4 "Answers teach". Most teach nothing new. */
  async function learn(callId: bigint, end: CallEnd): Promise<void> {
    const known = await findKnown(db, accountId, callId, minuteMs)
    const hit = end.status === 429 ? limitHit(end.minuteRemaining, end.hourRemaining) : null
    const minuteRemaining = end.minuteRemaining ?? (hit === 'minute' ? 0 : null)
    const foreign = minuteRemaining === null ? null : foreignCalls(limits.minute, minuteRemaining, known.ownCallsAtMost)
    const isTrouble = hit !== null || end.isUnauthorized
    if (!isTrouble && !known.isTrouble && (foreign === null || (foreign === 0 && known.foreign === 0))) return
    await db.transaction(async (tx) => {
      if (end.isUnauthorized) await countUnauthorized(tx, accountId)
      if (foreign !== null) await observeForeign(tx, accountId, foreign, minuteMs)
      if (hit !== null) {
        const pauseMs = end.retryAfterMs === null ? null : clock.realMs(end.retryAfterMs)
        await closeAccount(tx, accountId, hit, (count) => pauseMs ?? clock.realMs(closedForMs(hit, count, random())))
      } else if (!end.isUnauthorized) {
        await forgetTrouble(tx, accountId)
      }
    })
  }
}

type Taken = { readonly kind: 'permit'; readonly callId: bigint }

/** `delayMs`: real milliseconds until it is worth asking again. */
interface Refusal {
  readonly kind: 'wait'
  readonly delayMs: number
  readonly reason: string
  /** It waits for a call in progress to end. */
  readonly isForSlot: boolean
}

interface HeldRequest extends PermitRequest {
  /** The process in `call_holders`. */
  readonly holderId: bigint | null
}

/** How often a process that waits for a slot looks whether the holders of slots still live. Real milliseconds. */
const LOOK_FOR_DEAD_MS = 2_000

/** The first key of the advisory locks in which what can wait queues up; the second one is the account. */
const QUEUE_LOCK = 7_246_002

/**
 * What can wait queues here and not at the account's row, until its transaction ends: so an urgent call has one of them
 * in front of it at most, however many there are. A queue of Postgres' own wakes the next one without a pause; skipping
 * the locked row and asking again was tried and halved what four processes got done.
 */
async function queueForLock(tx: Tx, accountId: number): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${QUEUE_LOCK}::int, ${accountId}::int)`)
}

async function lockBudget(tx: Tx, accountId: number): Promise<void> {
  await tx.execute(sql`select from recon.budgets where account_id = ${accountId} for update`)
}

async function insertCall(
  tx: Tx,
  { accountId, holder }: CallBudgetOptions,
  { callClass, endpoint, deadlineMs, holderId }: HeldRequest,
  drainMs: number,
): Promise<bigint> {
  const { rows } = await tx.execute<{ call_id: string }>(sql`
    with present as materialized (select clock_timestamp() as now)
    insert into recon.calls
      (account_id, call_class, endpoint, holder, holder_id, permitted_at, deadline_at, occupied_until, counted_from)
    select ${accountId}, ${callClass}, ${endpoint}, ${holder}, ${holderId}::bigint, now,
      now + ${interval(deadlineMs)}, now + ${interval(deadlineMs + drainMs)}, now + ${interval(deadlineMs)}
    from present
    returning call_id`)
  const [row] = rows
  if (!row) throw new Error('a permit was not written')
  return BigInt(row.call_id)
}

/** Waiting for a permit is real time: the limits' windows are already in it. */
function sleepReal(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const timer = setTimeout(finish, durationMs)
    signal?.addEventListener('abort', finish, { once: true })
  })
}
