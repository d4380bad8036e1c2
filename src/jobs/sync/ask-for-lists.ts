import type { Tx } from '../../db/client.ts'
import { listStaleDays, listUnreadDays, loadCardDaysCalls } from '../../db/coverage.ts'
import { createPull, isOfCardDays, latestCompletePull, listRunningPulls, type Pull } from '../../db/pulls.ts'
import type { CallClass } from '../../domain/budget-class.ts'
import { addDays, type BusinessDate } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import { helcimDate } from '../../domain/helcim-time.ts'
import { isOfHistory, WINDOW_DAYS_MAX } from '../../domain/pull.ts'
import { CARD_DAYS, cardDaysRestMs, TERMINALS_EVERY_MS } from '../../domain/rhythm.ts'
import { mayBeCut } from './ask-for-unlisted.ts'
import { resourceOf } from './resources.ts'

/** Polls that are further apart bring little beside the days. */
const POLLED_WITHIN_MS = 3_600_000

export interface Ask {
  readonly accountId: number
  /** Why; asking again with the same cause is harmless. */
  readonly cause: string
  readonly now: Instant
}

/** The poll: all batches with their statistics in one call, and once a day the terminals. */
export async function askForBatches(tx: Tx, ask: Ask): Promise<Pull[]> {
  const terminals = await latestCompletePull(tx, ask.accountId, 'card_terminal')
  const isTerminalsDue = terminals === null || ask.now - terminals.startedAt >= TERMINALS_EVERY_MS
  return [
    ...(isTerminalsDue ? [await askForList(tx, ask, 'card_terminal')] : []),
    await askForList(tx, ask, 'card_batch'),
  ]
}

export async function askForList(
  tx: Tx,
  { accountId, cause, now }: Ask,
  resource: string,
  callClass: CallClass = 'fresh',
): Promise<Pull> {
  const { pageLimit } = resourceOf(resource)
  const asked = { accountId, resource, window: { kind: 'all' as const }, cause, callClass }
  return (await createPull(tx, { ...asked, pageLimit, now })).pull
}

/** Reads a range of Mountain days completely, the newest first, in windows of at most a week. */
export async function askForDays(
  tx: Tx,
  { accountId, cause, now }: Ask,
  range: { from: BusinessDate; to: BusinessDate; callClass: CallClass },
  resource = 'card_transaction',
): Promise<Pull[]> {
  const { pageLimit } = resourceOf(resource)
  const pulls: Pull[] = []
  for (let to = range.to; to >= range.from; to = addDays(to, -WINDOW_DAYS_MAX)) {
    let from = addDays(to, 1 - WINDOW_DAYS_MAX)
    if (from < range.from) from = range.from
    const window = { kind: 'days' as const, from, to }
    const asked = { accountId, resource, window, cause, callClass: range.callClass }
    pulls.push((await createPull(tx, { ...asked, pageLimit, now })).pull)
  }
  return pulls
}

/**
 * The last days of card transactions once more, so that late rows and rows in no batch come to light. Those of a merchant
 * with many are left alone for a while, as long lists are.
 */
export async function askForLastDays(tx: Tx, ask: Ask): Promise<Pull[]> {
  const today = helcimDate(ask.now)
  const range = { from: addDays(today, 1 - CARD_DAYS.recent), to: today }
  return (await canWait(tx, ask, range)) ? [] : askForDays(tx, ask, { ...range, callClass: 'detail' })
}

async function canWait(
  tx: Tx,
  { accountId, now }: Ask,
  { from, to }: { from: BusinessDate; to: BusinessDate },
): Promise<boolean> {
  const restMs = cardDaysRestMs(await loadCardDaysCalls(tx, accountId))
  if (restMs === 0) return false
  // New batches that a list hides because it is cut short, or because it is not read, show in the days alone.
  const batches = await latestCompletePull(tx, accountId, 'card_batch')
  if (batches === null || now - batches.startedAt > POLLED_WITHIN_MS) return false
  if (await mayBeCut(tx, batches, batches.countRows)) return false
  const isReadingThem = ({ resource, window }: Pull) =>
    resource === 'card_transaction' && window.kind === 'days' && window.from <= from && window.to >= to
  if ((await listRunningPulls(tx, accountId)).some(isReadingThem)) return true
  // Today is a day of the history that is read as soon as it has begun, and nothing tells how long ago the others were.
  const before = { accountId, resource: 'card_transaction', from, to: addDays(to, -1) }
  return (await listStaleDays(tx, before, toInstant(now - restMs))).length === 0
}

/**
 * Days of the account's history that are not read, today included; none while they are being read.
 * @param freshFrom the first of the days that are read again without it: of these, those that no reading ever covered
 */
export async function askForHistory(
  tx: Tx,
  ask: Ask,
  { historyFrom, freshFrom }: { historyFrom: BusinessDate; freshFrom: BusinessDate },
): Promise<Pull[]> {
  const running = await listRunningPulls(tx, ask.accountId)
  if (running.some((pull) => isOfCardDays(pull) && isOfHistory(pull.window, historyFrom))) return []
  const ranges = await listUnreadDays(tx, {
    accountId: ask.accountId,
    resource: 'card_transaction',
    from: historyFrom,
    to: helcimDate(ask.now),
    freshFrom,
  })
  const pulls: Pull[] = []
  for (const range of ranges.reverse()) pulls.push(...(await askForDays(tx, ask, { ...range, callClass: 'backfill' })))
  return pulls
}
