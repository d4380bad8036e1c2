import { sql } from 'drizzle-orm'
import { date, index, integer, primaryKey, smallint, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { accountId, emptyText, instant, int64, int64Array } from './columns.ts'
import { recon } from './recon.ts'

/** One reading of one window of one resource, page by page. Its progress moves with its rows, in one transaction. */
export const pulls = recon.table(
  'pulls',
  {
    accountId: accountId(),
    pullId: int64('pull_id').notNull().generatedAlwaysAsIdentity(),
    resource: text('resource').notNull(),
    /** `all`, `days` (fromDate … toDate, Mountain, inclusive), `card_batch`, `card_batch_tail`, `one` (an id), `code`, `batch_number` (terminal:number). */
    windowKind: text('window_kind').notNull(),
    fromDate: date('from_date'),
    toDate: date('to_date'),
    subject: emptyText('subject'),
    /** Why it was asked for; with resource, window and cause it is unique, so that asking twice is harmless. */
    cause: text('cause').notNull(),
    callClass: text('call_class').notNull(),
    /** `running`, `complete`, `incomplete` (gave up), `not_permitted`, `split` (its parts took over). */
    state: text('state').notNull().default('running'),
    startedAt: instant('started_at').notNull(),
    finishedAt: instant('finished_at'),
    /** Walk = one pass over all pages; a new walk starts over when pages moved underneath. */
    walk: smallint('walk').notNull().default(1),
    walkStartedAt: instant('walk_started_at').notNull(),
    nextPage: integer('next_page').notNull().default(1),
    /** Where a walk begins: 1, or the page on which a tail of an ascending list does. */
    firstPage: integer('first_page').notNull().default(1),
    /** Of a tail: what lies up to this id was read before. */
    aboveId: int64('above_id'),
    /** 0 for a list that takes none. */
    pageLimit: integer('page_limit').notNull(),
    countRows: integer('count_rows').notNull().default(0),
    countChanged: integer('count_changed').notNull().default(0),
    countUndecodable: integer('count_undecodable').notNull().default(0),
    countCalls: integer('count_calls').notNull().default(0),
    largestPage: integer('largest_page').notNull().default(0),
    /** `descending`, `ascending` or `none`, as this walk saw it; null before two rows were seen. A tail begins with the known one. */
    listOrder: text('list_order'),
    failCode: text('fail_code'),
    failWords: text('fail_words'),
    progressAt: instant('progress_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.pullId] }),
    uniqueIndex('pulls_identity').on(t.accountId, t.resource, t.windowKind, t.subject, t.cause),
    index('pulls_running').on(t.accountId, t.resource).where(sql`state = 'running'`),
    // Webhooks ask for many.
    index('pulls_cause').on(t.accountId, t.cause),
    index('pulls_finished').on(t.accountId, t.resource, t.windowKind, t.finishedAt),
    // Each page asks for the largest.
    index('pulls_largest_page').on(t.accountId, t.resource, t.largestPage),
  ],
)

/** In which order a list comes, as the last walk that could tell saw it; on what that says, tails are read instead of batches. */
export const listOrders = recon.table(
  'list_orders',
  {
    accountId: accountId(),
    resource: text('resource').notNull(),
    /** The filter: `card_batch`. */
    windowKind: text('window_kind').notNull(),
    /** `descending`, `ascending`, or `none` once it did not hold. */
    listOrder: text('list_order').notNull(),
    /** Rows on a full page, where a walk had several; else null. */
    pageSize: integer('page_size'),
    observedAt: instant('observed_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.resource, t.windowKind] })],
)

/** Ids seen by a running walk. Unlogged (by hand in the migration): after a crash of Postgres the walk starts over. */
export const pullPages = recon.table(
  'pull_pages',
  {
    accountId: accountId(),
    pullId: int64('pull_id').notNull(),
    walk: smallint('walk').notNull(),
    page: integer('page').notNull(),
    ids: int64Array('ids').notNull(),
    /** Smallest and largest of them; null: none, or stored by an older version. */
    minId: int64('min_id'),
    maxId: int64('max_id'),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.pullId, t.walk, t.page] })],
)

/** Days whose card transactions were read completely, and when that reading began. */
export const coveredDays = recon.table(
  'covered_days',
  {
    accountId: accountId(),
    resource: text('resource').notNull(),
    day: date('day').notNull(),
    readAt: instant('read_at').notNull(),
    pullId: int64('pull_id').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.resource, t.day] })],
)
