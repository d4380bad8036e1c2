import { and, asc, eq, sql } from 'drizzle-orm'
import type { BusinessDate } from '../../domain/calendar.ts'
import type { Tx } from '../client.ts'
import { mismatchEvents } from '../schema/mismatches.ts'

export type MismatchEvent = typeof mismatchEvents.$inferSelect

/** Everything that happened to a mismatch, the first first. */
export async function listMismatchEvents(
  tx: Tx,
  { accountId, mismatchId }: { accountId: number; mismatchId: string },
): Promise<MismatchEvent[]> {
  return tx
    .select()
    .from(mismatchEvents)
    .where(and(eq(mismatchEvents.accountId, accountId), eq(mismatchEvents.mismatchId, mismatchId)))
    .orderBy(asc(mismatchEvents.eventId))
}

export interface DailyBalance {
  readonly day: BusinessDate
  readonly countOpened: number
  readonly countReopened: number
  readonly countResolved: number
  /** Unresolved at the end of the day. */
  readonly countOpen: number
}

/**
 * The movements of each day on which something moved, and how many mismatches were unresolved at its end. That number
 * is counted from the state of each mismatch, not added up from the movements, so that
 * `open = open of the day before + opened + reopened − resolved` is a law that a lost or doubled event breaks.
 * @param input `zone` whose days are meant
 */
export async function listDailyBalance(
  tx: Tx,
  { accountId, zone }: { accountId: number; zone: string },
): Promise<DailyBalance[]> {
  const { rows } = await tx.execute<Record<'day' | 'opened' | 'reopened' | 'resolved' | 'open', string>>(sql`
    with transitions as (
      select mismatch_id, kind, (at at time zone ${zone})::date as day,
        lead((at at time zone ${zone})::date) over (partition by mismatch_id order by event_id) as next_day
      from recon.mismatch_events
      where account_id = ${accountId} and kind in ('opened', 'reopened', 'resolved')
    ), days as (
      select day, count(*) filter (where kind = 'opened') as opened,
        count(*) filter (where kind = 'reopened') as reopened, count(*) filter (where kind = 'resolved') as resolved
      from transitions group by day
    )
    select day::text, opened, reopened, resolved, (
        select count(distinct mismatch_id) from transitions t
        where t.kind <> 'resolved' and t.day <= d.day and (t.next_day is null or t.next_day > d.day)
      ) as open
    from days d order by day`)
  return rows.map((row) => ({
    day: row.day as BusinessDate,
    countOpened: Number(row.opened),
    countReopened: Number(row.reopened),
    countResolved: Number(row.resolved),
    countOpen: Number(row.open),
  }))
}
