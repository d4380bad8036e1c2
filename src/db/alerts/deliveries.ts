import { type SQL, sql } from 'drizzle-orm'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { Tx } from '../client.ts'
import { arrayOf, timestamp } from '../sql-values.ts'
import { epochMs, type Outbox } from './outbox.ts'

/** A message that is ours to send until its claim lapses. */
export interface ClaimedMessage {
  readonly messageId: string
  readonly cause: string
  /** JSON to the letter as it was stored: the same at each attempt. */
  readonly body: string
  readonly createdAt: Instant
  /** 1 for the first. It is also what tells this claim from a later one. */
  readonly attempt: number
}

/**
 * Takes the message of a channel that has been due longest, for `leaseMs` of the clock. A message waits for those written
 * before it, of the same mismatch, that are neither taken nor given up: nobody hears that it is resolved, and then that it
 * was opened. So does a digest for the one before. Of those written together what was opened goes first.
 * @param input `pauseMsMax`: a pause that would last longer is one of before the clock was set back
 * @returns null when none is due that nobody else is sending, or the target is dead or wants a pause
 */
export async function claimMessage(
  tx: Tx,
  { accountId, now, channel, leaseMs, pauseMsMax }: Outbox & { channel: string; leaseMs: number; pauseMsMax: number },
): Promise<ClaimedMessage | null> {
  const { rows } = await tx.execute<Record<string, string>>(sql`
    with ${waitingOn(accountId, channel)}, places as materialized (
      select message_id, rank() over (partition by subject order by number) as place from subjects
    ), due as materialized (
      select account_id, message_id from recon.alert_messages
      where ${isWaitingOn(accountId, channel)}
        and next_attempt_at <= ${timestamp(now)} and (claimed_until is null or claimed_until <= ${timestamp(now)})
        and message_id not in (select message_id from places where place > 1)
        and not exists (select from recon.alert_targets t
          where t.account_id = ${accountId} and t.channel = ${channel}
            and (t.dead_at is not null
              or t.paused_until > ${timestamp(now)} and t.paused_until <= ${timestamp(toInstant(now + pauseMsMax))}))
      order by next_attempt_at, number
      limit 1
      for update skip locked
    )
    update recon.alert_messages m
    set claimed_until = ${timestamp(toInstant(now + leaseMs))}, attempts = m.attempts + 1
    from due where m.account_id = due.account_id and m.message_id = due.message_id
    returning m.message_id, m.cause, m.body::text as body, m.attempts::text as attempts,
      ${epochMs(sql`m.created_at`)} as created_at`)
  const [row] = rows
  if (!row) return null
  return {
    messageId: String(row.message_id),
    cause: String(row.cause),
    body: String(row.body),
    createdAt: toInstant(Number(row.created_at)),
    attempt: Number(row.attempts),
  }
}

/**
 * Notes that a message was taken. True whoever says so: a receiver that took it has it. So the target answers, and what
 * waits for another attempt on its channel is due now.
 */
export async function noteDelivered(
  tx: Tx,
  { accountId, now, channel, messageId }: Outbox & { channel: string; messageId: string },
): Promise<void> {
  await tx.execute(sql`
    with taken as (
      update recon.alert_messages
      set delivered_at = ${timestamp(now)}, claimed_until = null, given_up_at = null, last_error = null
      where account_id = ${accountId} and message_id = ${messageId}::uuid and delivered_at is null
    ), waiting as (
      select message_id from recon.alert_messages
      where ${isWaitingOn(accountId, channel)} and message_id <> ${messageId}::uuid and claimed_until is null
        and next_attempt_at > ${timestamp(now)}
      order by number
      for update skip locked
    )
    update recon.alert_messages m set next_attempt_at = ${timestamp(now)}
    from waiting where m.account_id = ${accountId} and m.message_id = waiting.message_id`)
}

/**
 * Makes due what new messages have to wait for, itself or through others: they are a reason to try the target, and what
 * is tried first is the oldest. A backoff of hours would hold them back otherwise, though the target answers.
 */
export async function hastenOlder(
  tx: Tx,
  { accountId, now, channel, messageIds }: Outbox & { channel: string; messageIds: readonly string[] },
): Promise<void> {
  await tx.execute(sql`
    with recursive ${waitingOn(accountId, channel)}, ahead(message_id) as (
      select message_id from waiting where message_id = any(${arrayOf(messageIds)}::uuid[])
      union
      select older.message_id from ahead
      join subjects newer on newer.message_id = ahead.message_id
      join subjects older on older.subject = newer.subject and older.number < newer.number
    )
    update recon.alert_messages m set next_attempt_at = ${timestamp(now)}
    from ahead where m.account_id = ${accountId} and m.message_id = ahead.message_id
      and m.claimed_until is null and m.next_attempt_at > ${timestamp(now)}`)
}

/** Neither taken nor given up. */
const isWaitingOn = (accountId: number, channel: string): SQL =>
  sql`account_id = ${accountId} and channel = ${channel} and delivered_at is null and given_up_at is null`

/** Messages of a channel that are neither taken nor given up, and, where they are several, what each of them tells of. */
const waitingOn = (accountId: number, channel: string): SQL => sql`
  waiting as materialized (
    select message_id, number from recon.alert_messages
    where ${isWaitingOn(accountId, channel)}
  ), subjects as materialized (
    select w.message_id, w.number, coalesce(e.mismatch_id::text, 'digest') as subject
    from waiting w
    left join recon.alert_items i on i.account_id = ${accountId} and i.message_id = w.message_id
    left join recon.mismatch_events e on e.account_id = ${accountId} and e.event_id = i.event_id
    where (select count(*) from waiting) > 1
  )`

/** Notes that an attempt failed, unless a later one was begun since. Null for `nextAttemptAt` gives the message up. */
export async function noteFailed(
  tx: Tx,
  input: Outbox & { message: ClaimedMessage; error: string; nextAttemptAt: Instant | null },
): Promise<void> {
  const { accountId, now, message, error, nextAttemptAt } = input
  await tx.execute(sql`
    update recon.alert_messages
    set claimed_until = null, last_error = ${error},
      next_attempt_at = ${nextAttemptAt === null ? sql`next_attempt_at` : timestamp(nextAttemptAt)},
      given_up_at = ${nextAttemptAt === null ? timestamp(now) : sql`null`}
    where account_id = ${accountId} and message_id = ${message.messageId}::uuid and attempts = ${message.attempt}
      and delivered_at is null`)
}

/** Puts a message back as it was before the attempt, for as long as its target is dead. */
export async function noteUnsent(tx: Tx, { accountId, message }: Outbox & { message: ClaimedMessage }): Promise<void> {
  await tx.execute(sql`
    update recon.alert_messages set claimed_until = null
    where account_id = ${accountId} and message_id = ${message.messageId}::uuid and attempts = ${message.attempt}
      and delivered_at is null`)
}
