import { setTimeout as delay } from 'node:timers/promises'
import { postBooks } from '../books/post.ts'
import type { Config } from '../config.ts'
import { deepenHistory, loadHistoryFrom } from '../db/accounts.ts'
import { type Backfill, finishBackfill, openBackfill } from '../db/backfills.ts'
import { countUsage } from '../db/call-budget/usage.ts'
import { listUnprovedDays } from '../db/coverage.ts'
import { latestCompletePull, loadPull } from '../db/pulls.ts'
import { estimateLeftMs } from '../domain/backfill.ts'
import { addDays, type BusinessDate } from '../domain/calendar.ts'
import { shareOf } from '../domain/call-budget.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { UsageError } from '../domain/operating-error.ts'
import { askForBackfill, type BackfillState } from '../jobs/sync/ask-for-backfill.ts'
import { askForList } from '../jobs/sync/ask-for-lists.ts'
import { RESOURCES } from '../jobs/sync/resources.ts'
import { createLog } from '../log.ts'
import { runReconcile } from '../reconcile/run.ts'
import type { AccountWork } from './account-work.ts'
import { createProgressView, type ProgressView } from './backfill-progress.ts'
import { clockOf } from './clock.ts'
import { dateOf } from './date-option.ts'
import { paint, say } from './paint.ts'
import { resourcesOf } from './resource-option.ts'
import { openRuntime, type Runtime } from './runtime.ts'
import { waitUntilQuiet } from './settle-down.ts'
import { accountsOf, reasonsOf, type SyncOptions } from './sync.ts'

export interface BackfillOptions extends SyncOptions {
  readonly again?: boolean
}

/** What is asked of one account. */
export interface BackfillRequest {
  readonly resources: readonly string[]
  readonly from: BusinessDate
  readonly to: BusinessDate
  readonly isAgain: boolean
}

/** How one backfill ended. */
export interface BackfillEnd {
  readonly account: string
  readonly backfill: Backfill
  /** `stopped`: the command was interrupted; what was read is kept, and the next run goes on from there. */
  readonly outcome: 'complete' | 'incomplete' | 'stopped'
  readonly state: BackfillState
}

/** Reads the past, with the jobs and the budget of the daemon. @returns the exit code: 0 only if all of it is complete */
export async function runBackfill(config: Config, options: BackfillOptions, signal: AbortSignal): Promise<number> {
  const accounts = accountsOf(config, options)
  const resources = filledByDays(options.resource)
  const from = dateOf('--from', options.from)
  if (from === undefined) throw new UsageError('--from: say with which day to begin, like 2023-01-01')
  const today = helcimDate(clockOf(config).now())
  const to = dateOf('--to', options.to) ?? today
  if (from > to) throw new UsageError(`--from ${from} is after --to ${to}`)
  if (to > today) throw new UsageError(`--to ${to} is after today, ${today}`)
  const runtime = await openRuntime(config, { log: createLog({ level: 'silent', isPretty: false }) })
  try {
    const works: AccountWork[] = []
    for (const account of accounts) works.push(await runtime.add(account))
    const dead = new AbortController()
    runtime.work({ onDead: () => dead.abort() })
    const isSole = works.length * resources.length === 1
    const view = createProgressView({ json: options.json === true, isSole })
    const request = { resources, from, to, isAgain: options.again === true }
    const ends = await Promise.all(
      works.map((work) =>
        backfillAccount(runtime, work, request, { signal: AbortSignal.any([signal, dead.signal]), view }),
      ),
    ).finally(view.stop)
    for (const end of ends.flat()) tell(end, options.json === true)
    return ends.flat().every(({ outcome }) => outcome === 'complete') ? 0 : 1
  } finally {
    await runtime.close({ deadlineMs: 10_000 })
  }
}

/** Resources of which days are read. What is always read as a whole has no past to be filled in. */
function filledByDays(asked: readonly string[] | undefined): readonly string[] {
  const byDays = [...RESOURCES.values()].filter((one) => one.isReadByDays).map(({ name }) => name)
  const names = asked && asked.length > 0 ? resourcesOf(asked) : byDays
  const whole = names.find((name) => !byDays.includes(name))
  if (whole === undefined) return names
  throw new UsageError(
    `--resource: ${whole} is always read as a whole, so there is nothing to fill in; choose from ${byDays.join(', ')}`,
  )
}

/** One backfill after the other, for one account whose worker runs. */
export async function backfillAccount(
  runtime: Runtime,
  work: AccountWork,
  request: BackfillRequest,
  options: { signal: AbortSignal; view: ProgressView },
): Promise<BackfillEnd[]> {
  const { clock } = runtime
  const { db, account } = work.services
  const { accountId } = account
  const { resources, ...days } = request
  // What a killed process left in no queue: some of it is ours.
  await work.repair()
  await readBatchCounts(runtime, work, options.signal)
  const ends: BackfillEnd[] = []
  for (const resource of resources) {
    const backfill = await openBackfill(db, { accountId, resource, ...days, now: clock.now() })
    const state = await drive(runtime, work, backfill, options)
    const isComplete = state.countDaysLeft === 0
    if (isComplete) await db.transaction((tx) => finishBackfill(tx, { accountId, ...backfill, now: clock.now() }))
    const outcome = isComplete ? 'complete' : options.signal.aborted ? 'stopped' : 'incomplete'
    ends.push({ account: work.settings.name, backfill, outcome, state })
    if (isComplete && resource === 'card_transaction')
      await takeIntoHistory(runtime, work, request.from, options.signal)
  }
  return ends
}

const LOOK_EVERY_MS = 250
/** Real milliseconds for which windows may run without a job; then they are put back into the queue, once. */
const STUCK_MS_MAX = 5_000
const DAY_MS = 86_400_000

