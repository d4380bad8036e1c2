import { sql } from 'drizzle-orm'
import {
  boolean,
  date,
  index,
  integer,
  json,
  pgSchema,
  primaryKey,
  serial,
  smallint,
  text,
  uuid,
} from 'drizzle-orm/pg-core'
import { HELCIM_ZONE } from '../../domain/helcim-time.ts'
import { accountId, createdNow, instant, int64, int64Array } from './columns.ts'

/** What tieout knows about its own work: accounts, calls, marks, checks, runs; pulls and coverage are in pulls.ts, findings in mismatches.ts. */
export const recon = pgSchema('recon')

export const accounts = recon.table('accounts', {
  accountId: serial('account_id').primaryKey(),
  name: text('name').notNull().unique(),
  baseUrl: text('base_url').notNull(),
  /** Terminals that complete pulls showed; a token of another merchant shows others alone and is refused. */
  boundTerminalIds: int64Array('bound_terminal_ids'),
  tokenFingerprint: text('token_fingerprint').notNull(),
  /** First Mountain date that the mirror is meant to hold. */
  historyFrom: date('history_from').notNull(),
  /** The merchant's, in which the views in schema `accounting` show local times and dates. */
  zone: text('zone').notNull().default(HELCIM_ZONE),
  createdAt: createdNow('created_at'),
  /** Former states of mismatches and judgements are kept from here on. */
  versionsSince: createdNow('versions_since'),
  /** Former matches are kept from here on. */
  matchVersionsSince: createdNow('match_versions_since'),
})

/** One row per account: its lock, and what answers taught us about the limits. All times are Postgres' own. */
export const budgets = recon.table('budgets', {
  accountId: integer('account_id').primaryKey(),
  /** No call before this instant: a 429 closed the account. */
  closedUntil: instant('closed_until'),
  closedReason: text('closed_reason'),
  /** 429s in a row, for the exponential back-off. */
  countRateLimited: integer('count_rate_limited').notNull().default(0),
  /** Calls of others in the last minute, as the last telling answer showed. */
  foreignMinute: integer('foreign_minute').notNull().default(0),
  foreignObservedAt: instant('foreign_observed_at'),
  /** 401s in a row that are not about a permission; at 3 the account stops. */
  countUnauthorized: integer('count_unauthorized').notNull().default(0),
  stoppedAt: instant('stopped_at'),
  stopReason: text('stop_reason'),
})

/** Calls of others per minute, so that the hour can be summed up: the hour header may stand still (API.md §2). */
export const foreignUse = recon.table(
  'foreign_use',
  { accountId: accountId(), minuteAt: instant('minute_at').notNull(), calls: integer('calls').notNull() },
  (t) => [primaryKey({ columns: [t.accountId, t.minuteAt] })],
)

/** One row per call: permit, audit log, and what the limits are counted from. */
export const calls = recon.table(
  'calls',
  {
    accountId: accountId(),
    callId: int64('call_id').notNull().generatedAlwaysAsIdentity(),
    callClass: text('call_class').notNull(),
    endpoint: text('endpoint').notNull(),
    holder: text('holder').notNull(),
    /** The process that made it, in `call_holders`; null where that was not told. */
    holderId: int64('holder_id'),
    permittedAt: instant('permitted_at').notNull(),
    deadlineAt: instant('deadline_at').notNull(),
    releasedAt: instant('released_at'),
    /** The slot is taken until then: deadline + drain while the call runs, its release afterwards. */
    occupiedUntil: instant('occupied_until').notNull(),
    /** Latest instant at which the call can have reached Helcim: it counts from there for a whole window. */
    countedFrom: instant('counted_from').notNull(),
    endKind: text('end_kind'),
    status: smallint('status'),
    durationMs: integer('duration_ms'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.callId] }),
    index('calls_counted').on(t.accountId, t.countedFrom),
    index('calls_occupied').on(t.accountId, t.occupiedUntil),
  ],
)

/**
 * Processes that make calls, so that a neighbour on the same machine can see that one was killed and need not wait for
 * the deadline of its calls. A row goes when its process is known to be gone.
 */
