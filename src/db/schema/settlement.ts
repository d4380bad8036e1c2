import { sql } from 'drizzle-orm'
import {
  date,
  type ExtraConfigColumn,
  index,
  integer,
  json,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import type { Reason } from '../../domain/settlement-policy.ts'
import { accountId, createdNow, instant, int64 } from './columns.ts'
import { recon } from './recon.ts'

/**
 * What an attempt is, of whatever kind its batch: written down before its call, of which it makes one at most. Instants
 * named `…At` are the account's clock; the three that say when a call is over are Postgres' own, the same for all replicas.
 */
const attempt = () => ({
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
})

const attemptRules = (name: string, t: Record<'accountId' | 'attemptId' | 'batchId', ExtraConfigColumn>) => [
  primaryKey({ columns: [t.accountId, t.attemptId] }),
  uniqueIndex(`${name}_unfinished`).on(t.accountId, t.batchId).where(sql`finished_at is null`),
  index(`${name}_of_batch`).on(t.accountId, t.batchId, t.attemptId),
]

/** Attempts to settle a card batch. */
export const settlementAttempts = recon.table(
  'settlement_attempts',
  {
    accountId: accountId(),
    attemptId: int64('attempt_id').notNull().generatedAlwaysAsIdentity(),
    cardBatchId: int64('card_batch_id').notNull(),
    terminalId: int64('terminal_id').notNull(),
    ...attempt(),
  },
  (t) => attemptRules('settlement_attempts', { ...t, batchId: t.cardBatchId }),
)

/** Attempts to settle an ACH batch. Their ids are of the same series, so that one number names one attempt. */
export const achSettlementAttempts = recon.table(
  'ach_settlement_attempts',
  {
    accountId: accountId(),
    attemptId: int64('attempt_id').notNull().default(sql`nextval('recon.settlement_attempts_attempt_id_seq')`),
    achBatchId: int64('ach_batch_id').notNull(),
    /** Sent with the call; new with each attempt, as each makes one call at most. */
    idempotencyKey: text('idempotency_key').notNull(),
    ...attempt(),
  },
  (t) => [
    ...attemptRules('ach_settlement_attempts', { ...t, batchId: t.achBatchId }),
    uniqueIndex('ach_settlement_attempts_key').on(t.accountId, t.idempotencyKey),
  ],
)

/** What was decided about a batch and why, also "no". The same decision made again only moves `lastAt`. */
const decision = () => ({
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
})

const decisionRules = (name: string, t: Record<'accountId' | 'decisionId' | 'batchId', ExtraConfigColumn>) => [
  primaryKey({ columns: [t.accountId, t.decisionId] }),
  index(`${name}_of_batch`).on(t.accountId, t.batchId, t.decisionId),
]

export const settlementDecisions = recon.table(
  'settlement_decisions',
  {
    accountId: accountId(),
    decisionId: int64('decision_id').notNull().generatedAlwaysAsIdentity(),
    cardBatchId: int64('card_batch_id').notNull(),
    /** 0 where the batch could not be read. */
    terminalId: int64('terminal_id').notNull(),
    ...decision(),
  },
  (t) => decisionRules('settlement_decisions', { ...t, batchId: t.cardBatchId }),
)

/** The same of ACH batches, in the same series. */
export const achSettlementDecisions = recon.table(
  'ach_settlement_decisions',
  {
    accountId: accountId(),
    decisionId: int64('decision_id').notNull().default(sql`nextval('recon.settlement_decisions_decision_id_seq')`),
    achBatchId: int64('ach_batch_id').notNull(),
    ...decision(),
  },
  (t) => decisionRules('ach_settlement_decisions', { ...t, batchId: t.achBatchId }),
)
