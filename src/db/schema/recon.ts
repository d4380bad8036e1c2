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
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { HELCIM_ZONE } from '../../domain/helcim-time.ts'
import { accountId, createdNow, emptyText, instant, int64, int64Array } from './columns.ts'

/** What tieout knows about its own work: accounts, calls, pulls, coverage, runs, findings. */
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

/** One reading of one window of one resource, page by page. Its progress moves with its rows, in one transaction. */
export const pulls = recon.table(
  'pulls',
  {
    accountId: accountId(),
    pullId: int64('pull_id').notNull().generatedAlwaysAsIdentity(),
    resource: text('resource').notNull(),
    /** `all`, `days` (fromDate … toDate, Mountain, inclusive), `card_batch`, `card_batch_tail`, `one` (an id), `code`, `batch_number` (terminal:number). */
    windowKind: text('window_kind').notNull(),
    fromDate: date('from_date'),
    toDate: date('to_date'),
    subject: emptyText('subject'),
    /** Why it was asked for; with resource, window and cause it is unique, so that asking twice is harmless. */
    cause: text('cause').notNull(),
    callClass: text('call_class').notNull(),
    /** `running`, `complete`, `incomplete` (gave up), `not_permitted`, `split` (its parts took over). */
    state: text('state').notNull().default('running'),
    startedAt: instant('started_at').notNull(),
    finishedAt: instant('finished_at'),
    /** Walk = one pass over all pages; a new walk starts over when pages moved underneath. */
    walk: smallint('walk').notNull().default(1),
    walkStartedAt: instant('walk_started_at').notNull(),
    nextPage: integer('next_page').notNull().default(1),
    /** Where a walk begins: 1, or the page on which a tail of an ascending list does. */
    firstPage: integer('first_page').notNull().default(1),
    /** Of a tail: what lies up to this id was read before. */
    aboveId: int64('above_id'),
    /** 0 for a list that takes none. */
    pageLimit: integer('page_limit').notNull(),
    countRows: integer('count_rows').notNull().default(0),
    countChanged: integer('count_changed').notNull().default(0),
    countUndecodable: integer('count_undecodable').notNull().default(0),
    countCalls: integer('count_calls').notNull().default(0),
    largestPage: integer('largest_page').notNull().default(0),
    /** `descending`, `ascending` or `none`, as this walk saw it; null before two rows were seen. A tail begins with the known one. */
    listOrder: text('list_order'),
    failCode: text('fail_code'),
    failWords: text('fail_words'),
    progressAt: instant('progress_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.pullId] }),
    uniqueIndex('pulls_identity').on(t.accountId, t.resource, t.windowKind, t.subject, t.cause),
    index('pulls_running').on(t.accountId, t.resource).where(sql`state = 'running'`),
    // Webhooks ask for many.
    index('pulls_cause').on(t.accountId, t.cause),
    index('pulls_finished').on(t.accountId, t.resource, t.windowKind, t.finishedAt),
    // Each page asks for the largest.
    index('pulls_largest_page').on(t.accountId, t.resource, t.largestPage),
  ],
)

/** In which order a list comes, as the last walk that could tell saw it; on what that says, tails are read instead of batches. */
export const listOrders = recon.table(
  'list_orders',
  {
    accountId: accountId(),
    resource: text('resource').notNull(),
    /** The filter: `card_batch`. */
    windowKind: text('window_kind').notNull(),
    /** `descending`, `ascending`, or `none` once it did not hold. */
    listOrder: text('list_order').notNull(),
    /** Rows on a full page, where a walk had several; else null. */
    pageSize: integer('page_size'),
    observedAt: instant('observed_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.resource, t.windowKind] })],
)

/** Ids seen by a running walk. Unlogged (by hand in the migration): after a crash of Postgres the walk starts over. */
export const pullPages = recon.table(
  'pull_pages',
  {
    accountId: accountId(),
    pullId: int64('pull_id').notNull(),
    walk: smallint('walk').notNull(),
    page: integer('page').notNull(),
    ids: int64Array('ids').notNull(),
    /** Smallest and largest of them; null: none, or stored by an older version. */
    minId: int64('min_id'),
    maxId: int64('max_id'),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.pullId, t.walk, t.page] })],
)

/** Days whose card transactions were read completely, and when that reading began. */
export const coveredDays = recon.table(
  'covered_days',
  {
    accountId: accountId(),
    resource: text('resource').notNull(),
    day: date('day').notNull(),
    readAt: instant('read_at').notNull(),
    pullId: int64('pull_id').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.resource, t.day] })],
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
