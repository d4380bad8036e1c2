import { and, asc, eq, isNull, lte, max, sql } from 'drizzle-orm'
import { type Instant, toInstant } from '../domain/clock.ts'
import type { Tx } from './client.ts'
import { dueWork } from './schema/recon.ts'

/** Work of one kind that an account's schedule planned for one instant; its row is what makes it happen once. */
export interface DueKey {
  readonly accountId: number
  readonly kind: string
  readonly plannedAt: Instant
}

export interface UnfinishedDue extends DueKey {
  /** False until some replica handed it to the queue; the queue may have lost it since. */
  readonly isEnqueued: boolean
}

/** Records that work is due; what is known already stays as it is. `plannedAts` ascends, so that replicas never deadlock. */
export async function insertDue(
  tx: Tx,
  { accountId, kind, plannedAts }: { accountId: number; kind: string; plannedAts: readonly Instant[] },
): Promise<{ countInserted: number }> {
  if (plannedAts.length === 0) return { countInserted: 0 }
  const { rowCount } = await tx.execute(sql`
    insert into recon.due_work (account_id, kind, planned_at)
    select ${accountId}::int, ${kind}::text, planned_at
    from unnest(${sql.param(plannedAts.map(toIso))}::timestamptz[]) as planned (planned_at)
    on conflict do nothing`)
  return { countInserted: rowCount ?? 0 }
}

/** The newest instant that was ever planned for this kind; null on a fresh database. */
export async function latestPlanned(tx: Tx, key: { accountId: number; kind: string }): Promise<Instant | null> {
  const [row] = await tx
    .select({ plannedAt: max(dueWork.plannedAt) })
    .from(dueWork)
    .where(and(eq(dueWork.accountId, key.accountId), eq(dueWork.kind, key.kind)))
  return row?.plannedAt ? toInstant(row.plannedAt.getTime()) : null
}

/** What is due at `now` and neither done, failed nor superseded, the oldest first. */
export async function listUnfinished(
  tx: Tx,
  { accountId, kind, now }: { accountId: number; kind: string; now: Instant },
): Promise<UnfinishedDue[]> {
  const rows = await tx
    .select({ plannedAt: dueWork.plannedAt, enqueuedAt: dueWork.enqueuedAt })
    .from(dueWork)
    .where(
      and(
        eq(dueWork.accountId, accountId),
        eq(dueWork.kind, kind),
        isNull(dueWork.finishedAt),
        lte(dueWork.plannedAt, new Date(now)),
      ),
    )
    .orderBy(asc(dueWork.plannedAt))
  return rows.map(({ plannedAt, enqueuedAt }) => ({
    accountId,
    kind,
    plannedAt: toInstant(plannedAt.getTime()),
    isEnqueued: enqueuedAt !== null,
  }))
}

/** Remembers when the queue first took it. */
export async function noteEnqueued(tx: Tx, key: DueKey, now: Instant): Promise<void> {
  await tx
    .update(dueWork)
    .set({ enqueuedAt: new Date(now) })
    .where(and(whereKey(key), isNull(dueWork.enqueuedAt)))
}

/**
 * Takes the work on. Whoever claims later takes over from whoever claimed before, because that one was killed or has
 * lost its job: only the latest claim can finish the row.
 * @returns the number of this claim, 1 for the first; null when the work is finished or superseded and must not run
 */
export async function claimDue(tx: Tx, key: DueKey, now: Instant): Promise<number | null> {
  const [row] = await tx
    .update(dueWork)
    .set({ claimedAt: new Date(now), attempts: sql`${dueWork.attempts} + 1` })
    .where(and(whereKey(key), isNull(dueWork.finishedAt)))
    .returning({ claim: dueWork.attempts })
  return row?.claim ?? null
}

/**
 * Records how the work ended.
 * @returns false when a later claim took over or the row is finished already; nothing is changed then
 */
export async function finishDue(
  tx: Tx,
  key: DueKey,
  end: { claim: number; outcome: 'done' | 'failed'; reason?: string; now: Instant },
): Promise<boolean> {
  const finished = await tx
    .update(dueWork)
    .set({ finishedAt: new Date(end.now), outcome: end.outcome, reason: end.reason ?? null })
    .where(and(whereKey(key), isNull(dueWork.finishedAt), eq(dueWork.attempts, end.claim)))
    .returning({ kind: dueWork.kind })
  return finished.length === 1
}

/**
 * Ends all unfinished work of a kind but the newest that is due. What was begun is left alone unless it was planned
 * before `abandonedBefore`: were it cut off each time the next one is due, slow work would never come to its end.
 */
export async function supersedeOlder(
  tx: Tx,
  request: { accountId: number; kind: string; now: Instant; abandonedBefore: Instant; reason: string },
): Promise<{ countSuperseded: number }> {
  const { accountId, kind, reason } = request
  const now = toIso(request.now)
  // Locked in one order and without waiting: replicas do this at the same time, and a row that is just being claimed
  // is under way.
  const { rowCount } = await tx.execute(sql`
    with older as (
      select account_id, kind, planned_at
      from recon.due_work
      where account_id = ${accountId} and kind = ${kind} and finished_at is null
        and (claimed_at is null or planned_at < ${toIso(request.abandonedBefore)}::timestamptz)
        and planned_at < (
          select max(planned_at) from recon.due_work
          where account_id = ${accountId} and kind = ${kind} and finished_at is null
            and planned_at <= ${now}::timestamptz)
      order by planned_at
      for update skip locked
    )
    update recon.due_work as due
    set finished_at = ${now}::timestamptz, outcome = 'superseded', reason = ${reason}
    from older
    where (due.account_id, due.kind, due.planned_at) = (older.account_id, older.kind, older.planned_at)`)
  return { countSuperseded: rowCount ?? 0 }
}

const whereKey = ({ accountId, kind, plannedAt }: DueKey) =>
  and(eq(dueWork.accountId, accountId), eq(dueWork.kind, kind), eq(dueWork.plannedAt, new Date(plannedAt)))

const toIso = (instant: Instant): string => new Date(instant).toISOString()
