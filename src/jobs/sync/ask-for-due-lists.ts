import type { Tx } from '../../db/client.ts'
import { type DayRange, listStaleDays, listUnfinishedDays } from '../../db/coverage.ts'
import { latestCompletePull, listRunningPulls, type Pull } from '../../db/pulls.ts'
import { addDays, type BusinessDate, startOfDay } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import { HELCIM_ZONE, helcimDate } from '../../domain/helcim-time.ts'
import { JITTER_MS, type Rhythm, spreadMs } from '../../domain/rhythm.ts'
import { type Ask, askForDays, askForList } from './ask-for-lists.ts'
import type { Resource } from './resource.ts'
import { RESOURCES } from './resources.ts'

/** What comes due so long before a day ends is read within it. */
const LATE_MS_MAX = 2 * 3_600_000
const NEVER = toInstant(0)

/** Asks for what is due by the rhythm of each resource: whole lists, days that change still, days not read for good. */
export async function askForDueLists(tx: Tx, ask: Ask, historyFrom: BusinessDate): Promise<Pull[]> {
  const running = await listRunningPulls(tx, ask.accountId)
  const pulls: Pull[] = []
  for (const resource of RESOURCES.values()) {
    const { name, rhythm } = resource
    if (rhythm === null) continue
    const isBeingRead = running.some((pull) => pull.resource === name && pull.window.kind === kindOf(rhythm))
    if (isBeingRead) continue
    if (rhythm.kind === 'days') pulls.push(...(await askForDueDays(tx, ask, resource, { rhythm, historyFrom })))
    else if (await isListDue(tx, ask, name, rhythm.everyMs)) {
      pulls.push(await askForList(tx, ask, name, rhythm.callClass))
    }
  }
  return pulls
}

/** Asks for the lists that were never read completely. */
export async function askForMissingLists(tx: Tx, ask: Ask): Promise<Pull[]> {
  const pulls: Pull[] = []
  for (const { name, rhythm } of RESOURCES.values()) {
    if (rhythm?.kind !== 'list' || (await latestCompletePull(tx, ask.accountId, name)) !== null) continue
    pulls.push(await askForList(tx, ask, name, rhythm.callClass))
  }
  return pulls
}

/** Days that are due: of the rhythm's stretches those read too long ago, before them those whose last reading came too early, or never. */
export async function askForDueDays(
  tx: Tx,
  ask: Ask,
  { name }: Resource,
  { rhythm, historyFrom }: { rhythm: Extract<Rhythm, { kind: 'days' }>; historyFrom: BusinessDate },
): Promise<Pull[]> {
  const { accountId, now } = ask
  const today = helcimDate(now)
  const pulls: Pull[] = []
  let to = today
  for (const { days, everyMs, callClass } of rhythm.stretches) {
    const first = addDays(today, 1 - days)
    const from = first < historyFrom ? historyFrom : first
    if (from > to) continue
    const readBefore = toInstant(now - everyMs + JITTER_MS)
    const stretch = { accountId, resource: name, from, to }
    const stale = await listStaleDays(tx, stretch, readBefore)
    const isTodayAlone = stale[0]?.from === today
    for (const range of isTodayAlone && (await canTodayWait(tx, stretch, everyMs)) ? [] : stale) {
      pulls.push(...(await askForDays(tx, ask, { ...range, callClass }, name)))
    }
    to = addDays(from, -1)
  }
  if (to < historyFrom) return pulls
  const older = { accountId, resource: name, from: historyFrom, to }
  const missing = await listUnfinishedDays(tx, older, rhythm.finalAfterDays)
  for (const range of missing.reverse()) {
    pulls.push(...(await askForDays(tx, ask, { ...range, callClass: 'backfill' }, name)))
  }
  return pulls
}

/**
 * A day that has just begun has nothing to be read, while its reading takes the day before along: it is read together with
 * the days before it where some of these come due before it ends.
 * @param stretch its last day is today
 */
async function canTodayWait(tx: Tx, stretch: DayRange, everyMs: number): Promise<boolean> {
  const { to: today } = stretch
  const neverRead = await listStaleDays(tx, { ...stretch, from: today }, NEVER)
  if (neverRead.length === 0) return false
  const endsAt = startOfDay(addDays(today, 1), HELCIM_ZONE)
  const readBefore = toInstant(endsAt - LATE_MS_MAX - everyMs)
  return (await listStaleDays(tx, { ...stretch, to: addDays(today, -1) }, readBefore)).length > 0
}

const kindOf = ({ kind }: Rhythm): 'all' | 'days' => (kind === 'list' ? 'all' : 'days')

async function isListDue(
  tx: Tx,
  { accountId, now }: { accountId: number; now: Instant },
  resource: string,
  everyMs: number,
): Promise<boolean> {
  const latest = await latestCompletePull(tx, accountId, resource)
  if (latest === null) return true
  return now - latest.startedAt >= Math.max(everyMs, spreadMs(latest.countCalls)) - JITTER_MS
}
