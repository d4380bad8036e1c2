import { date, index, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { accountId, instant, int64, int64Array } from './columns.ts'
import { recon } from './recon.ts'

/** What is known of the other end of a channel beside its messages: that it wants no more, or not now. */
export const alertTargets = recon.table(
  'alert_targets',
  {
    accountId: accountId(),
    channel: text('channel').notNull(),
    /** It refused for good: nothing is sent until a process starts anew. */
    deadAt: instant('dead_at'),
    words: text('words'),
    /** It asked for a pause. */
    pausedUntil: instant('paused_until'),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.channel] })],
)

/** What people do not want to hear of for a while, and why. Ended early it keeps its reason. */
export const alertSilences = recon.table(
  'alert_silences',
  {
    accountId: accountId(),
    silenceId: int64('silence_id').notNull().generatedAlwaysAsIdentity(),
    /** Null for every code. */
    code: text('code'),
    subjectKind: text('subject_kind'),
    subjectId: text('subject_id'),
    createdAt: instant('created_at').notNull(),
    until: instant('until').notNull(),
    reason: text('reason').notNull(),
    actor: text('actor').notNull(),
    endedAt: instant('ended_at'),
    endedBy: text('ended_by'),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.silenceId] }), index('alert_silences_until').on(t.accountId, t.until)],
)

/** One digest per channel and local day, and how far it told: the next one begins there. */
export const alertDigests = recon.table(
  'alert_digests',
  {
    accountId: accountId(),
    channel: text('channel').notNull(),
    day: date('day').notNull(),
    messageId: uuid('message_id').notNull(),
    writtenAt: instant('written_at').notNull(),
    /** The last transition that it counts: events are numbered in the order in which they are committed. */
    lastEventId: int64('last_event_id').notNull(),
    /** Settlements that ended shortly before and stand in it, so that one that commits late is not left out of the next. */
    attemptIds: int64Array('attempt_ids').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.channel, t.day] })],
)
