import { type AccountSettings, accountFingerprint } from '../accounts-file.ts'
import type { AlertChannel } from '../alerts/channel.ts'
import type { AlertSettings } from '../alerts-file.ts'
import type { BooksOf } from '../books-file.ts'
import { type Config, tokenFingerprint } from '../config.ts'
import type { Enqueue, Services, Settling } from '../context.ts'
import { ensureAccount } from '../db/accounts.ts'
import { beginChannels } from '../db/alerts/outbox.ts'
import { reviveTargets } from '../db/alerts/targets.ts'
import { createCallBudget } from '../db/call-budget.ts'
import type { Db } from '../db/client.ts'
import { listRunningPulls } from '../db/pulls.ts'
import { listUnfinishedAttempts } from '../db/settlement/attempts.ts'
import type { AlertRules } from '../domain/alert-rules.ts'
import { type Clock, toInstant } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import type { CallPermits } from '../domain/permits.ts'
import { rereadFrom } from '../domain/rhythm.ts'
import { cutOffsOf } from '../domain/settlement-cut-offs.ts'
import { createHelcimClient, type HelcimClient } from '../helcim/client.ts'
import { FIXED_CRONS } from '../jobs/due.ts'
import type { ScheduleEntry } from '../jobs/schedule/planner.ts'
import { createSchedule } from '../jobs/schedule/schedule.ts'
import { askForMissingLists } from '../jobs/sync/ask-for-due-lists.ts'
import { askForBatches, askForHistory } from '../jobs/sync/ask-for-lists.ts'
import type { Logger } from '../log.ts'
import { type EndedCall, observePermits } from './observed-permits.ts'

/** What the accounts of a process share. */
export interface Shared {
  readonly db: Db
  readonly clock: Clock
  readonly log: Logger
  readonly alertChannels: readonly AlertChannel[]
  /** Whom to tell what, also on channels that another process serves. */
  readonly alertSettings: AlertSettings
  readonly enqueue: Enqueue
  /** Chart of accounts and cut-off of an account, by its name. */
  readonly booksOf: BooksOf
  /** Files that are written by themselves; null for none. */
  readonly exporting: Config['exporting']
  /** Hears of each call to Helcim when it is over. */
  readonly onCallEnd: (call: EndedCall) => void
}

/** One account at work in this process. */
export interface AccountWork {
  readonly settings: AccountSettings
  /** Tells settings apart, see `accountFingerprint`. */
  readonly fingerprint: string
  readonly services: Services
  /** Starts its schedule. */
  schedule(): Promise<void>
  /** Asks for the batch list, for every day of the history that is not read, and every other list that never was. */
  askForMissing(cause: string): Promise<void>
  /** Puts running pulls and uncertain settlements back into a queue that may have lost them; none that waits is doubled. */
  repair(): Promise<void>
  /** From here on nothing comes due. */
  stopPlanning(): Promise<void>
  /** And no call is made. */
  close(): Promise<void>
}

/** The rarest work comes due daily: looking further back would find only what is superseded. */
const FIRST_DUE_MS_MAX = 86_400_000

/**
 * Takes an account up: its row, its budget, its client, its schedule.
 * @param boundTo what its data belongs to; its base URL unless said
 * @throws UsageError when the database holds an account of this name that is another's
 */
