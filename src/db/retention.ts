import { sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { Tx } from './client.ts'
import { timestamp } from './sql-values.ts'

/** How long each log of our own work is kept, in days. Mirrored records and mismatches are never deleted. */
export const KEPT_DAYS = { calls: 35, pulls: 35, dueWork: 35, webhooks: 35, runs: 400 } as const
const DAY_MS = 24 * 3_600_000

/** Forgets old calls, pulls, due work, webhooks and runs. Calls are dated by Postgres' clock, everything else by ours. */
export async function forgetOld(tx: Tx, accountId: number, now: Instant): Promise<{ countDeleted: number }> {
  const before = (days: number) => timestamp((now - days * DAY_MS) as Instant)
  const deletions = [
    sql`delete from recon.calls where account_id = ${accountId}
      and permitted_at < clock_timestamp() - make_interval(days => ${KEPT_DAYS.calls})`,
    // Probes of batch numbers stay: they are what confirms a hole.
    sql`delete from recon.pulls where account_id = ${accountId} and window_kind <> 'batch_number'
      and finished_at < ${before(KEPT_DAYS.pulls)}`,
    // The newest row of each kind stays: the schedule goes on from it.
    sql`delete from recon.due_work d where account_id = ${accountId} and finished_at < ${before(KEPT_DAYS.dueWork)}
      and exists (select from recon.due_work n
        where n.account_id = d.account_id and n.kind = d.kind and n.planned_at > d.planned_at)`,
    // Their senders repeat within hours, and what is older than five minutes is refused whatever its id.
    sql`delete from recon.webhooks where account_id = ${accountId} and received_at < ${before(KEPT_DAYS.webhooks)}`,
    sql`delete from recon.runs where account_id = ${accountId} and finished_at < ${before(KEPT_DAYS.runs)}`,
  ]
  let countDeleted = 0
  for (const deletion of deletions) countDeleted += (await tx.execute(deletion)).rowCount ?? 0
  return { countDeleted }
}
