import { sql } from 'drizzle-orm'
import { type Backfill, countRowsByDay } from '../../db/backfills.ts'
import type { Tx } from '../../db/client.ts'
import { listUnreadDays } from '../../db/coverage.ts'
import { createPull, listPullsByCausePrefix, listRunningPulls, type Pull } from '../../db/pulls.ts'
import {
  callsOf,
  countDays,
  type DayWindow,
  grownDays,
  planWindows,
  ROWS_OF_UNKNOWN,
  type RowsOf,
} from '../../domain/backfill.ts'
import { addDays, type BusinessDate } from '../../domain/calendar.ts'
import type { Instant } from '../../domain/clock.ts'
import { helcimDate } from '../../domain/helcim-time.ts'
import { resourceOf } from './resources.ts'

/** One more than a class may work at, so that none waits for us to look. */
const WINDOWS_AT_ONCE = 4

/** Errors that the next window would meet as well. */
const HOPELESS_CODES: readonly (string | null)[] = ['HELCIM_UNAUTHORIZED', 'HELCIM_NOT_PERMITTED', 'ACCOUNT_STOPPED']

/** How far a backfill is. */
export interface BackfillState {
  readonly countDays: number
  /** Not read since they were over, or only before `--again` was asked for; those being read included. */
  readonly countDaysLeft: number
  readonly countWindowsRunning: number
  /** Rows read, margins included, and the calls that brought them, over all runs of this backfill. */
  readonly countRows: number
  readonly countCalls: number
  /** Expected; what batches state about their transactions, corrected by what such windows turned out to cost. */
  readonly countCallsLeft: number
  /** Windows that this run gave up. */
  readonly failed: readonly Pull[]
}

/**
 * Asks for the next windows of a backfill, so that a few run at a time. Finished windows are the days that are covered:
 * nothing else is remembered, and so nothing can disagree with it. Run again after a kill it goes on from there, and
 * windows that the killed one left running are its own.
 * @param input `run` tells this run from earlier ones, whose failed windows are tried once more
 * @param tx a transaction: two runs at once must not ask for the same days
 * @returns the windows to be read now, and how far it is with them
 */
export async function askForBackfill(
  tx: Tx,
  { accountId, backfill, run, now }: { accountId: number; backfill: Backfill; run: string; now: Instant },
): Promise<{ asked: Pull[]; state: BackfillState }> {
  const { resource, from, to, againSince, backfillId } = backfill
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`backfill ${accountId}`}))`)
  const { pageLimit } = resourceOf(resource)
  const cause = `backfill ${backfillId} ${run}`
  const pulls = await listPullsByCausePrefix(tx, accountId, `backfill ${backfillId} `)
  // Also of one that was asked for with other days: what runs already need not be read twice.
  const running = (await listRunningPulls(tx, accountId)).filter(
    (pull) => pull.resource === resource && pull.window.kind === 'days' && pull.cause.startsWith('backfill '),
  )
  const failed = pulls.filter((pull) => pull.cause === cause && ['incomplete', 'not_permitted'].includes(pull.state))
  const freshFrom = helcimDate(now)
  const unread = await listUnreadDays(tx, { accountId, resource, from, to, freshFrom, since: againSince })

  const taken = new Set([...running, ...failed].flatMap((pull) => daysOf(windowOf(pull))))
  const days = unread.flatMap(daysOf).filter((day) => !taken.has(day))
  const read = pulls.filter((pull) => pull.state === 'complete')
  const { rowsOf, daysMax } = await knowledge(tx, { accountId, resource, read })
  const windows = planWindows(days.reverse(), rowsOf, daysMax)

  const isHopeless = failed.some((pull) => HOPELESS_CODES.includes(pull.failCode))
  const wanted = isHopeless ? [] : windows.slice(0, Math.max(0, WINDOWS_AT_ONCE - running.length))
  const asked: Pull[] = []
  for (const window of wanted) {
    const asking = { accountId, resource, window: { kind: 'days' as const, ...window }, cause, pageLimit, now }
    asked.push((await createPull(tx, { ...asking, callClass: 'backfill' })).pull)
  }
  const costOf = (window: DayWindow) => callsOf(window, rowsOf, pageLimit)
  const callsExpected = read.reduce((sum, pull) => sum + costOf(windowOf(pull)), 0)
  const callsRead = read.reduce((sum, pull) => sum + pull.countCalls, 0)
  const correction = callsExpected === 0 ? 1 : callsRead / callsExpected
  const callsLeft =
    windows.reduce((sum, window) => sum + costOf(window) * correction, 0) +
    running.reduce((sum, pull) => sum + Math.max(1, costOf(windowOf(pull)) * correction - pull.nextPage + 1), 0)
  return {
    asked,
    state: {
      countDays: countDays({ from, to }),
      countDaysLeft: unread.reduce((sum, range) => sum + countDays(range), 0),
      countWindowsRunning: running.length + asked.length,
      countRows: pulls.reduce((sum, pull) => sum + pull.countRows, 0),
      countCalls: pulls.reduce((sum, pull) => sum + pull.countCalls, 0),
      countCallsLeft: Math.ceil(callsLeft),
      failed,
    },
  }
}

/** What is known about how full days are: from the batches' own counts, else from the windows read so far. */
async function knowledge(
  tx: Tx,
  { accountId, resource, read }: { accountId: number; resource: string; read: readonly Pull[] },
): Promise<{ rowsOf: RowsOf; daysMax?: number }> {
  const counted = await countRowsByDay(tx, accountId)
  if (resource === 'card_transaction' && counted.size > 0) return { rowsOf: (day) => counted.get(day) ?? 0 }
  const last = read.at(-1)
  if (last === undefined) return { rowsOf: ROWS_OF_UNKNOWN }
  const window = windowOf(last)
  // Its margins are two days more.
  const rowsPerDay = last.countRows / (countDays(window) + 2)
  return { rowsOf: () => rowsPerDay, daysMax: grownDays(countDays(window)) }
}

function windowOf({ window }: Pull): DayWindow {
  if (window.kind === 'days') return window
  throw new Error(`a backfill reads days, not ${window.kind}`)
}

/** Ascending. */
function daysOf({ from, to }: DayWindow): BusinessDate[] {
  const days: BusinessDate[] = []
  for (let day = from; day <= to; day = addDays(day, 1)) days.push(day)
  return days
}