export async function openAccount(
  shared: Shared,
  settings: AccountSettings,
  boundTo = settings.baseUrl,
): Promise<AccountWork> {
  const { db, clock, enqueue } = shared
  const fingerprint = tokenFingerprint(settings.token)
  const log = shared.log.child({ account: settings.name })
  const account = await ensureAccount(db, {
    name: settings.name,
    baseUrl: boundTo,
    tokenFingerprint: fingerprint,
    today: helcimDate(clock.now()),
    historyDays: settings.historyDays,
    zone: settings.zone,
    now: clock.now(),
  })
  const { accountId, historyFrom } = account
  // Before anything is judged: what happens from here on is told.
  const alertRules = shared.alertSettings.rulesOf(settings.name)
  await beginChannels(db, { accountId, channels: alertRules.channels, now: clock.now() })
  // These settings may be others than those that a target refused.
  await reviveTargets(db, accountId)
  const budget = createCallBudget({ db, accountId, holder: `tieout-${process.pid}`, limits: settings.limits, clock })
  const permits = observePermits(budget, shared.onCallEnd)
  const helcim = createHelcimClient({ baseUrl: settings.baseUrl, token: settings.token, permits, log })
  const settling = createSettling(settings, { helcim, tokenFingerprint: fingerprint, permits, log })
  const { syncCron, reconcileCron, zone } = settings
  const schedule = createSchedule({
    db,
    clock,
    accountId,
    entries: [
      // First, as the one that has a time to keep.
      ...settleEntries(settings),
      { kind: 'poll', cron: syncCron, zone },
      { kind: 'full', cron: reconcileCron, zone },
      ...Object.entries(FIXED_CRONS).map(([kind, cron]) => ({ kind, cron, zone })),
      ...exportEntries(shared, zone),
      ...digestEntries(zone, alertRules),
    ],
    enqueue: enqueue.due,
    log,
    // What came due before a kind was ever planned is not lost with a process that was away just then.
    startsAt: toInstant(Math.max(account.createdAt, clock.now() - FIRST_DUE_MS_MAX)),
  })
  return {
    settings,
    fingerprint: accountFingerprint(settings),
    services: {
      db,
      account: { ...account, tokenFingerprint: fingerprint },
      helcim,
      settling,
      clock,
      settings: settings.checks,
      books: shared.booksOf(settings.name),
      exporting: shared.exporting,
      alertChannels: shared.alertChannels,
      alertRules,
    },
    schedule: () => schedule.start(),
    async askForMissing(cause) {
      const ask = { accountId, cause, now: clock.now() }
      const pulls = await db.transaction(async (tx) => [
        ...(await askForHistory(tx, ask, { historyFrom, freshFrom: rereadFrom(ask.now) })),
        ...(await askForBatches(tx, ask)),
        ...(await askForMissingLists(tx, ask)),
      ])
      // Pulls that a former process left running are taken up as well.
      const left = await listRunningPulls(db, accountId)
      for (const pull of [...pulls.filter((one) => one.state === 'running'), ...left]) await enqueue.pullPage(pull)
    },
    async repair() {
      for (const pull of await listRunningPulls(db, accountId)) await enqueue.pullPage(pull)
      for (const attempt of await listUnfinishedAttempts(db, accountId)) {
        await enqueue.confirmAttempt({ attempt, delayMs: 0 })
      }
      await enqueue.alert({ accountId })
    },
    stopPlanning: () => schedule.stop(),
    async close() {
      await schedule.stop()
      await Promise.all([helcim.close(), settling.helcim === helcim ? undefined : settling.helcim.close()])
    },
  }
}

/** How long Helcim may go on working on a call to settle that we gave up, as with any other call. Real milliseconds. */
const DRAIN_MS = 10_000

/** Goes by the token for settling where there is one, within the same limits: they are the merchant's. */
function createSettling(
  { baseUrl, zone, settle: { token, policy } }: AccountSettings,
  reading: { helcim: HelcimClient; tokenFingerprint: string; permits: CallPermits; log: Logger },
): Settling {
  const common = { policy, zone, drainMs: DRAIN_MS }
  if (token === null) return { ...common, helcim: reading.helcim, tokenFingerprint: reading.tokenFingerprint }
  const permits = permitsOfSecondToken(reading.permits)
  const helcim = createHelcimClient({ baseUrl, token, permits, log: reading.log })
  return { ...common, helcim, tokenFingerprint: tokenFingerprint(token) }
}

/** That this token is dead stops what it does, and is no reason to stop reading with the other one. */
const permitsOfSecondToken = (permits: CallPermits): CallPermits => ({
  async take(request) {
    const permit = await permits.take(request)
    return { deadlineAt: permit.deadlineAt, release: (end) => permit.release({ ...end, isUnauthorized: false }) }
  },
})

/**
 * No cut-off is made up that passed while settling was off, a dry run or planned otherwise: it begins with the next one.
 * What passed while no daemon ran is made up for on the same day.
 */
const settleEntries = ({ zone, settle: { policy } }: AccountSettings): readonly ScheduleEntry[] =>
  cutOffsOf(policy).map(({ kind, cron }) => ({ kind, cron, zone, setting: policy.mode }))

/** Switched on, it begins with the next time: files of before can be had from "tieout export". */
const exportEntries = ({ exporting }: Shared, zone: string): readonly ScheduleEntry[] =>
  exporting === null ? [] : [{ kind: 'export', cron: exporting.cron, zone, setting: 'on' }]

function digestEntries(zone: string, { digest }: AlertRules): readonly ScheduleEntry[] {
  if (digest === null) return []
  const [hour, minute] = digest.at.split(':').map(Number)
  return [{ kind: 'digest', cron: `${minute} ${hour} * * *`, zone }]
}
