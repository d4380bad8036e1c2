import { randomUUID } from 'node:crypto'
import { type SQL, sql } from 'drizzle-orm'
import { type Instant, toInstant } from '../domain/clock.ts'
import { type Severity, WORKER_ACTOR } from '../domain/mismatch.ts'
import type { Db, Tx } from './client.ts'
import { arrayOf, timestamp } from './mirror/store-records.ts'
import { eventInstant, lockMismatches } from './mismatches/lock.ts'
import { alertMessages } from './schema/mismatches.ts'

/** Transitions that are told; acknowledging, assigning and noting are a person's own doing. */
export const TOLD_KINDS = ['opened', 'reopened', 'resolved', 'reminded'] as const
export type ToldKind = (typeof TOLD_KINDS)[number]

/** One transition as a message lists it: the amounts are those of that time, state and words those of now. */
export interface AlertItem {
  readonly mismatchId: string
  readonly at: Instant
  readonly severity: Severity
  readonly subject: { readonly kind: string; readonly id: string }
  readonly period: string
  readonly currency: string | null
  readonly expectedMinor: bigint | null
  readonly actualMinor: bigint | null
  readonly expectedText: string | null
  readonly actualText: string | null
  readonly state: string
  readonly resolution: string | null
  readonly summary: string
  readonly advice: string
}

/** All that one message tells: the transitions of one kind and code that gathered in an interval. */
export interface AlertDigest {
  readonly account: string
  readonly kind: ToldKind
  readonly code: string
  readonly at: Instant
  readonly count: number
  /** Sum of the differences without their signs, per currency; nothing where the sides are no amounts. */
  readonly atStake: readonly { readonly currency: string; readonly minor: bigint }[]
  /** The worst first, then the most money; no more than were asked for. */
  readonly items: readonly AlertItem[]
}

/** A person is reminded of mismatches of this severity and state at this age since they were last opened. */
export interface ReminderStep {
  readonly reminder: number
  readonly ageMs: number
  readonly severity: Severity
  readonly state: 'open' | 'acknowledged'
}

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

interface Outbox {
  readonly accountId: number
  readonly now: Instant
}

/** The cause of the row that says since when a channel is switched on. */
export const BEGUN = 'channel begun'

/**
 * Switches channels on that never were. A channel's first row in the outbox is a mark, delivered when it is written,
 * and its items are all transitions that were committed by then: so they count as told, and every transition has one
 * item per channel in the end. What commits later is told, whatever instant it bears; a border drawn by time or by
 * number would lose the run that was under way. Once on, a channel stays so: one that was taken from the settings is
 * told what it missed when it returns.
 */
export async function beginChannels(
  db: Db,
  { accountId, now, channels }: Outbox & { channels: readonly string[] },
): Promise<void> {
  await db.transaction(async (tx) => {
    await lockOutbox(tx, accountId)
    for (const channel of channels) {
      const messageId = randomUUID()
      const { rowCount } = await tx.execute(sql`
        insert into recon.alert_messages
          (account_id, message_id, channel, cause, body, created_at, next_attempt_at, delivered_at)
        select ${accountId}, ${messageId}::uuid, ${channel}, ${BEGUN}, '{}', ${timestamp(now)}, ${timestamp(now)},
          ${timestamp(now)}
        where not exists (select from recon.alert_messages
          where account_id = ${accountId} and channel = ${channel} and cause = ${BEGUN})`)
      if (rowCount === 0) continue
      await tx.execute(sql`
        insert into recon.alert_items (account_id, channel, event_id, message_id)
        select e.account_id, ${channel}, e.event_id, ${messageId}::uuid from recon.mismatch_events e
        where ${isUntold(accountId, channel)}`)
    }
  })
}