export const callHolders = recon.table(
  'call_holders',
  {
    accountId: accountId(),
    holderId: int64('holder_id').notNull().generatedAlwaysAsIdentity(),
    pid: integer('pid').notNull(),
    /** In the system's own words: compared, never computed with. */
    processStartedAt: text('process_started_at'),
    /** The boot and the pid namespace in which `pid` means something. */
    world: text('world').notNull(),
    hostname: text('hostname').notNull(),
    registeredAt: instant('registered_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.holderId] })],
)

/** Endpoints that a token may not use, so that we ask once and not for ever. */
export const endpointBlocks = recon.table(
  'endpoint_blocks',
  {
    accountId: accountId(),
    tokenFingerprint: text('token_fingerprint').notNull(),
    endpoint: text('endpoint').notNull(),
    words: text('words').notNull(),
    blockedAt: instant('blocked_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.tokenFingerprint, t.endpoint] })],
)

/** What has to be reconciled again because its rows changed. */
export const marks = recon.table(
  'marks',
  {
    accountId: accountId(),
    subjectKind: text('subject_kind').notNull(),
    subjectId: text('subject_id').notNull(),
    /** When that was stored: the last time for a card batch, else any of them; null where nothing was stored. */
    movedAt: instant('moved_at'),
    /** The rows of that subject that were stored; null for all of them. */
    rowIds: int64Array('row_ids'),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.subjectKind, t.subjectId] })],
)

/** How far each card batch is proved: statistics and rows are read apart, so both readings are dated. */
export const batchChecks = recon.table(
  'batch_checks',
  {
    accountId: accountId(),
    cardBatchId: int64('card_batch_id').notNull(),
    /** The present statistics were first and last seen by readings that began at these instants. */
    statisticsSince: instant('statistics_since'),
    statisticsUntil: instant('statistics_until'),
    /** Figures and rows as they stood when the closed batch was proved; whatever differs later moved after the close. */
    finalFingerprint: text('final_fingerprint'),
    /** The last complete reading of its rows. */
    rowsReadFrom: instant('rows_read_from'),
    rowsReadUntil: instant('rows_read_until'),
    /** When a row of it, or the batch, was last stored as it was not before, by whichever reading. */
    movedAt: instant('moved_at'),
    /** Since when the last complete reading of its newest rows ran, those above `complete_up_to`. */
    tailReadFrom: instant('tail_read_from'),
    /** Its rows up to this id are all here: a complete walk returned them, or they tied out. */
    completeUpTo: int64('complete_up_to'),
    /** `waiting`, `tied`, `differs`, or `missing` (transactions name it, Helcim does not return it). */
    state: text('state').notNull().default('waiting'),
    /** The newest reverse among the rows that tied out: its figures hold no later one. null: judged by an older version. */
    reversesUpTo: int64('reverses_up_to'),
    /** `statistics_since` as the judgement had it: of other statistics nobody has judged. null: judged by an older version. */
    judgedSince: instant('judged_since'),
    isFinal: boolean('is_final').notNull().default(false),
    checkedAt: instant('checked_at'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.cardBatchId] }),
    index('batch_checks_unproved').on(t.accountId, t.cardBatchId).where(sql`not is_final`),
  ],
)

/** Which transaction types enter Helcim's counts, learned on closed batches (CHECKS.md, family B). */
export const calibrations = recon.table(
  'calibrations',
  {
    accountId: accountId(),
    subject: text('subject').notNull(),
    rule: text('rule').notNull(),
    countAgreeing: integer('count_agreeing').notNull(),
    countTested: integer('count_tested').notNull(),
    calibratedAt: instant('calibrated_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.subject] })],
)

export const runs = recon.table(
  'runs',
  {
    accountId: accountId(),
    runId: int64('run_id').notNull().generatedAlwaysAsIdentity(),
    scope: text('scope').notNull(),
    startedAt: instant('started_at').notNull(),
    finishedAt: instant('finished_at').notNull(),
    countBatches: integer('count_batches').notNull(),
    countTied: integer('count_tied').notNull(),
    countWaiting: integer('count_waiting').notNull(),
    countDiffering: integer('count_differing').notNull(),
    countOpened: integer('count_opened').notNull(),
    countResolved: integer('count_resolved').notNull(),
    /** Sums of family D by currency, amounts as texts of minor units; of the customers that this run judged. */
    recurring: json('recurring').$type<unknown>(),
    /** Sums of approved card transactions by currency, what the run covered, and how fresh it was; null in older runs. */
    evidence: json('evidence').$type<unknown>(),
    /** Mismatches that it found, so that it can be told when one had last been seen. */
    seen: uuid('seen').array(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.runId] })],
)

