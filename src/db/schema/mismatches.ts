import { sql } from 'drizzle-orm'
import { index, integer, json, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { accountId, emptyText, instant, int64 } from './columns.ts'
import { recon } from './recon.ts'

/** A disagreement with a stable identity: account, code, subject, period (CHECKS.md). */
export const mismatches = recon.table(
  'mismatches',
  {
    accountId: accountId(),
    mismatchId: uuid('mismatch_id').notNull().defaultRandom(),
    code: text('code').notNull(),
    subjectKind: text('subject_kind').notNull(),
    subjectId: text('subject_id').notNull(),
    period: emptyText('period'),
    severity: text('severity').notNull(),
    currency: text('currency'),
    expectedMinor: int64('expected_minor'),
    actualMinor: int64('actual_minor'),
    /** Where the two sides are no amounts: counts, states, names. */
    expectedText: text('expected_text'),
    actualText: text('actual_text'),
    summary: text('summary').notNull(),
    advice: text('advice').notNull(),
    evidence: json('evidence').$type<string[]>().notNull(),
    /** `open`, `acknowledged` or `resolved`. */
    state: text('state').notNull().default('open'),
    /** `automatic`, `adjusted` or `accepted`; null unless resolved. */
    resolution: text('resolution'),
    /** Who looks after it. */
    assignedTo: text('assigned_to'),
    acknowledgedAt: instant('acknowledged_at'),
    firstSeenAt: instant('first_seen_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
    resolvedAt: instant('resolved_at'),
    countReopened: integer('count_reopened').notNull().default(0),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.mismatchId] }),
    uniqueIndex('mismatches_identity').on(t.accountId, t.code, t.subjectKind, t.subjectId, t.period),
    index('mismatches_open').on(t.accountId, t.code).where(sql`state <> 'resolved'`),
    // What may be over by itself: a run asks for all of it, whatever the years before it hold.
    index('mismatches_said').on(t.accountId, t.code).where(sql`state <> 'resolved' or resolution <> 'automatic'`),
  ],
)

/**
 * What happened to each mismatch, in order; nothing is ever changed or deleted here. The outbox of alerts is what of
 * this a channel has not been told.
 */
export const mismatchEvents = recon.table(
  'mismatch_events',
  {
    accountId: accountId(),
    eventId: int64('event_id').notNull().generatedAlwaysAsIdentity(),
    mismatchId: uuid('mismatch_id').notNull(),
    /** `opened`, `reopened`, `resolved`, `acknowledged`, `assigned`, `noted` or `reminded`. */
    kind: text('kind').notNull(),
    at: instant('at').notNull(),
    /** `tieout`, or the name of the person. */
    actor: text('actor').notNull(),
    /** What the mismatch was at that time. */
    severity: text('severity').notNull(),
    currency: text('currency'),
    expectedMinor: int64('expected_minor'),
    actualMinor: int64('actual_minor'),
    resolution: text('resolution'),
    assignedTo: text('assigned_to'),
    note: text('note'),
    /** Of a reminder: its number since the mismatch was last opened, so that each is written once. */
    reminder: integer('reminder'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.eventId] }),
    index('mismatch_events_of').on(t.accountId, t.mismatchId, t.eventId),
  ],
)

/** Messages to be delivered at least once: written before they are sent, sent again under the same id until taken. */
export const alertMessages = recon.table(
  'alert_messages',
  {
    accountId: accountId(),
    /** Stable over all attempts, so that a receiver can tell repeats. */
    messageId: uuid('message_id').notNull().defaultRandom(),
    /** The name of the channel, see `docs/operations.md`. */
    channel: text('channel').notNull(),
    /** What its items share: one message per cause and interval. */
    cause: text('cause').notNull(),
    body: json('body').$type<Record<string, unknown>>().notNull(),
    createdAt: instant('created_at').notNull(),
    nextAttemptAt: instant('next_attempt_at').notNull(),
    /** Nobody else sends it until then. */
    claimedUntil: instant('claimed_until'),
    attempts: integer('attempts').notNull().default(0),
    deliveredAt: instant('delivered_at'),
    givenUpAt: instant('given_up_at'),
    /** Messages of an account are written one after another: in the order of these. */
    number: int64('number').notNull().generatedByDefaultAsIdentity(),
    lastError: text('last_error'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.messageId] }),
    index('alert_messages_due')
      .on(t.accountId, t.nextAttemptAt)
      .where(sql`delivered_at is null and given_up_at is null`),
    index('alert_messages_cause').on(t.accountId, t.channel, t.cause, t.createdAt),
  ],
)

/** Which message tells which event on which channel: the key lets each transition through once per channel. */
export const alertItems = recon.table(
  'alert_items',
  {
    accountId: accountId(),
    channel: text('channel').notNull(),
    eventId: int64('event_id').notNull(),
    messageId: uuid('message_id').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.channel, t.eventId] }),
    index('alert_items_message').on(t.accountId, t.messageId),
  ],
)
