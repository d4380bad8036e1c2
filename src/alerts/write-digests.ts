import { randomUUID } from 'node:crypto'
import { loadHistoryFrom } from '../db/accounts.ts'
import { hastenOlder } from '../db/alerts/deliveries.ts'
import { countMovements, listOpenForDigest, loadLastDigest, writeDigest } from '../db/alerts/digest.ts'
import { lockOutbox } from '../db/alerts/outbox.ts'
import { listSilences } from '../db/alerts/silences.ts'
import { listTargets } from '../db/alerts/targets.ts'
import { loadStopReason } from '../db/call-budget/usage.ts'
import type { Db, Tx } from '../db/client.ts'
import { listUnprovedDays } from '../db/coverage.ts'
import { listMismatches, listWorstMismatches } from '../db/mismatches.ts'
import { listAttemptsSince, listPassedBatches } from '../db/settlement/since.ts'
import { type AlertRules, isSilencedBy } from '../domain/alert-rules.ts'
import { addDays, businessDateOf } from '../domain/calendar.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import type { Subject } from '../domain/mismatch.ts'
import { composeDigest } from './digest-message.ts'

const DAY_MS = 24 * 3_600_000
/** A settlement may commit so much later than the instant it bears. */
const LATE_MS_MAX = 3_600_000
const WORST_MAX = 5
const PROBLEMS_MAX = 10

/**
 * Writes the digest that was due at `plannedAt` for each channel that is to have one, as a message of the outbox. It
 * tells what happened since the digest before, whenever that was, so that one that was left out loses nothing. Once per
 * channel and local day: run again or at the same time, by whomever, it writes nothing.
 */
export async function writeDigests(
  db: Db,
  input: {
    accountId: number
    account: string
    plannedAt: Instant
    rules: AlertRules
    zone: string
    now: Instant
  },
): Promise<{ countDigests: number }> {
  const { accountId, account, plannedAt, rules, zone, now } = input
  const { duties } = rules
  const day = businessDateOf(plannedAt, zone)
  return db.transaction(async (tx) => {
    await lockOutbox(tx, accountId)
    const silences = [...rules.silences, ...(await listSilences(tx, { accountId, now }))]
    const isTold = (one: { code: string; subject: Subject }) =>
      !silences.some((silence) => isSilencedBy(silence, one, now))
    const open = await listOpenForDigest(tx, accountId)
    const countTold = open.filter(isTold).length
    const worst = await listWorstMismatches(tx, { accountId, limit: WORST_MAX + open.length - countTold })
    const shared = {
      account,
      day,
      now,
      open,
      countSilenced: open.length - countTold,
      worst: worst
        .filter(({ code, subjectKind: kind, subjectId: id }) => isTold({ code, subject: { kind, id } }))
        .slice(0, WORST_MAX),
      problems: await listProblems(tx, { accountId, now }),
      deadChannels: await listDeadChannels(tx, { accountId, now, channels: rules.channels, zone }),
    }
    // What the next digest would list once more, because it looks back.
    const recent = await listAttemptsSince(tx, { accountId, after: toInstant(now - LATE_MS_MAX), without: [] })
    const attemptIds = recent.filter(({ state }) => state !== 'unknown').map(({ attemptId }) => attemptId)
    let countDigests = 0
    for (const channel of rules.digest?.to ?? []) {
      const last = await loadLastDigest(tx, { accountId, channel, now })
      const since = last?.writtenAt ?? toInstant(now - DAY_MS)
      const movements = await countMovements(tx, {
        accountId,
        after: last === null ? { at: since } : { eventId: last.lastEventId },
      })
      const after = last === null ? since : toInstant(since - LATE_MS_MAX)
      const attempts = await listAttemptsSince(tx, { accountId, after, without: last?.attemptIds ?? [] })
      const passed = await listPassedBatches(tx, { accountId, after: since })
      const body = composeDigest({ ...shared, since, movements, attempts, passed }, { duties, zone })
      const mark = { lastEventId: movements.lastEventId, attemptIds }
      const message = { messageId: randomUUID(), cause: `digest ${day}`, body, mark }
      if (!(await writeDigest(tx, { accountId, channel, now, day, ...message }))) continue
      await hastenOlder(tx, { accountId, channel, now, messageIds: [message.messageId] })
      countDigests += 1
    }
    return { countDigests }
  })
}

/** What of the mirror is not read completely, or cannot be read at all. */
async function listProblems(tx: Tx, { accountId, now }: { accountId: number; now: Instant }): Promise<string[]> {
  const stopReason = await loadStopReason(tx, accountId)
  const gaps = await listMismatches(tx, {
    accountId,
    filter: { states: ['open', 'acknowledged'], codes: ['pull_incomplete', 'filter_ignored'] },
    order: 'severity',
    now,
  })
  const problems = [
    ...(stopReason === null ? [] : [`No call is made any more: ${stopReason}`]),
    ...(await listUnreadDays(tx, { accountId, now })),
    ...gaps.map(({ summary }) => summary),
  ]
  const countMore = problems.length - PROBLEMS_MAX
  return countMore <= 0 ? problems : [...problems.slice(0, PROBLEMS_MAX), `${countMore} more: "tieout status".`]
}

/** Days that are over and were not read since: the first reading is under way, or does not get on. */
async function listUnreadDays(tx: Tx, { accountId, now }: { accountId: number; now: Instant }): Promise<string[]> {
  const from = await loadHistoryFrom(tx, accountId)
  const to = addDays(helcimDate(now), -1)
  const ranges = await listUnprovedDays(tx, { accountId, resource: 'card_transaction', from, to })
  const [first] = ranges
  if (!first) return []
  const days = first.from === first.to ? first.from : `${first.from} to ${first.to}`
  const more = ranges.length === 1 ? '' : ` and ${ranges.length - 1} more ranges`
  return [`Card transactions of ${days}${more} were not read since these days were over.`]
}

/** Channels on which nobody is told any more: whoever reads this hears it on another one. */
async function listDeadChannels(
  tx: Tx,
  { accountId, now, channels, zone }: { accountId: number; now: Instant; channels: readonly string[]; zone: string },
): Promise<string[]> {
  const targets = await listTargets(tx, { accountId, now })
  return targets.flatMap(({ channel, deadAt, words, countUndelivered }) => {
    if (deadAt === null || !channels.includes(channel)) return []
    const since = businessDateOf(deadAt, zone)
    return [
      `Nothing is sent to ${channel} since ${since} (${words ?? 'refused'}), and ${countUndelivered} of its messages wait: ` +
        'correct its setting and restart tieout.',
    ]
  })
}
