import { sql } from 'drizzle-orm'
import { check, date, index, integer, json, primaryKey, smallint, text, uniqueIndex } from 'drizzle-orm/pg-core'
import type { Reason } from '../../domain/settlement-policy.ts'
import { accountId, createdNow, instant, int64 } from './columns.ts'
import { recon } from './recon.ts'

/**
 * Attempts to settle a batch, of cards or of ACH, each written down before its call, of which it makes one at most. Instants named
 * `…At` are the account's clock; the three that say when a call is over are Postgres' own, the same for all replicas.
 */
export const settlementAttempts = recon.table(
  'settlement_attempts',
  {
    accountId: accountId(),
    attemptId: int64('attempt_id').notNull().generatedAlwaysAsIdentity(),
    /** Of these two one is there, and says what kind of batch it is. */
    cardBatchId: int64('card_batch_id'),
    achBatchId: int64('ach_batch_id'),
    /** Null for ACH, and for a batch that could not be read. */
    terminalId: int64('terminal_id'),
    /** The account's local day of the cut-off. */
    businessDate: date('business_date').notNull(),
    /** The planned instant; null where a person asked for it. */
    plannedAt: instant('planned_at'),
    /** The person; null for the schedule. */
    actor: text('actor'),
    /** See `ATTEMPT_STATES`. */
    state: text('state').notNull().default('intended'),
    /** Moves whenever the right to act on it does: whoever holds an older one may not call. */
    fence: integer('fence').notNull().default(1),
    intendedAt: instant('intended_at').notNull(),
    calledAt: instant('called_at'),
    finishedAt: instant('finished_at'),
    /** Postgres' time. */
    createdAt: createdNow('created_at'),
    /** Postgres' time: no byte of the call is sent after it. */
    callDeadlineAt: instant('call_deadline_at'),
    /** Postgres' time: from then on Helcim works on nothing of it any more. */
    quietAt: instant('quiet_at'),
    /** See `CALL_OUTCOMES`; null until the call's end was noted. */
    outcome: text('outcome'),
    status: smallint('status'),
    words: text('words'),
    /** As Helcim tells it. */
    closedAt: instant('closed_at'),
    /** See `CLOSERS`. */
    closedBy: text('closed_by'),
    /** As of the pre-flight. */
    currency: text('currency'),
    netMinor: int64('net_minor'),
    countTotal: integer('count_total'),
    /** Sent with the call where the endpoint takes one; new with each attempt, as each makes one call at most. */
    idempotencyKey: text('idempotency_key'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.attemptId] }),
    check('settlement_attempts_one_batch', sql`num_nonnulls(card_batch_id, ach_batch_id) = 1`),
    check('settlement_attempts_key_of_ach', sql`(idempotency_key is null) = (ach_batch_id is null)`),
    uniqueIndex('settlement_attempts_unfinished').on(t.accountId, t.cardBatchId).where(sql`finished_at is null`),
    uniqueIndex('settlement_attempts_unfinished_ach').on(t.accountId, t.achBatchId).where(sql`finished_at is null`),
    uniqueIndex('settlement_attempts_key').on(t.accountId, t.idempotencyKey),
    index('settlement_attempts_of_batch').on(t.accountId, t.cardBatchId, t.attemptId),
    index('settlement_attempts_of_ach_batch').on(t.accountId, t.achBatchId, t.attemptId),
  ],
)

/** What was decided about a batch and why, also "no". The same decision made again only moves `lastAt`. */
export const settlementDecisions = recon.table(
  'settlement_decisions',
  {
    accountId: accountId(),
    decisionId: int64('decision_id').notNull().generatedAlwaysAsIdentity(),
    /** Of these two one is there, and says what kind of batch it is. */
    cardBatchId: int64('card_batch_id'),
    achBatchId: int64('ach_batch_id'),
    /** Null for ACH, and for a batch that could not be read. */
    terminalId: int64('terminal_id'),
    businessDate: date('business_date').notNull(),
    plannedAt: instant('planned_at'),
    mode: text('mode').notNull(),
    /** `settle`, `skip` or `hold`. */
    verdict: text('verdict').notNull(),
    reasons: json('reasons').$type<Reason[]>().notNull(),
    firstAt: instant('first_at').notNull(),
    lastAt: instant('last_at').notNull(),
    currency: text('currency'),
    netMinor: int64('net_minor'),
    countTotal: integer('count_total'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.decisionId] }),
    check('settlement_decisions_one_batch', sql`num_nonnulls(card_batch_id, ach_batch_id) = 1`),
    index('settlement_decisions_of_batch').on(t.accountId, t.cardBatchId, t.decisionId),
    index('settlement_decisions_of_ach_batch').on(t.accountId, t.achBatchId, t.decisionId),
  ],
)
