import { type ClaimedMessage, claimMessage, noteDelivered, noteFailed, noteUnsent } from '../db/alerts/deliveries.ts'
import { writeReminders } from '../db/alerts/reminders.ts'
import { noteDead, notePause } from '../db/alerts/targets.ts'
import type { Db } from '../db/client.ts'
import type { AlertRules } from '../domain/alert-rules.ts'
import { type Clock, toInstant } from '../domain/clock.ts'
import type { Logger } from '../log.ts'
import type { AlertChannel, SendOutcome } from './channel.ts'
import { collectAlerts } from './collect.ts'
import {
  alertBackoffMs,
  GIVE_UP_AFTER_MS,
  GIVE_UP_ATTEMPTS_MIN,
  LEASE_MS,
  PAUSE_MS_MAX,
  REMINDER_STEPS,
  RUN_MS_MAX,
  SENDS_MAX,
} from './settings.ts'

export interface DeliverInput {
  readonly accountId: number
  /** Those that this process can reach, the quickest first; what waits on others stays in the outbox for who can. */
  readonly channels: readonly AlertChannel[]
  readonly rules: AlertRules
  /** The account's, in which days are meant. */
  readonly zone: string
  readonly clock: Clock
  readonly log: Logger
  /** Fires at shutdown: no further send is begun, and what waits stays due. */
  readonly signal?: AbortSignal
  readonly random?: () => number
}

export interface DeliverCounts {
  countReminded: number
  countMessages: number
  countSent: number
  countFailed: number
  countGivenUp: number
}

/**
 * Tells what happened: writes reminders that came due, gathers what no channel was told into messages, and sends what
 * is due. Each step reads what the former committed and may be cut off anywhere: a message is recorded before it is
 * sent, and sent again under its id until it is known to be taken.
 */
export async function deliverAlerts(db: Db, input: DeliverInput): Promise<DeliverCounts> {
  const { accountId, channels, rules, zone, clock } = input
  const { countReminded } = await writeReminders(db, { accountId, now: clock.now(), steps: REMINDER_STEPS })
  const { countMessages } = await collectAlerts(db, {
    accountId,
    now: clock.now(),
    rules,
    zone,
    channels: channels.map(({ name }) => name),
  })
  const counts = { countReminded, countMessages, countSent: 0, countFailed: 0, countGivenUp: 0 }
  for (const channel of channels) await sendDue(db, channel, input, counts)
  return counts
}

/** Sends what is due on one channel, one claim at a time, until a send fails: a dead target costs one deadline a run. */
async function sendDue(db: Db, channel: AlertChannel, input: DeliverInput, counts: DeliverCounts): Promise<void> {
  const { accountId, clock, log, signal } = input
  const startedAt = performance.now()
  // The lease outlasts a send in real time, however fast the clock runs.
  const leaseMs = LEASE_MS * clock.rate
  for (let sends = 0; sends < SENDS_MAX && performance.now() - startedAt < RUN_MS_MAX; sends += 1) {
    if (signal?.aborted) return
    const pauseMsMax = PAUSE_MS_MAX * clock.rate
    const message = await claimMessage(db, { accountId, now: clock.now(), channel: channel.name, leaseMs, pauseMsMax })
    if (message === null) return
    const { messageId, body } = message
    const outcome = await channel.send({ messageId, body })
    if (outcome.kind !== 'taken') return noteTrouble(db, { channel, message, outcome, counts }, input)
    await noteDelivered(db, { accountId, now: clock.now(), channel: channel.name, messageId })
    if (outcome.words !== undefined)
      log.warn({ channel: channel.name, messageId, reason: outcome.words }, 'alert.taken_in_part')
    counts.countSent += 1
  }
}

/** What waits for a target that is dead goes on waiting; everything else is tried again, or given up. */
async function noteTrouble(
  db: Db,
  trouble: {
    channel: AlertChannel
    message: ClaimedMessage
    outcome: Exclude<SendOutcome, { kind: 'taken' }>
    counts: DeliverCounts
  },
  { accountId, clock, log, random = Math.random }: DeliverInput,
): Promise<void> {
  const { channel, message, outcome, counts } = trouble
  const { messageId, cause, attempt } = message
  const now = clock.now()
  const facts = { channel: channel.name, messageId, cause, attempt, reason: outcome.words }
  if (outcome.kind === 'dead') {
    counts.countFailed += 1
    // The death first: a process that is killed between the two leaves a claim that lapses, and no attempt.
    await noteDead(db, { accountId, channel: channel.name, now, words: outcome.words })
    await noteUnsent(db, { accountId, now, message })
    log.error(facts, 'alert.target_dead')
    return
  }
  const pauseMs = outcome.kind === 'failed' ? Math.min(PAUSE_MS_MAX, outcome.retryAfterMs ?? 0) * clock.rate : 0
  if (pauseMs > 0) await notePause(db, { accountId, channel: channel.name, now, until: toInstant(now + pauseMs) })
  const isOld = now - message.createdAt >= GIVE_UP_AFTER_MS && attempt >= GIVE_UP_ATTEMPTS_MIN
  const isGivenUp = outcome.kind === 'refused' || isOld
  const nextAttemptAt = isGivenUp ? null : toInstant(now + Math.max(pauseMs, alertBackoffMs(attempt, random)))
  await noteFailed(db, { accountId, now, message, error: outcome.words, nextAttemptAt })
  if (nextAttemptAt === null) {
    counts.countGivenUp += 1
    log.error(facts, 'alert.given_up')
  } else {
    counts.countFailed += 1
    log.warn({ ...facts, nextAttemptAt: new Date(nextAttemptAt).toISOString() }, 'alert.send_failed')
  }
}
