import { sql } from 'drizzle-orm'
import { type Severity, WORKER_ACTOR } from '../../domain/mismatch.ts'
import type { Db } from '../client.ts'
import { eventInstant, lockMismatches } from '../mismatches/lock.ts'
import { timestamp } from '../sql-values.ts'
import type { Outbox } from './outbox.ts'

/** A person is reminded of mismatches of this severity and state at this age since they were last opened. */
export interface ReminderStep {
  readonly reminder: number
  readonly ageMs: number
  readonly severity: Severity
  readonly state: 'open' | 'acknowledged'
}

/** Writes each reminder that came due, once per mismatch and step; of several missed steps only the last. */
export async function writeReminders(
  db: Db,
  { accountId, now, steps }: Outbox & { steps: readonly ReminderStep[] },
): Promise<{ countReminded: number }> {
  return db.transaction(async (tx) => {
    await lockMismatches(tx, accountId)
    const { rowCount } = await tx.execute(sql`
      insert into recon.mismatch_events
        (account_id, mismatch_id, kind, at, actor, severity, currency, expected_minor, actual_minor, reminder)
      select m.account_id, m.mismatch_id, 'reminded', ${eventInstant(accountId, sql`m.mismatch_id`, now)}, ${WORKER_ACTOR}, m.severity, m.currency,
        m.expected_minor, m.actual_minor, due.reminder
      from recon.mismatches m
      left join lateral (
        select e.event_id, e.at from recon.mismatch_events e
        where e.account_id = m.account_id and e.mismatch_id = m.mismatch_id and e.kind in ('opened', 'reopened')
        order by e.event_id desc limit 1
      ) opened on true
      cross join lateral (
        select max(s.reminder) as reminder
        from json_to_recordset(${JSON.stringify(steps)}::json) as s(
          reminder int, "ageMs" bigint, severity text, state text)
        where s.severity = m.severity and s.state = m.state
          and coalesce(opened.at, m.first_seen_at) + s."ageMs" * interval '1 millisecond' <= ${timestamp(now)}
      ) due
      where m.account_id = ${accountId} and m.state <> 'resolved' and due.reminder is not null
        and not exists (select from recon.mismatch_events r
          where r.account_id = m.account_id and r.mismatch_id = m.mismatch_id and r.kind = 'reminded'
            and r.event_id > coalesce(opened.event_id, 0) and r.reminder >= due.reminder)
      -- The same reminders have the same order, whatever the plan: what is told follows it.
      order by m.code, m.subject_kind, m.subject_id, m.period`)
    return { countReminded: rowCount ?? 0 }
  })
}