/** The list of batches, which tells in one call how full each day is. Without it windows grow by what was read. */
async function readBatchCounts(
  { clock, enqueue }: Runtime,
  { services }: AccountWork,
  signal: AbortSignal,
): Promise<void> {
  const { db, account } = services
  const { accountId } = account
  const known = await latestCompletePull(db, accountId, 'card_batch')
  if (known !== null && clock.now() - known.startedAt < DAY_MS) return
  const now = clock.now()
  const pull = await db.transaction((tx) =>
    askForList(tx, { accountId, cause: `backfill counts ${new Date(now).toISOString()}`, now }, 'card_batch'),
  )
  await enqueue.pullPage(pull)
  while (!signal.aborted && (await loadPull(db, pull))?.state === 'running') await sleepReal(LOOK_EVERY_MS, signal)
}

/** Keeps a few windows running until no day is left, none can be read, or the signal fires. */
async function drive(
  runtime: Runtime,
  work: AccountWork,
  backfill: Backfill,
  { signal, view }: { signal: AbortSignal; view: ProgressView },
): Promise<BackfillState> {
  const { clock, queue, enqueue } = runtime
  const { db, account } = work.services
  const { accountId } = account
  const run = new Date(clock.now()).toISOString()
  const startedAt = performance.now()
  const look = () => db.transaction((tx) => askForBackfill(tx, { accountId, backfill, run, now: clock.now() }))
  let countBefore: number | null = null
  let stuckMs = 0
  let isRepaired = false
  for (;;) {
    const { asked, state } = await look()
    for (const pull of asked) await enqueue.pullPage(pull)
    countBefore ??= state.countCalls
    const { failed: _, ...facts } = state
    const callsMade = state.countCalls - countBefore
    const quota = await quotaOf(runtime, work, { state, callsMade, elapsedMs: performance.now() - startedAt })
    view.update({ account: work.settings.name, resource: backfill.resource, ...facts, ...quota })
    if (signal.aborted || state.countWindowsRunning === 0) return state

    const { waiting, active, delayed } = await queue.counts()
    stuckMs = waiting + active + delayed === 0 ? stuckMs + LOOK_EVERY_MS : 0
    if (stuckMs >= STUCK_MS_MAX) {
      if (isRepaired) throw new UsageError(STUCK_WORDS, { exitCode: 1 })
      await work.repair()
      isRepaired = true
      stuckMs = 0
    }
    await sleepReal(LOOK_EVERY_MS, signal)
  }
}

const STUCK_WORDS =
  'a reading failed for a reason that is no fault of Helcim’s, and stays undone: "tieout start" tries it each minute, ' +
  'and its log says why (job.crashed)'

/** Ends early when the signal fires. */
const sleepReal = (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }).catch(() => undefined)

async function quotaOf(
  { clock }: Runtime,
  { services, settings }: AccountWork,
  { state, callsMade, elapsedMs }: { state: BackfillState; callsMade: number; elapsedMs: number },
): Promise<{ hourShareUsed: number; leftMs: number | null }> {
  const hourMs = clock.realMs(3_600_000)
  const usage = await countUsage(services.db, services.account.accountId, clock.realMs(60_000), hourMs)
  const hourUsed = usage.hour + usage.foreignHour
  const hourShare = shareOf(settings.limits, 'backfill').hour
  const { countCallsLeft: callsLeft } = state
  return {
    hourShareUsed: hourUsed / settings.limits.hour,
    leftMs: estimateLeftMs({ callsLeft, callsMade, elapsedMs, hourShare, hourUsed, hourMs }),
  }
}

/** Where the days join up with the history, they are part of it from now on: judged, exported, and held to be complete. */
async function takeIntoHistory(
  runtime: Runtime,
  { services }: AccountWork,
  from: BusinessDate,
  signal: AbortSignal,
): Promise<void> {
  const { db, account, clock, settings, books } = services
  const { accountId } = account
  const historyFrom = await loadHistoryFrom(db, accountId)
  if (from >= historyFrom) return
  const between = { accountId, resource: 'card_transaction', from, to: addDays(historyFrom, -1) }
  if ((await listUnprovedDays(db, between)).length > 0) return
  await deepenHistory(db, accountId, from)
  await runReconcile(db, { accountId, historyFrom: from, scope: 'full', settings, clock })
  await postBooks(db, { accountId, scope: 'full', settings: books, clock })
  await waitUntilQuiet({ ...runtime, services }, { signal, stuckMsMax: STUCK_MS_MAX })
}

function tell({ account, backfill, outcome, state }: BackfillEnd, isJson: boolean): void {
  const { resource, from, to } = backfill
  const reasons = reasonsOf(state.failed)
  if (isJson) {
    const { failed, ...counts } = state
    say(JSON.stringify({ account, resource, from, to, outcome, ...counts, countWindowsFailed: failed.length, reasons }))
    return
  }
  const days = `${from} to ${to}`
  const cost = `${state.countRows.toLocaleString('en-CA')} rows by ${state.countCalls.toLocaleString('en-CA')} calls`
  const left = `${state.countDaysLeft} of ${state.countDays} days are left`
  if (outcome === 'complete') {
    const how = state.countCalls === 0 ? 'nothing was left to read; --again reads it once more' : cost
    say(`  ${paint('green', '✓')} ${account} ${resource}: every day from ${days} was read completely, ${how}`)
  } else if (outcome === 'stopped') {
    say(`  Stopped: ${account} ${resource} from ${days}, ${left}. The same command goes on from there.`)
  } else {
    say(`  ${paint('red', '✗')} ${account} ${resource} from ${days}: ${left}`)
    for (const line of reasons) say(paint('red', `    ${line}`))
  }
}
