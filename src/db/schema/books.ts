import { boolean, date, index, integer, pgSchema, primaryKey, smallint, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { accountId, instant, int64 } from './columns.ts'

/** The journal. Entries and postings are only ever added, which the database itself holds: see the end of the migration. */
export const books = pgSchema('books')

/** An entry as it was posted, with the fact that it was made of; a correction is a reversal and a new version. */
export const entries = books.table(
  'entries',
  {
    accountId: accountId(),
    entryId: int64('entry_id').notNull().generatedAlwaysAsIdentity(),
    /** `card_transaction`, `card_batch`, `ach_transaction` or `ach_settlement`. */
    sourceKind: text('source_kind').notNull(),
    sourceId: int64('source_id').notNull(),
    currency: text('currency').notNull(),
    /** From 1; a reversal takes one as well. */
    version: integer('version').notNull(),
    /** Takes back the version before it, to the cent; its fact is that one's. */
    isReversal: boolean('is_reversal').notNull(),
    /** A `FactKind`. */
    kind: text('kind').notNull(),
    /** The business date that the fact belongs to. */
    naturalOn: date('natural_on').notNull(),
    /** The date of the entry: the same, or the first open day where that one's period was closed. */
    entryOn: date('entry_on').notNull(),
    grossMinor: int64('gross_minor').notNull(),
    taxMinor: int64('tax_minor').notNull(),
    isRecurring: boolean('is_recurring').notNull(),
    planId: int64('plan_id'),
    rulesVersion: smallint('rules_version').notNull(),
    postedAt: instant('posted_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.entryId] }),
    uniqueIndex('entries_version').on(t.accountId, t.sourceKind, t.sourceId, t.currency, t.version),
    index('entries_date').on(t.accountId, t.entryOn),
  ],
)

export const postings = books.table(
  'postings',
  {
    accountId: accountId(),
    entryId: int64('entry_id').notNull(),
    position: smallint('position').notNull(),
    /** An `AccountRole`. */
    account: text('account').notNull(),
    /** Of recurring sales. */
    planId: int64('plan_id'),
    /** In the entry's currency, debit positive. */
    amountMinor: int64('amount_minor').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.entryId, t.position] })],
)

/** Each time the mirror was posted, and by which settings: other ones ask for all of it anew. */
export const postingRuns = books.table(
  'posting_runs',
  {
    accountId: accountId(),
    runId: int64('run_id').notNull().generatedAlwaysAsIdentity(),
    /** `marked` or `full`. */
    scope: text('scope').notNull(),
    zone: text('zone').notNull(),
    cutOffMinutes: integer('cut_off_minutes').notNull(),
    rulesVersion: smallint('rules_version').notNull(),
    postedAt: instant('posted_at').notNull(),
    countPosted: integer('count_posted').notNull(),
    countReversed: integer('count_reversed').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.runId] })],
)
