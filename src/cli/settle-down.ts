import { sql } from 'drizzle-orm'
import type { Services } from '../context.ts'
import { isOfCardDays, listRunningPulls } from '../db/pulls.ts'
import { asDatabaseTrouble } from '../db/trouble.ts'
import { OperatingError, UsageError } from '../domain/operating-error.ts'
import type { Runtime } from './runtime.ts'

export interface PullProgress {
  readonly daysCovered: number
  readonly daysTotal: number
  readonly rows: number
  readonly calls: number
}

const LOOK_EVERY_MS = 50
/** Between the end of one job and the start of the next the queue looks empty for a moment. */
const QUIET_LOOKS = 4
/** Counting a large mirror takes longer than looking at its queue. */
const PROGRESS_EVERY_MS = 250

/** One account, and the queues that work for it. */
type Quieting = Pick<Runtime, 'queue' | 'settleQueue'> & { readonly services: Services }

/** Longer than the minute after which a daemon puts work without a job back into the queue. */
const STUCK_MS_MAX = 90_000

const STUCK_WORDS =
  'a reading or judgement failed for a reason that is no fault of Helcim’s, and stays undone: ' +
  '"tieout start" tries it each minute, and its log says why (job.crashed)'

/** A database or queue that is away this long while we look is not coming back by itself. */
const AWAY_LOOKS_MAX = 1_200

/**
 * Resolves when nothing is being read or judged any more: no pull runs, no mark waits, the queue is empty. A database
 * that is away for a moment is looked at again.
 * @param stuckMsMax for how long something may be open with no job left that would do it
 * @returns false when `signal` aborted first
 * @throws UsageError with exit code 1 when it is open for longer
 */
export async function waitUntilQuiet(
  runtime: Quieting,
  options: { signal: AbortSignal; onProgress?: (progress: PullProgress) => void; stuckMsMax?: number },
): Promise<boolean> {
  const { signal, onProgress, stuckMsMax = STUCK_MS_MAX } = options
  let quiet = 0
  let stuck = 0
  let away = 0
  let nextProgressAt = 0
  while (quiet < QUIET_LOOKS) {
    if (signal.aborted) return false
    if (stuck * LOOK_EVERY_MS >= stuckMsMax) throw new UsageError(STUCK_WORDS, { exitCode: 1 })
    try {
      const { isQuiet, isIdle } = await look(runtime)
      quiet = isQuiet ? quiet + 1 : 0
      if (onProgress && (quiet === QUIET_LOOKS || performance.now() >= nextProgressAt)) {
        onProgress(await progressOf(runtime))
        nextProgressAt = performance.now() + PROGRESS_EVERY_MS
      }
      stuck = isIdle && !isQuiet ? stuck + 1 : 0
      away = 0
    } catch (error) {
      const trouble = asDatabaseTrouble(error)
      const isPassing = trouble instanceof OperatingError && trouble.retry.kind === 'backoff'
      away += 1
      if (!isPassing || away > AWAY_LOOKS_MAX) throw trouble
      quiet = 0
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
  return true
}

async function look({ services, queue, settleQueue }: Quieting): Promise<{ isQuiet: boolean; isIdle: boolean }> {
  const { db, account } = services
  const running = await listRunningPulls(db, account.accountId)
  const counts = [await queue.counts(), await settleQueue.counts()]
  const { rows } = await db.execute<{ is_marked: boolean }>(
    sql`select exists (select from recon.marks where account_id = ${account.accountId}) as is_marked`,
  )
  const isIdle = counts.every(({ waiting, active, delayed }) => waiting + active + delayed === 0)
  return { isQuiet: running.length === 0 && isIdle && rows[0]?.is_marked === false, isIdle }
}

async function progressOf({ services: { db, account } }: Quieting): Promise<PullProgress> {
  const running = await listRunningPulls(db, account.accountId)
  const { rows } = await db.execute<Record<string, string>>(sql`
    select (select count(*) from recon.covered_days
        where account_id = ${account.accountId} and resource = 'card_transaction') as covered,
      (select count(*) from helcim.card_transactions where account_id = ${account.accountId}) as transactions,
      (select count(*) from recon.calls where account_id = ${account.accountId}) as calls`)
  const [row = {}] = rows
  const daysRunning = running
    .filter(isOfCardDays)
    .reduce(
      (days, { window }) =>
        days + (window.kind === 'days' ? (Date.parse(window.to) - Date.parse(window.from)) / 86_400_000 + 1 : 0),
      0,
    )
  const daysCovered = Number(row.covered)
  return {
    daysCovered,
    daysTotal: daysCovered + daysRunning,
    rows: Number(row.transactions),
    calls: Number(row.calls),
  }
}
