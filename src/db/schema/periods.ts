import { customType, date, index, integer, json, primaryKey, text } from 'drizzle-orm/pg-core'
import { books } from './books.ts'
import { accountId, instant, int64 } from './columns.ts'

/** Closed months. All four tables are append-only, held by the database itself: see the end of the migration. */

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

const revisionKey = () => ({
  accountId: accountId(),
  /** The first day of the month. */
  monthOn: date('month_on').notNull(),
  /** 1, 2, …: one for each time the month was closed. */
  revision: integer('revision').notNull(),
})

/** A month as it was closed: what was known, by whom, and the hash over its files. */
export const periodRevisions = books.table(
  'period_revisions',
  {
    ...revisionKey(),
    /** What had been read and judged until then is in its files. */
    asOf: instant('as_of').notNull(),
    closedAt: instant('closed_at').notNull(),
    closedBy: text('closed_by').notNull(),
    /** What was missing, as sentences; empty unless it was closed by force. */
    lacking: json('lacking').$type<readonly string[]>().notNull(),
    forcedReason: text('forced_reason'),
    /** By which the files were made: zone, cut-off, chart of accounts, versions. */
    settings: json('settings').$type<unknown>().notNull(),
    /** Over the lines that `sha256sum` would print of all files but the certificate, in the order of their names. */
    sha256: text('sha256').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.monthOn, t.revision] })],
)

export const periodFiles = books.table(
  'period_files',
  {
    ...revisionKey(),
    file: text('file').notNull(),
    /** The report or journal format that it is; null for control files and the certificate. */
    content: text('content'),
    /** Hash of the statement that its rows came from; null where it cannot be rendered again. */
    definition: text('definition'),
    countBytes: int64('count_bytes').notNull(),
    sha256: text('sha256').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.monthOn, t.revision, t.file] })],
)

/** The bytes of the files, in parts that memory holds easily. */
export const periodFileParts = books.table(
  'period_file_parts',
  {
    ...revisionKey(),
    file: text('file').notNull(),
    position: integer('position').notNull(),
    bytes: bytea('bytes').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.monthOn, t.revision, t.file, t.position] })],
)

/** The last one of a month says whether it is closed. */
export const periodEvents = books.table(
  'period_events',
  {
    accountId: accountId(),
    eventId: int64('event_id').notNull().generatedAlwaysAsIdentity(),
    monthOn: date('month_on').notNull(),
    /** `closed` or `reopened`. */
    kind: text('kind').notNull(),
    revision: integer('revision').notNull(),
    at: instant('at').notNull(),
    actor: text('actor').notNull(),
    /** Of a reopening, and of a close by force. */
    reason: text('reason'),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.eventId] }), index('period_events_month').on(t.accountId, t.monthOn)],
)