/** Writes each reminder that came due, once per mismatch and step; of several missed steps only the last. */
export async function writeReminders(
  db: Db,
  { accountId, now, steps }: Outbox & { steps: readonly ReminderStep[] },
): Promise<{ countReminded: number }> {
  return db.transaction(async (tx) => {
    await lockMismatches(tx, accountId)
    const { rowCount } = await tx.execute(sql`
      insert into recon.mismatch_events
        (account_id, mismatch_id, kind, at, actor, severity, currency, expected_minor, actual_minor, reminder)
      select m.account_id, m.mismatch_id, 'reminded', ${eventInstant(accountId, sql`m.mismatch_id`, now)}, ${WORKER_ACTOR}, m.severity, m.currency,
        m.expected_minor, m.actual_minor, due.reminder
      from recon.mismatches m
      left join lateral (
        select e.event_id, e.at from recon.mismatch_events e
        where e.account_id = m.account_id and e.mismatch_id = m.mismatch_id and e.kind in ('opened', 'reopened')
        order by e.event_id desc limit 1
      ) opened on true
      cross join lateral (
        select max(s.reminder) as reminder
        from json_to_recordset(${JSON.stringify(steps)}::json) as s(
          reminder int, "ageMs" bigint, severity text, state text)
        where s.severity = m.severity and s.state = m.state
          and coalesce(opened.at, m.first_seen_at) + s."ageMs" * interval '1 millisecond' <= ${timestamp(now)}
      ) due
      where m.account_id = ${accountId} and m.state <> 'resolved' and due.reminder is not null
        and not exists (select from recon.mismatch_events r
          where r.account_id = m.account_id and r.mismatch_id = m.mismatch_id and r.kind = 'reminded'
            and r.event_id > coalesce(opened.event_id, 0) and r.reminder >= due.reminder)
      -- The same reminders have the same order, whatever the plan: what is told follows it.
      order by m.code, m.subject_kind, m.subject_id, m.period`)
    return { countReminded: rowCount ?? 0 }
  })
}

/**
 * Puts every transition that a channel has not been told into a message, all of one cause (kind and code) into one. A
 * cause that has a message younger than the interval waits for the next. Messages, items and bodies are written in one
 * transaction: killed anywhere, it is as if it had never begun.
 * @param compose turns what a message tells into the body that will be sent
 */
export async function collectAlerts(
  db: Db,
  input: Outbox & {
    channels: readonly string[]
    intervalMs: number
    itemsMax: number
    compose: (digest: AlertDigest) => Record<string, unknown>
  },
): Promise<{ countMessages: number }> {
  const { accountId, now, channels, itemsMax, compose } = input
  return db.transaction(async (tx) => {
    await lockOutbox(tx, accountId)
    let countMessages = 0
    for (const channel of channels) {
      for (const gathered of await gatherCauses(tx, { ...input, channel })) {
        const digest = await loadDigest(tx, { accountId, now, gathered, itemsMax })
        const { messageId, cause } = gathered
        const at = new Date(now)
        const message = {
          accountId,
          messageId,
          channel,
          cause,
          body: compose(digest),
          createdAt: at,
          nextAttemptAt: at,
        }
        await tx.insert(alertMessages).values(message)
        countMessages += 1
      }
    }
    return { countMessages }
  })
}

/**
 * Takes the message of a channel that has been due longest, for `leaseMs` of the clock; of those written together what
 * was opened comes before what was resolved.
 * @returns null when none is due that nobody else is sending
 */
