import { getTableColumns } from 'drizzle-orm'
import type pg from 'pg'
import type { Instant } from '../domain/clock.ts'
import { UsageError } from '../domain/operating-error.ts'
import { type Snapshot, withSnapshot } from './client.ts'
import { cardBatchMirror } from './mirror/card-batches.ts'
import { cardTerminalMirror } from './mirror/card-terminals.ts'
import { cardTransactionMirror } from './mirror/card-transactions.ts'
import { isSecretColumn } from './mirror/mirror-table.ts'
import { KEPT_DAYS } from './retention.ts'
import { mismatches } from './schema/mismatches.ts'

export interface AsOf {
  readonly accountId: number
  readonly at: Instant
  readonly now: Instant
}

/**
 * One state of the database as it was known at an instant: the tables below stand for what they held then, and the
 * statements that read them are the same as ever. Changes nothing.
 *
 * Records come from rows and their former versions by when they were observed, mismatches and judgements likewise, and
 * what had been read from the readings that had ended. Those are kept for 35 days: of an earlier time, a day that was read
 * again since counts as unread, so that a control file may call a period incomplete that was complete, never the reverse.
 * @throws UsageError with exit code 1 when what was known then cannot be told, or not any more
 */
export async function withSnapshotAsOf<T>(
  pool: pg.Pool,
  asOf: AsOf,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  if (asOf.at > asOf.now) throw new UsageError(`--as-of: ${iso(asOf.at)} is still to come`)
  const views = viewsOf(asOf.accountId, iso(asOf.at))
  return withSnapshot(pool, work, {
    rewrite: (text) =>
      text.replaceAll(QUALIFIED, (whole, schema, table) => (views.has(`${schema}.${table}`) ? viewName(table) : whole)),
    async prepare(client) {
      await assertKnown(client, asOf)
      for (const [name, select] of views) {
        await client.query(`create temporary view ${viewName(name.split('.')[1] ?? '')} as ${select}`)
      }
    },
  })
}

/** As we write it, and as drizzle does. */
const QUALIFIED = /"?\b(helcim|recon|books)"?\."?([a-z_]+)"?/g
const viewName = (table: string): string => `"as_of_${table}"`
const iso = (at: Instant): string => new Date(at).toISOString()
const DAY_MS = 86_400_000

async function assertKnown(client: pg.ClientBase, { accountId, at, now }: AsOf): Promise<void> {
  const fail = (why: string) =>
    new UsageError(`--as-of: what was known at ${iso(at)} cannot be told: ${why}`, { exitCode: 1 })
  if (at < now - KEPT_DAYS.runs * DAY_MS) throw fail(`judgements are kept for ${KEPT_DAYS.runs} days`)
  const { rows } = await client.query<{ since: Date; untyped: string }>(
    `select a.versions_since as since, (
        select count(*) from helcim.record_versions v
        where v.account_id = a.account_id and v.resource = any($3) and v.observed_from <= $2 and v.observed_until > $2
          and v.typed is null) as untyped
      from recon.accounts a where a.account_id = $1`,
    [accountId, iso(at), MIRRORS.map(({ resource }) => resource)],
  )
  const [row] = rows
  if (!row) throw new Error(`there is no account ${accountId}`)
  if (row.since.getTime() > at) throw fail(`former states are kept since ${row.since.toISOString()}`)
  // An older version that ran beside this one kept less of them.
  if (row.untyped !== '0') throw fail(`former values of ${row.untyped} records were not kept`)
}

const MIRRORS = [cardTransactionMirror, cardBatchMirror, cardTerminalMirror].map(({ resource, table, columns }) => ({
  resource,
  table,
  columns: columns.map(({ name }) => name).filter((name) => !isSecretColumn(name)),
}))