/** Which charge is which payment's own, and by what: a transaction is used once, which the key holds. */
export const matches = recon.table(
  'matches',
  {
    accountId: accountId(),
    /** `card` or `ach`. */
    via: text('via').notNull(),
    transactionId: int64('transaction_id').notNull(),
    customerCode: text('customer_code').notNull(),
    subscriptionId: int64('subscription_id').notNull(),
    paymentNumber: integer('payment_number').notNull(),
    /** That the subscription was on when they were matched; it may move on. */
    paymentPlanId: int64('payment_plan_id'),
    /** `amount_and_time`, `amount_and_day`, `amount_elsewhere`, `amount_tolerated`, or `declined_try`, which carries no money. */
    rule: text('rule').notNull(),
    windowFrom: instant('window_from').notNull(),
    windowUntil: instant('window_until').notNull(),
    confidence: text('confidence').notNull(),
    isInterchangeable: boolean('is_interchangeable').notNull(),
    amountMinor: int64('amount_minor').notNull(),
    currency: text('currency').notNull(),
    matchedAt: instant('matched_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.via, t.transactionId] }),
    index('matches_customer').on(t.accountId, t.customerCode),
    index('matches_payment').on(t.accountId, t.subscriptionId, t.paymentNumber),
  ],
)

/** Customers with subscriptions that were judged, and when time alone can change what was said of them. */
export const recurringChecks = recon.table(
  'recurring_checks',
  {
    accountId: accountId(),
    customerCode: text('customer_code').notNull(),
    dueAt: instant('due_at'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.customerCode] }),
    index('recurring_checks_due').on(t.accountId, t.dueAt).where(sql`due_at is not null`),
  ],
)

/** Subjects of which time or a reading, without any change, can alter what is said; judged again from `dueAt` on. */
export const dueChecks = recon.table(
  'due_checks',
  {
    accountId: accountId(),
    /** `card` (`number currency`), `card_transaction`, `invoice` (its number), `ach_transaction` or `ach_batch`. */
    subjectKind: text('subject_kind').notNull(),
    subjectId: text('subject_id').notNull(),
    dueAt: instant('due_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.subjectKind, t.subjectId] }),
    index('due_checks_due').on(t.accountId, t.subjectKind, t.dueAt),
  ],
)

/** Since when work whose past instants are not made up is planned as it is. */
export const schedules = recon.table(
  'schedules',
  {
    accountId: accountId(),
    kind: text('kind').notNull(),
    /** All that it is planned by, as one text; null while it is switched off. */
    setting: text('setting'),
    since: instant('since').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.kind] })],
)

/** Work that the calendar says is due: one row per planned instant, which ends done, failed or superseded. */
export const dueWork = recon.table(
  'due_work',
  {
    accountId: accountId(),
    kind: text('kind').notNull(),
    plannedAt: instant('planned_at').notNull(),
    enqueuedAt: instant('enqueued_at'),
    claimedAt: instant('claimed_at'),
    finishedAt: instant('finished_at'),
    /** `done`, `failed` or `superseded`; `reason` says why where it is not done. */
    outcome: text('outcome'),
    reason: text('reason'),
    attempts: integer('attempts').notNull().default(0),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.kind, t.plannedAt] }),
    index('due_work_unfinished').on(t.accountId, t.kind, t.plannedAt).where(sql`finished_at is null`),
  ],
)
