import { and, eq, isNull, sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { Tx } from './client.ts'
import { dueWork } from './schema/recon.ts'
import { instantOf } from './sql-values.ts'

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

/** How the work of one kind stands. */
export interface DueState {
  /** The newest instant that was ever planned; null on a fresh database. */
  readonly latestPlanned: Instant | null
  /** What is due and neither done, failed nor superseded, the oldest first. */
  readonly unfinished: readonly UnfinishedDue[]
}

/**
 * How an account's work of several kinds stands at `now`, in one statement: it is asked each minute, and mostly nothing
 * is due.
 */
export async function loadDueStates(
  tx: Tx,
  { accountId, kinds, now }: { accountId: number; kinds: readonly string[]; now: Instant },
): Promise<ReadonlyMap<string, DueState>> {
  const { rows } = await tx.execute<{
    kind: string
    latest_planned: string | null
    planned_at: string | null
    is_enqueued: boolean
  }>(sql`
    select wanted.kind, latest.planned_at as latest_planned, due.planned_at, due.enqueued_at is not null as is_enqueued
    from unnest(${sql.param(kinds)}::text[]) as wanted (kind)
    left join lateral (
      select max(planned_at) as planned_at from recon.due_work
      where account_id = ${accountId} and kind = wanted.kind) as latest on true
    left join recon.due_work as due
      on due.account_id = ${accountId} and due.kind = wanted.kind and due.finished_at is null
      and due.planned_at <= ${toIso(now)}::timestamptz
    order by due.planned_at`)
  return new Map(
    kinds.map((kind) => {
      const own = rows.filter((row) => row.kind === kind)
      const unfinished = own.flatMap((row) => {
        const plannedAt = instantOf(row.planned_at)
        return plannedAt === null ? [] : [{ accountId, kind, plannedAt, isEnqueued: row.is_enqueued }]
      })
      return [kind, { latestPlanned: instantOf(own[0]?.latest_planned), unfinished }]
    }),
  )
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
 * Ends what is unfinished of a kind and needless: all but the newest that is due, and whatever was due by `changedAt`, when
 * its schedule became another; null for never. Of the former, what was begun is left alone unless it was planned before
 * `abandonedBefore`: were it cut off each time the next one is due, slow work would never come to its end.
 */
export async function supersede(
  tx: Tx,
  request: { accountId: number; kind: string; now: Instant; abandonedBefore: Instant; changedAt: Instant | null },
): Promise<{ countSuperseded: number }> {
  const { accountId, kind } = request
  const now = toIso(request.now)
  const changedAt = request.changedAt === null ? '-infinity' : toIso(request.changedAt)
  const isOfBefore = sql`planned_at <= ${changedAt}::timestamptz`
  // Locked in one order and without waiting: replicas do this at the same time, and a row that is just being claimed
  // is under way.
  const { rowCount } = await tx.execute(sql`
    with needless as (
      select account_id, kind, planned_at,
        case when ${isOfBefore} then 'its schedule was changed after it' else 'a later one was due as well' end as reason
      from recon.due_work
      where account_id = ${accountId} and kind = ${kind} and finished_at is null
        and (${isOfBefore} or (claimed_at is null or planned_at < ${toIso(request.abandonedBefore)}::timestamptz)
          and planned_at < (
            select max(planned_at) from recon.due_work
            where account_id = ${accountId} and kind = ${kind} and finished_at is null
              and planned_at <= ${now}::timestamptz))
      order by planned_at
      for update skip locked
    )
    update recon.due_work as due
    set finished_at = ${now}::timestamptz, outcome = 'superseded', reason = needless.reason
    from needless
    where (due.account_id, due.kind, due.planned_at) = (needless.account_id, needless.kind, needless.planned_at)`)
  return { countSuperseded: rowCount ?? 0 }
}

/** Whether the work has neither ended nor been superseded; false where it never was due. */
export async function isUnfinished(tx: Tx, key: DueKey): Promise<boolean> {
  const rows = await tx
    .select({ kind: dueWork.kind })
    .from(dueWork)
    .where(and(whereKey(key), isNull(dueWork.finishedAt)))
  return rows.length === 1
}

const whereKey = ({ accountId, kind, plannedAt }: DueKey) =>
  and(eq(dueWork.accountId, accountId), eq(dueWork.kind, kind), eq(dueWork.plannedAt, new Date(plannedAt)))

const toIso = (instant: Instant): string => new Date(instant).toISOString()
