import { collectAlerts } from '../db/alerts/collect.ts'
import { type ClaimedMessage, claimMessage, noteDelivered, noteFailed } from '../db/alerts/deliveries.ts'
import { writeReminders } from '../db/alerts/reminders.ts'
import type { Db } from '../db/client.ts'
import { type Clock, toInstant } from '../domain/clock.ts'
import type { Logger } from '../log.ts'
import type { AlertChannel } from './channel.ts'
import { composeAlert } from './message.ts'
import {
  alertBackoffMs,
  GIVE_UP_AFTER_MS,
  INTERVAL_MS,
  ITEMS_MAX,
  LEASE_MS,
  REMINDER_STEPS,
  RUN_MS_MAX,
  SENDS_MAX,
} from './settings.ts'

export interface DeliverInput {
  readonly accountId: number
  /** Those that this process can reach, the quickest first; what waits on others stays in the outbox for who can. */
  readonly channels: readonly AlertChannel[]
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
  const { accountId, channels, clock } = input
  const { countReminded } = await writeReminders(db, { accountId, now: clock.now(), steps: REMINDER_STEPS })
  const { countMessages } = await collectAlerts(db, {
    accountId,
    now: clock.now(),
    channels: channels.map(({ name }) => name),
    intervalMs: INTERVAL_MS,
    itemsMax: ITEMS_MAX,
    compose: composeAlert,
  })
  const counts = { countReminded, countMessages, countSent: 0, countFailed: 0, countGivenUp: 0 }
  for (const channel of channels) await sendDue(db, channel, input, counts)
  return counts
}

/** Sends what is due on one channel, one claim at a time, until a send fails: a dead target costs one deadline a run. */
async function sendDue(db: Db, channel: AlertChannel, input: DeliverInput, counts: DeliverCounts): Promise<void> {
  const { accountId, clock, signal } = input
  const startedAt = performance.now()
  // The lease outlasts a send in real time, however fast the clock runs.
  const leaseMs = LEASE_MS * clock.rate
  for (let sends = 0; sends < SENDS_MAX && performance.now() - startedAt < RUN_MS_MAX; sends += 1) {
    if (signal?.aborted) return
    const message = await claimMessage(db, { accountId, now: clock.now(), channel: channel.name, leaseMs })
    if (message === null) return
    const { messageId, body } = message
    const outcome = await channel.send({ messageId, body })
    if (outcome.kind !== 'taken') return noteTrouble(db, { channel, message, outcome, counts }, input)
    await noteDelivered(db, { accountId, now: clock.now(), messageId })
    counts.countSent += 1
  }
}

async function noteTrouble(
  db: Db,
  trouble: {
    channel: AlertChannel
    message: ClaimedMessage
    outcome: { kind: 'refused' | 'failed'; words: string }
    counts: DeliverCounts
  },
  { accountId, clock, log, random = Math.random }: DeliverInput,
): Promise<void> {
  const { channel, message, outcome, counts } = trouble
  const now = clock.now()
  const isGivenUp = outcome.kind === 'refused' || now - message.createdAt >= GIVE_UP_AFTER_MS
  const nextAttemptAt = isGivenUp ? null : toInstant(now + alertBackoffMs(message.attempt, random))
  await noteFailed(db, { accountId, now, message, error: outcome.words, nextAttemptAt })
  const { messageId, cause, attempt } = message
  const facts = { channel: channel.name, messageId, cause, attempt, reason: outcome.words }
  if (nextAttemptAt === null) {
    counts.countGivenUp += 1
    log.error(facts, 'alert.given_up')
  } else {
    counts.countFailed += 1
    log.warn({ ...facts, nextAttemptAt: new Date(nextAttemptAt).toISOString() }, 'alert.send_failed')
  }
}