export async function claimMessage(
  tx: Tx,
  { accountId, now, channel, leaseMs }: Outbox & { channel: string; leaseMs: number },
): Promise<ClaimedMessage | null> {
  const { rows } = await tx.execute<Record<string, string>>(sql`
    with due as materialized (
      select account_id, message_id from recon.alert_messages
      where account_id = ${accountId} and channel = ${channel} and delivered_at is null and given_up_at is null
        and next_attempt_at <= ${timestamp(now)} and (claimed_until is null or claimed_until <= ${timestamp(now)})
      order by next_attempt_at, created_at, cause, message_id
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

/** Notes that a message was taken. True whoever says so: a receiver that took it has it. */
export async function noteDelivered(
  tx: Tx,
  { accountId, now, messageId }: Outbox & { messageId: string },
): Promise<void> {
  await tx.execute(sql`
    update recon.alert_messages
    set delivered_at = ${timestamp(now)}, claimed_until = null, given_up_at = null, last_error = null
    where account_id = ${accountId} and message_id = ${messageId}::uuid and delivered_at is null`)
}

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

/** Whoever writes to an account's outbox holds this until its transaction ends. */
const lockOutbox = (tx: Tx, accountId: number) =>
  tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`alerts ${accountId}`}))`)

/** Of `e`, events of mismatches: those that this channel is to be told and has no item for. */
export const isUntold = (accountId: number, channel: string): SQL => sql`
  e.account_id = ${accountId} and e.kind = any(${arrayOf(TOLD_KINDS)}::text[])
  and not exists (select from recon.alert_items i
    where i.account_id = ${accountId} and i.channel = ${channel} and i.event_id = e.event_id)`

interface GatheredCause {
  readonly messageId: string
  readonly cause: string
  readonly kind: ToldKind
  readonly code: string
  readonly eventIds: string
}

/** Writes the items of the causes whose turn it is. They come first: what is told is what has an item, to the row. */
async function gatherCauses(
  tx: Tx,
  input: Outbox & { channel: string; intervalMs: number },
): Promise<readonly GatheredCause[]> {
  const { accountId, now, channel, intervalMs } = input
  // A message from the future is one of before the clock was set back, and holds nothing up.
  const { rows } = await tx.execute<{ [Key in keyof GatheredCause]: GatheredCause[Key] }>(sql`
    with untold as materialized (
      select e.event_id, e.kind, m.code, e.kind || ' ' || m.code as cause
      from recon.mismatch_events e
      join recon.mismatches m on m.account_id = e.account_id and m.mismatch_id = e.mismatch_id
      where ${isUntold(accountId, channel)}
    ), gathered as materialized (
      select cause, kind, code, gen_random_uuid() as message_id, array_agg(event_id) as event_ids from untold
      where not exists (select from recon.alert_messages g
        where g.account_id = ${accountId} and g.channel = ${channel} and g.cause = untold.cause
          and g.created_at > ${timestamp(toInstant(now - intervalMs))} and g.created_at <= ${timestamp(now)})
      group by cause, kind, code
    ), items as (
      insert into recon.alert_items (account_id, channel, event_id, message_id)
      select ${accountId}, ${channel}, unnest(event_ids), message_id from gathered
    )
    select message_id as "messageId", cause, kind, code, event_ids::text as "eventIds" from gathered order by cause`)
  return rows
}

async function loadDigest(tx: Tx, input: Outbox & { gathered: GatheredCause; itemsMax: number }): Promise<AlertDigest> {
  const { accountId, now, gathered, itemsMax } = input
  const isTold = sql`e.account_id = ${accountId} and e.event_id = any(${gathered.eventIds}::bigint[])`
  const totals = await tx.execute<{
    account: string
    currency: string | null
    count: number
    minor: string | null
  }>(sql`
    select a.name as account, e.currency, count(*)::int as count,
      sum(abs(e.actual_minor - e.expected_minor))::text as minor
    from recon.mismatch_events e join recon.accounts a on a.account_id = e.account_id
    where ${isTold} group by a.name, e.currency order by e.currency`)
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    select m.mismatch_id, ${epochMs(sql`e.at`)} as at, e.severity, m.subject_kind, m.subject_id, m.period, e.currency,
      e.expected_minor::text as expected_minor, e.actual_minor::text as actual_minor, m.expected_text, m.actual_text,
      m.state, m.resolution, m.summary, m.advice
    from recon.mismatch_events e
    join recon.mismatches m on m.account_id = e.account_id and m.mismatch_id = e.mismatch_id
    where ${isTold}
    order by array_position(array['critical', 'high', 'medium', 'low', 'info'], e.severity),
      abs(e.actual_minor - e.expected_minor) desc nulls last, e.event_id
    limit ${itemsMax}`)
  return {
    account: totals.rows[0]?.account ?? '',
    kind: gathered.kind,
    code: gathered.code,
    at: now,
    count: totals.rows.reduce((sum, { count }) => sum + count, 0),
    atStake: totals.rows.flatMap(({ currency, minor }) =>
      currency === null || minor === null ? [] : [{ currency, minor: BigInt(minor) }],
    ),
    items: rows.map(toItem),
  }
}

const toItem = (row: Record<string, string | null>): AlertItem => ({
  mismatchId: row.mismatch_id ?? '',
  at: toInstant(Number(row.at)),
  severity: row.severity as Severity,
  subject: { kind: row.subject_kind ?? '', id: row.subject_id ?? '' },
  period: row.period ?? '',
  currency: row.currency ?? null,
  expectedMinor: toMinor(row.expected_minor),
  actualMinor: toMinor(row.actual_minor),
  expectedText: row.expected_text ?? null,
  actualText: row.actual_text ?? null,
  state: row.state ?? '',
  resolution: row.resolution ?? null,
  summary: row.summary ?? '',
  advice: row.advice ?? '',
})

const toMinor = (text: string | null | undefined): bigint | null => (text ? BigInt(text) : null)

const epochMs = (column: SQL): SQL => sql`round(extract(epoch from ${column}) * 1000)::text`
