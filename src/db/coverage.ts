import { type SQL, sql } from 'drizzle-orm'
import { addDays, type BusinessDate } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import type { PullWindow } from '../domain/pull.ts'
import type { HelcimId } from '../domain/record.ts'
import { CARD_DAYS, freshFrom } from '../domain/rhythm.ts'
import type { Tx } from './client.ts'
import { markSubjects } from './mirror/mark-rules.ts'
import type { MirrorTable } from './mirror/mirror-table.ts'
import { ALL_MIRRORS } from './mirror/mirrors.ts'
import { arrayOf, instantOf, timestamp } from './sql-values.ts'

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
    /** What was read completely. */
    window: PullWindow
    seenIds: readonly HelcimId[]
    readAt: Instant
    now: Instant
  },
): Promise<number> {
  const id = sql.raw(mirror.idColumn)
  const columns = [...new Set(mirror.marks.map(({ column }) => column))].map((name) => `${name}::text as ${name}`)
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    update ${sql.raw(mirror.table)} set vanished_at = ${timestamp(input.now)}
    where account_id = ${input.accountId} and ${isWithin(mirror, input.window)}
      and vanished_at is null and observed_at < ${timestamp(input.readAt)}
      and not (${id} = any(${arrayOf(input.seenIds)}::bigint[]))
    returning ${sql.raw(['1', ...columns].join(', '))}`)
  for (const rule of mirror.marks) {
    const values = new Set(rows.flatMap((row) => row[rule.column] ?? []))
    await markSubjects(tx, { accountId: input.accountId, rule, values: [...values], movedAt: input.now })
  }
  return rows.length
}

function isWithin<R>({ resource, idColumn, dateColumn, codeColumn }: MirrorTable<R>, window: PullWindow): SQL {
  if (window.kind === 'all') return sql`true`
  if (window.kind === 'one') return sql`${sql.raw(idColumn)} = ${window.id}`
  if (window.kind === 'days' && dateColumn !== null)
    return sql`${sql.raw(dateColumn)} between ${window.from}::date and ${window.to}::date`
  if (window.kind === 'code' && codeColumn !== null) return sql`${sql.raw(codeColumn)} = ${window.code}`
  throw new Error(`no reading of ${resource} by ${window.kind} is complete`)
}

export interface DayRange {
  readonly accountId: number
  readonly resource: string
  readonly from: BusinessDate
  readonly to: BusinessDate
}

/** Days between two dates without any complete reading, or whose last one began before `readBefore`, as ranges, the oldest first. */
export const listStaleDays = (tx: Tx, range: DayRange, readBefore: Instant) =>
  listDaysWithout(tx, range, sql`c.read_at > ${timestamp(readBefore)}`)

const daysLaterSql = (days: number): SQL => sql`(c.day + ${days}::int)::timestamp at time zone ${HELCIM_ZONE}`

/** Days without any complete reading, and those whose last one began earlier than so many days later. */
export const listUnfinishedDays = (tx: Tx, range: DayRange, days: number) =>
  listDaysWithout(tx, range, sql`c.read_at >= ${daysLaterSql(days)}`)

/** Days without any complete reading, and those whose last complete reading began before they were over: rows may have come since. */
export const listUnprovedDays = (tx: Tx, range: DayRange) => listUnfinishedDays(tx, range, 1)

/** Days that were read completely neither since an instant nor since their rows are followed no longer. */
export const listUnfollowedDays = (tx: Tx, { since, days, ...range }: DayRange & { since: Instant; days: number }) =>
  listDaysWithout(tx, range, sql`c.read_at >= least(${timestamp(since)}, ${daysLaterSql(days)})`)

/**
 * Days that do not count as read: those that are not proved, or of which no reading began since an instant. Of days from
 * `freshFrom` on any complete reading is enough: they last, or their rhythm has yet to come to them.
 */
export function listUnreadDays(
  tx: Tx,
  { freshFrom, since = null, ...range }: DayRange & { freshFrom: BusinessDate; since?: Instant | null },
): Promise<{ from: BusinessDate; to: BusinessDate }[]> {
  const isSince = since === null ? sql`true` : sql`c.read_at >= ${timestamp(since)}`
  return listDaysWithout(
    tx,
    range,
    sql`(c.day >= ${freshFrom}::date or c.read_at >= ${daysLaterSql(1)}) and ${isSince}`,
  )
}

/**
 * Days that are over, that were last read before their end, if at all, and that were asked for since, first before
 * `askedBefore`: in vain, as a reading that came to its end would have been enough.
 */
export const listDaysAskedInVain = (tx: Tx, { askedBefore, ...range }: DayRange & { askedBefore: Instant }) =>
  listDaysWhere(
    tx,
    range,
    sql`${isWithout(range, sql`c.read_at >= ${daysLaterSql(1)}`)} and exists (
      select from recon.pulls p
      where p.account_id = ${range.accountId} and p.resource = ${range.resource} and p.window_kind = 'days'
        and asked.on_day::date between p.from_date and p.to_date and p.started_at < ${timestamp(askedBefore)}
        and p.started_at >= (asked.on_day::date + 1)::timestamp at time zone ${HELCIM_ZONE})`,
  )

const listDaysWithout = (tx: Tx, range: DayRange, isEnough: SQL) => listDaysWhere(tx, range, isWithout(range, isEnough))

const isWithout = ({ accountId, resource }: DayRange, isEnough: SQL): SQL => sql`not exists (
  select from recon.covered_days c
  where c.account_id = ${accountId} and c.resource = ${resource} and c.day = asked.on_day::date and ${isEnough})`

async function listDaysWhere(
  tx: Tx,
  { from, to }: DayRange,
  condition: SQL,
): Promise<{ from: BusinessDate; to: BusinessDate }[]> {
  const { rows } = await tx.execute<{ day: string }>(sql`
    select to_char(asked.on_day, 'YYYY-MM-DD') as day
    from generate_series(${from}::date, ${to}::date, interval '1 day') as asked(on_day)
    where ${condition}
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

/** How many records of each resource are mirrored as present, and for resources read by days how far they are proved. */
export interface ResourceExtent {
  readonly resource: string
  readonly countRecords: number
  readonly isReadByDays: boolean
  /** First and last day of those read completely; null for lists. */
  readonly firstDay: string | null
  readonly lastDay: string | null
}

export async function listResourceExtents(tx: Tx, accountId: number): Promise<ResourceExtent[]> {
  const counts = ALL_MIRRORS.map(
    ({ resource, table }) => `select '${resource}' as resource, count(*) as count
    from ${table} where account_id = ${accountId} and vanished_at is null`,
  ).join(' union all ')
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    select c.resource, c.count, d.first_day, d.last_day from (${sql.raw(counts)}) c
    left join (
      select resource, min(day)::text as first_day, max(day)::text as last_day
      from recon.covered_days where account_id = ${accountId} group by resource
    ) d using (resource) order by 1`)
  return rows.map((row) => ({
    resource: String(row.resource),
    countRecords: Number(row.count),
    isReadByDays: ALL_MIRRORS.some(({ resource, dateColumn }) => resource === row.resource && dateColumn !== null),
    firstDay: row.first_day ?? null,
    lastDay: row.last_day ?? null,
  }))
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

/** For every list that is read as a whole or by days: its last complete reading, and how the last one ended. */
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

/** True for the reading of a whole list, or of days up to the one on which it began: nothing of the list lies behind it. */
export const isUpToNow = sql`(window_kind = 'all'
  or window_kind = 'days' and to_date >= (started_at at time zone ${HELCIM_ZONE})::date)`

/**
 * Calls that a reading of the last days of card transactions takes, by the rows of the last one of them or of more days; 0: there
 * was none. Each reading takes the day before its window along.
 */
export async function loadCardDaysCalls(tx: Tx, accountId: number): Promise<number> {
  const { rows } = await tx.execute<{ count_calls: number }>(sql`
    select ceil(count_rows::numeric * ${CARD_DAYS.recent + 1}::int / ((to_date - from_date + 2) * page_limit))::int as count_calls
    from recon.pulls
    where account_id = ${accountId} and resource = 'card_transaction' and window_kind = 'days' and state = 'complete'
      and ${isUpToNow} and to_date - from_date + 1 >= ${CARD_DAYS.recent}::int
    order by finished_at desc limit 1`)
  return rows[0]?.count_calls ?? 0
}

/** Days of a range that do not count as read although their rhythm has come to them, see `listUnreadDays`. */
export async function listMissingDays(
  tx: Tx,
  { now, ...range }: DayRange & { now: Instant },
): Promise<{ from: BusinessDate; to: BusinessDate }[]> {
  const cardDaysCalls = await loadCardDaysCalls(tx, range.accountId)
  return listUnreadDays(tx, { ...range, freshFrom: freshFrom(range.resource, { now, cardDaysCalls }) })
}

/** How far a list was read, and what became of the askings since. */
export interface ReadingUpToNow {
  /** When the last complete reading up to then began. */
  readonly readFrom: Instant | null
  /** The first of those asked for since that were given up, or are still under way. */
  readonly askedInVainSince: Instant | null
  /** Why the last of these was given up. */
  readonly failWords: string | null
}

/** By resource. */
export async function loadReadingsUpToNow(tx: Tx, accountId: number): Promise<ReadonlyMap<string, ReadingUpToNow>> {
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    with asked as (
      select resource, pull_id, started_at, state, fail_words,
        max(started_at) filter (where state = 'complete') over (partition by resource) as read_from
      from recon.pulls where account_id = ${accountId} and ${isUpToNow}
    )
    select resource, read_from, min(started_at) filter (where ${isInVain}) as asked_in_vain_since,
      (array_agg(fail_words order by pull_id desc) filter (where ${isInVain} and fail_words is not null))[1] as fail_words
    from asked group by resource, read_from`)
  return new Map(
    rows.map((row) => [
      String(row.resource),
      {
        readFrom: instantOf(row.read_from),
        askedInVainSince: instantOf(row.asked_in_vain_since),
        failWords: row.fail_words ?? null,
      },
    ]),
  )
}

/** Of one that was split the parts tell. */
const isInVain = sql`state not in ('complete', 'split') and (read_from is null or started_at > read_from)`
