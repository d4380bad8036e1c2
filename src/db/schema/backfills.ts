import { sql } from 'drizzle-orm'
import { boolean, date, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { accountId, instant, int64 } from './columns.ts'
import { recon } from './recon.ts'

/** What `backfill` was asked for, so that one that was cut off is gone on with and not begun anew. */
export const backfills = recon.table(
  'backfills',
  {
    accountId: accountId(),
    backfillId: int64('backfill_id').notNull().generatedAlwaysAsIdentity(),
    resource: text('resource').notNull(),
    /** Mountain dates, both inclusive. */
    fromDate: date('from_date').notNull(),
    toDate: date('to_date').notNull(),
    /** Days read before it was asked for are read once more. */
    isAgain: boolean('is_again').notNull(),
    askedAt: instant('asked_at').notNull(),
    finishedAt: instant('finished_at'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.backfillId] }),
    uniqueIndex('backfills_unfinished')
      .on(t.accountId, t.resource, t.fromDate, t.toDate, t.isAgain)
      .where(sql`finished_at is null`),
  ],
)
