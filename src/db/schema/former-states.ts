import { integer, json, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { accountId, instant, int64 } from './columns.ts'
import { recon } from './recon.ts'

/**
 * Mismatches as they were until they changed, so that a list can be shown as of an instant. Being seen again is no
 * change. Never deleted.
 */
export const mismatchVersions = recon.table(
  'mismatch_versions',
  {
    accountId: accountId(),
    mismatchId: uuid('mismatch_id').notNull(),
    until: instant('until').notNull(),
    /** The whole row. */
    former: json('former').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.mismatchId, t.until] })],
)

/** What was judged of a batch until it was judged otherwise. Never deleted. */
export const batchCheckVersions = recon.table(
  'batch_check_versions',
  {
    accountId: accountId(),
    cardBatchId: int64('card_batch_id').notNull(),
    until: instant('until').notNull(),
    state: text('state').notNull(),
    reversesUpTo: int64('reverses_up_to'),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.cardBatchId, t.until] })],
)

/** Which payment a charge was held for, until it was held for another or for none. Never deleted. */
export const matchVersions = recon.table(
  'match_versions',
  {
    accountId: accountId(),
    via: text('via').notNull(),
    transactionId: int64('transaction_id').notNull(),
    until: instant('until').notNull(),
    matchedAt: instant('matched_at').notNull(),
    subscriptionId: int64('subscription_id').notNull(),
    paymentNumber: integer('payment_number').notNull(),
    rule: text('rule').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.via, t.transactionId, t.until] })],
)