/** Each table that leads elsewhere, and what it held. `at` is made by us, so it may stand in a statement as it is. */
function viewsOf(accountId: number, at: string): Map<string, string> {
  const then = `timestamptz '${at}'`
  const ofAccount = `account_id = ${accountId}`
  return new Map([
    ...MIRRORS.map((mirror) => [mirror.table, mirrorSql(mirror, ofAccount, then)] as const),
    [
      'helcim.undecoded_records',
      `select * from helcim.undecoded_records where ${ofAccount} and first_seen_at <= ${then}`,
    ],
    // Their former states are not asked for: which were known is what makes books complete.
    ['helcim.invoices', `select * from helcim.invoices where ${ofAccount} and first_seen_at <= ${then}`],
    ['recon.mismatches', mismatchesSql(ofAccount, then)],
    [
      'recon.batch_checks',
      `select c.account_id, c.card_batch_id, coalesce(v.state, c.state) as state,
          case when v.state is null then c.reverses_up_to else v.reverses_up_to end as reverses_up_to,
          null::timestamptz as statistics_since, null::timestamptz as judged_since
        from recon.batch_checks c left join (
          select distinct on (card_batch_id) * from recon.batch_check_versions
          where ${ofAccount} and until > ${then} order by card_batch_id, until
        ) v on v.card_batch_id = c.card_batch_id
        where c.${ofAccount}`,
    ],
    [
      'recon.pulls',
      `select account_id, pull_id, resource, window_kind, subject, count_rows, fail_words, started_at, case when finished_at <= ${then} then finished_at end as finished_at,
          case when finished_at <= ${then} then state else 'running' end as state
        from recon.pulls where ${ofAccount} and started_at <= ${then}`,
    ],
    ['recon.runs', `select * from recon.runs where ${ofAccount} and finished_at <= ${then}`],
    ['recon.covered_days', coveredDaysSql(ofAccount, then)],
    ['recon.matches', matchesSql(ofAccount, then)],
    ['books.entries', `select * from books.entries where ${ofAccount} and posted_at <= ${then}`],
    ['books.posting_runs', `select * from books.posting_runs where ${ofAccount} and posted_at <= ${then}`],
  ])
}

/** Rows that stand since then or longer, and of the others the version that stood then. */
function mirrorSql({ resource, table, columns }: (typeof MIRRORS)[number], ofAccount: string, then: string): string {
  const row = (of: string) =>
    [...columns.map((name) => `${of}.${name}`), `${of}.first_seen_at`].join(', ') +
    `, case when ${of}.vanished_at <= ${then} then ${of}.vanished_at end as vanished_at`
  return `
    select e.account_id, ${row('e')} from ${table} e
    where e.${ofAccount} and e.first_seen_at <= ${then} and e.observed_at <= ${then}
    union all
    select v.account_id, ${row('f')}
    from (
      select distinct on (record_id) * from helcim.record_versions
      where ${ofAccount} and resource = '${resource}' and observed_until > ${then} order by record_id, observed_until
    ) v cross join lateral json_populate_record(null::${table}, v.typed) f
    where v.observed_from <= ${then}`
}

function mismatchesSql(ofAccount: string, then: string): string {
  const columns = Object.values(getTableColumns(mismatches)).map(({ name }) =>
    name === 'last_seen_at'
      ? `case when last_seen_at <= ${then} then last_seen_at else coalesce(seen_at, first_seen_at) end as last_seen_at`
      : name,
  )
  return `select ${columns.join(', ')} from (
    select m.* from recon.mismatches m
    where m.${ofAccount} and not exists (
      select from recon.mismatch_versions v
      where v.account_id = m.account_id and v.mismatch_id = m.mismatch_id and v.until > ${then})
    union all
    select f.* from (
      select distinct on (mismatch_id) former from recon.mismatch_versions
      where ${ofAccount} and until > ${then} order by mismatch_id, until
    ) v cross join lateral json_populate_record(null::recon.mismatches, v.former) f
  ) known left join (
    select unnest(seen) as seen_id, max(started_at) as seen_at from recon.runs
    where ${ofAccount} and finished_at <= ${then} group by 1
  ) sightings on seen_id = mismatch_id
  where first_seen_at <= ${then}`
}

/** None of a time from which former matches were not kept. */
function matchesSql(ofAccount: string, then: string): string {
  const columns = 'account_id, via, transaction_id, subscription_id, payment_number, rule'
  return `
    select ${columns} from (
      select ${columns}, matched_at from recon.matches where ${ofAccount}
      union all
      select ${columns}, matched_at from (
        select distinct on (via, transaction_id) * from recon.match_versions
        where ${ofAccount} and until > ${then} order by via, transaction_id, until
      ) former
    ) known
    where matched_at <= ${then} and exists (
      select from recon.accounts where ${ofAccount} and match_versions_since <= ${then})`
}

/** A day's last reading, unless it was read again since: then the one before, as long as that is kept. */
function coveredDaysSql(ofAccount: string, then: string): string {
  return `
    select account_id, resource, day, max(read_at) as read_at from (
      select c.account_id, c.resource, c.day, c.read_at from recon.covered_days c
      where c.${ofAccount} and c.read_at <= ${then} and not exists (
        select from recon.pulls p
        where p.account_id = c.account_id and p.pull_id = c.pull_id and p.finished_at > ${then})
      union all
      select account_id, resource, day::date, walk_started_at
      from recon.pulls, generate_series(from_date, to_date, interval '1 day') as day
      where ${ofAccount} and window_kind = 'days' and state = 'complete' and finished_at <= ${then}
    ) readings group by 1, 2, 3`
}
