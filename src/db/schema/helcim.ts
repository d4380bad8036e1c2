import { sql } from 'drizzle-orm'
import { boolean, date, index, integer, json, pgSchema, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { accountId, instant, int64, mirrored } from './columns.ts'

/** The mirror: what Helcim says, one table per resource, readable in psql. */
export const helcim = pgSchema('helcim')

export const cardTerminals = helcim.table(
  'card_terminals',
  {
    accountId: accountId(),
    terminalId: int64('terminal_id').notNull(),
    nickname: text('nickname'),
    currency: text('currency').notNull(),
    status: text('status').notNull(),
    ...mirrored(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.terminalId] })],
)

export const cardBatches = helcim.table(
  'card_batches',
  {
    accountId: accountId(),
    cardBatchId: int64('card_batch_id').notNull(),
    terminalId: int64('terminal_id').notNull(),
    batchNumber: int64('batch_number').notNull(),
    isClosed: boolean('is_closed').notNull(),
    isStrictlyOpen: boolean('is_strictly_open').notNull(),
    createdAt: instant('created_at'),
    createdAtText: text('created_at_text').notNull(),
    updatedAt: instant('updated_at'),
    updatedAtText: text('updated_at_text').notNull(),
    closedAt: instant('closed_at'),
    closedAtText: text('closed_at_text').notNull(),
    /** Statistics as Helcim states them (`collect-stats=true`), minor units of the terminal's currency. */
    netMinor: int64('net_minor'),
    salesMinor: int64('sales_minor'),
    refundsMinor: int64('refunds_minor'),
    reversedMinor: int64('reversed_minor'),
    refundsReversedMinor: int64('refunds_reversed_minor'),
    countTotal: integer('count_total'),
    countApproved: integer('count_approved'),
    countDeclined: integer('count_declined'),
    ...mirrored(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.cardBatchId] }),
    index('card_batches_terminal').on(t.accountId, t.terminalId, t.batchNumber),
    index('card_batches_unknown').on(t.accountId, t.cardBatchId).where(sql`unknown_values is not null`),
  ],
)

export const cardTransactions = helcim.table(
  'card_transactions',
  {
    accountId: accountId(),
    transactionId: int64('transaction_id').notNull(),
    createdAt: instant('created_at'),
    createdAtText: text('created_at_text').notNull(),
    /** Helcim's own (Mountain) date of creation: what its date filters compare with. */
    createdOn: date('created_on'),
    /** null when in no batch (Helcim says 0). */
    cardBatchId: int64('card_batch_id'),
    status: text('status').notNull(),
    /** `approved`, `declined` or `unknown`: our reading of `status`. */
    outcome: text('outcome').notNull(),
    type: text('type').notNull(),
    amountMinor: int64('amount_minor').notNull(),
    currency: text('currency').notNull(),
    userName: text('user_name'),
    cardBrand: text('card_brand'),
    cardNumberMasked: text('card_number_masked'),
    /** Secret: not granted to the reader role, cut out of `raw`. */
    cardToken: text('card_token'),
    cardHolderName: text('card_holder_name'),
    approvalCode: text('approval_code'),
    avsResponse: text('avs_response'),
    cvvResponse: text('cvv_response'),
    customerCode: text('customer_code'),
    invoiceNumber: text('invoice_number'),
    originalTransactionId: int64('original_transaction_id'),
    warning: text('warning'),
    errors: text('errors'),
    ...mirrored(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.transactionId] }),
    index('card_transactions_created_on').on(t.accountId, t.createdOn),
    // What is in no batch is in no batch's sums: few rows, added up by themselves.
    index('card_transactions_unbatched')
      .on(t.accountId, t.createdOn)
      .where(sql`card_batch_id is null and outcome = 'approved' and vanished_at is null`),
    index('card_transactions_unknown').on(t.accountId, t.transactionId).where(sql`unknown_values is not null`),
    index('card_transactions_vanished').on(t.accountId, t.transactionId).where(sql`vanished_at is not null`),
    // What a customer was charged, for matching with what was expected.
    index('card_transactions_customer').on(t.accountId, t.customerCode, t.createdAt).where(sql`type = 'purchase'`),
    // What names an invoice: it is judged by its payments, and what it tells of them is posted with them.
    index('card_transactions_invoice').on(t.accountId, t.invoiceNumber).where(sql`invoice_number is not null`),
    // Few rows are reverses: all of them are exported, and what each voided is told by those of its batch.
    index('card_transactions_reverses')
      .on(t.accountId, t.transactionId)
      .where(sql`type = 'reverse' and outcome = 'approved'`),
    index('card_transactions_reverses_batch')
      .on(t.accountId, t.cardBatchId, t.transactionId)
      .where(sql`type = 'reverse' and outcome = 'approved'`),
    index('card_transactions_original')
      .on(t.accountId, t.originalTransactionId)
      .where(sql`type = 'reverse' and original_transaction_id is not null`),
    // Sales that are alike, in order of time: what repeats within minutes, and what a reverse of another batch may void.
    index('card_transactions_sales')
      .on(t.accountId, t.cardNumberMasked, t.currency, t.amountMinor, t.createdAt, t.transactionId)
      .where(sql`type in ('purchase', 'capture') and outcome = 'approved' and vanished_at is null`),
    // What follows a sale or comes before it: few rows, judged with the sales of their card.
    index('card_transactions_others')
      .on(t.accountId, t.cardNumberMasked, t.currency, t.type)
      .where(sql`type in ('refund', 'reverse', 'preauth') and outcome = 'approved'`),
    // What may be about an invoice without naming it: few rows, where the sales of a card may be many.
    index('card_transactions_unnamed')
      .on(t.accountId, t.cardNumberMasked, t.currency, t.createdAt)
      .where(sql`invoice_number is null and type in ('capture', 'refund', 'reverse') and outcome = 'approved'
        and vanished_at is null`),
    // The covering index that tie-out reads instead of the wide rows is in the migration by hand: drizzle knows no INCLUDE.
  ],
)

/** Former versions of changed records, with the time during which we saw each. */
export const recordVersions = helcim.table(
  'record_versions',
  {
    accountId: accountId(),
    resource: text('resource').notNull(),
    recordId: int64('record_id').notNull(),
    observedFrom: instant('observed_from').notNull(),
    observedUntil: instant('observed_until').notNull(),
    contentHash: uuid('content_hash').notNull(),
    raw: json('raw').notNull(),
    /** The watched fields (money, state) in which the next version differed, with the values they had before. */
    changed: json('changed').$type<Record<string, string | null>>(),
    /** The typed columns as they were, without card tokens; null in versions that were kept before there was this column. */
    typed: json('typed'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.resource, t.recordId, t.observedUntil] }),
    index('record_versions_changed').on(t.accountId, t.resource, t.recordId).where(sql`changed is not null`),
  ],
)

/** Records that could not be read: kept as received, until a later read of the same record succeeds. */
export const undecodedRecords = helcim.table(
  'undecoded_records',
  {
    accountId: accountId(),
    resource: text('resource').notNull(),
    recordKey: text('record_key').notNull(),
    raw: json('raw').notNull(),
    reason: text('reason').notNull(),
    firstSeenAt: instant('first_seen_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.resource, t.recordKey] })],
)
