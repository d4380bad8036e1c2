import { sql } from 'drizzle-orm'
import { type Instant, toInstant } from '../domain/clock.ts'
import type { Tx } from './client.ts'
import { instantOf, timestamp } from './sql-values.ts'

export interface NotedSchedules {
  readonly accountId: number
  /** By kind of work, all that it is planned by. */
  readonly settings: ReadonlyMap<string, string>
  readonly now: Instant
}

/**
 * Notes how an account's work is planned from `now` on. A setting that is noted already keeps its instant, however often
 * and by however many replicas; kinds that are not among `settings` are switched off, and what was due of them ends.
 * @returns by kind, the instant since which its setting has been this one without a break
 */
export async function noteSchedules(
  tx: Tx,
  { accountId, settings, now }: NotedSchedules,
): Promise<ReadonlyMap<string, Instant>> {
  const kinds = [...settings.keys()].sort()
  await tx.execute(sql`
    with gone as (
      update recon.schedules set setting = null, since = ${timestamp(now)}
      where account_id = ${accountId} and setting is not null and kind <> all (${sql.param(kinds)}::text[])
      returning kind)
    update recon.due_work as due
    set finished_at = ${timestamp(now)}, outcome = 'superseded', reason = 'it was switched off'
    from gone where due.account_id = ${accountId} and due.kind = gone.kind and due.finished_at is null`)
  if (kinds.length === 0) return new Map()
  const { rows } = await tx.execute<{ kind: string; since: string }>(sql`
    insert into recon.schedules as noted (account_id, kind, setting, since)
    select ${accountId}::int, kind, setting, ${timestamp(now)}
    from unnest(${sql.param(kinds)}::text[], ${sql.param(kinds.map((kind) => settings.get(kind)))}::text[])
      as wanted (kind, setting)
    on conflict (account_id, kind) do update set setting = excluded.setting,
      since = case when noted.setting = excluded.setting then noted.since else excluded.since end
    returning kind, since`)
  return new Map(rows.map(({ kind, since }) => [kind, instantOf(since) ?? toInstant(0)]))
}
