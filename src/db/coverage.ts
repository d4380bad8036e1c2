import { type SQL, sql } from 'drizzle-orm'
import { addDays, type BusinessDate } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import type { HelcimId } from '../domain/record.ts'
import { instantOf } from './batch-facts.ts'
import type { Tx } from './client.ts'
import type { MirrorTable } from './mirror/mirror-table.ts'
import { arrayOf, timestamp } from './mirror/store-records.ts'

/** Records that the days of a window were read completely by a pull that began at `readAt`; never moves backwards. */
export async function coverDays(
  tx: Tx,
  input: { accountId: number; resource: string; from: BusinessDate; to: BusinessDate; readAt: Instant; pullId: bigint },
): Promise<void> {
  await tx.execute(sql`
    insert into recon.covered_days as c (account_id, resource, day, read_at, pull_id)
    select ${input.accountId}, ${input.resource}, day::date, ${timestamp(input.readAt)}, ${input.pullId}
    from generate_series(${input.from}::date, ${input.to}::date, interval '1 day') as day
    on conflict (account_id, resource, day) do update set read_at = excluded.read_at, pull_id = excluded.pull_id
      where c.read_at < excluded.read_at`)
}

/**
 * Marks rows of a completely read window that the reading did not return. Rows first seen after the reading began are
 * left alone: they are newer than what it saw.
 * @returns how many vanished
 */
export async function markVanished<R>(
  tx: Tx,
  mirror: MirrorTable<R>,
  input: {
    accountId: number
    from: BusinessDate
    to: BusinessDate
    seenIds: readonly HelcimId[]
    readAt: Instant
    now: Instant
  },
): Promise<number> {
  if (mirror.dateColumn === null) throw new Error(`${mirror.resource} has no date to cut a window by`)
  const id = sql.raw(mirror.idColumn)
  const marks = mirror.marks
  const { rows } = await tx.execute<{ subject: string | null }>(sql`
    update ${sql.raw(mirror.table)} set vanished_at = ${timestamp(input.now)}
    where account_id = ${input.accountId} and ${sql.raw(mirror.dateColumn)} between ${input.from}::date and ${input.to}::date
      and vanished_at is null and observed_at < ${timestamp(input.readAt)}
      and not (${id} = any(${arrayOf(input.seenIds)}::bigint[]))
    returning ${marks ? sql.raw(marks.column) : sql`null`}::text as subject`)
  const subjects = rows.flatMap((row) => row.subject ?? [])
  if (marks && subjects.length > 0) {
    await tx.execute(sql`
      insert into recon.marks (account_id, subject_kind, subject_id)
      select distinct ${input.accountId}::int, ${marks.kind}::text, subject from unnest(${arrayOf(subjects)}::text[]) subject
      order by 3 on conflict do nothing`)
  }
  return rows.length
}

export interface DayRange {
  readonly accountId: number
  readonly resource: string
  readonly from: BusinessDate
  readonly to: BusinessDate
}

/** Days between two dates that no pull has read completely, as ranges, the oldest first. */
export const listUncoveredDays = (tx: Tx, range: DayRange) => listDaysWithout(tx, range, sql`true`)

/** The same, and days whose last complete reading began before they were over: rows may have come since. */
export const listUnprovedDays = (tx: Tx, range: DayRange) =>
  listDaysWithout(tx, range, sql`c.read_at >= (c.day + 1)::timestamp at time zone ${HELCIM_ZONE}`)

/** Days that no pull has read completely, or none since an instant. */
export const listUnreadDays = (tx: Tx, { since, ...range }: DayRange & { since: Instant | null }) =>
  listDaysWithout(tx, range, since === null ? sql`true` : sql`c.read_at >= ${timestamp(since)}`)

async function listDaysWithout(
  tx: Tx,
  input: DayRange,
  isEnough: SQL,
): Promise<{ from: BusinessDate; to: BusinessDate }[]> {
  const { rows } = await tx.execute<{ day: string }>(sql`
    select to_char(asked.on_day, 'YYYY-MM-DD') as day
    from generate_series(${input.from}::date, ${input.to}::date, interval '1 day') as asked(on_day)
    where not exists (
      select from recon.covered_days c
      where c.account_id = ${input.accountId} and c.resource = ${input.resource} and c.day = asked.on_day::date
        and ${isEnough})
    order by 1`)
  const ranges: { from: BusinessDate; to: BusinessDate }[] = []
  for (const row of rows) {
    const day = row.day as BusinessDate
    const last = ranges.at(-1)
    if (last && addDays(last.to, 1) === day) last.to = day
    else ranges.push({ from: day, to: day })
  }
  return ranges
}

export interface ResourceState {
  readonly resource: string
  readonly windowKind: string
  readonly lastCompleteAt: Instant | null
  readonly lastState: string
  readonly lastFailCode: string | null
  readonly lastFailWords: string | null
  readonly firstAskedAt: Instant | null
}

/** For every list that is read as a whole: its last complete reading, and how the last one ended. */
export async function listResourceStates(tx: Tx, accountId: number): Promise<ResourceState[]> {
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    select resource, window_kind,
      max(started_at) filter (where state = 'complete') as last_complete_at,
      min(started_at) as first_asked_at,
      (array_agg(state order by pull_id desc) filter (where state <> 'running'))[1] as last_state,
      (array_agg(fail_code order by pull_id desc) filter (where state <> 'running'))[1] as last_fail_code,
      (array_agg(fail_words order by pull_id desc) filter (where state <> 'running'))[1] as last_fail_words
    from recon.pulls where account_id = ${accountId} and window_kind in ('all', 'days')
    group by resource, window_kind order by resource, window_kind`)
  return rows.map((row) => ({
    resource: String(row.resource),
    windowKind: String(row.window_kind),
    lastCompleteAt: instantOf(row.last_complete_at),
    firstAskedAt: instantOf(row.first_asked_at),
    lastState: row.last_state ?? 'running',
    lastFailCode: row.last_fail_code ?? null,
    lastFailWords: row.last_fail_words ?? null,
  }))
}
