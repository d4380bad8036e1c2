import { sql } from 'drizzle-orm'
import type { Instant } from '../../domain/clock.ts'
import { interval } from '../call-budget/interval.ts'
import type { Tx } from '../client.ts'
import { instantOf, timestamp } from '../sql-values.ts'
import { HELD, type Outbox } from './outbox.ts'

type OfChannel = Outbox & { readonly channel: string }

/** How a channel stands. */
export interface AlertTarget {
  readonly channel: string
  readonly countUndelivered: number
  /** When the oldest of them was written. */
  readonly oldestAt: Instant | null
  /** In the past day. */
  readonly countGivenUp: number
  /** Transitions that wait for the end of a silence. */
  readonly countHeld: number
  /** Null while it lives. */
  readonly deadAt: Instant | null
  /** Why it is dead. */
  readonly words: string | null
}

const DAY_MS = 24 * 3_600_000

/** Every channel that was ever switched on. */
export async function listTargets(tx: Tx, { accountId, now }: Outbox): Promise<AlertTarget[]> {
  const isUndelivered = sql`m.delivered_at is null and m.given_up_at is null`
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    select m.channel, count(*) filter (where ${isUndelivered}) as waiting,
      min(m.created_at) filter (where ${isUndelivered}) as oldest,
      count(*) filter (where m.given_up_at > ${timestamp(now)} - ${interval(DAY_MS)}) as given_up,
      (select count(*) from recon.alert_items i
        where i.account_id = ${accountId} and i.channel = m.channel and i.message_id in (
          select h.message_id from recon.alert_messages h
          where h.account_id = ${accountId} and h.channel = m.channel and h.cause = ${HELD})) as held,
      t.dead_at, t.words
    from recon.alert_messages m
    left join recon.alert_targets t on t.account_id = m.account_id and t.channel = m.channel
    where m.account_id = ${accountId} group by m.channel, t.dead_at, t.words order by m.channel`)
  return rows.map((row) => ({
    channel: String(row.channel),
    countUndelivered: Number(row.waiting),
    oldestAt: instantOf(row.oldest),
    countGivenUp: Number(row.given_up),
    countHeld: Number(row.held),
    deadAt: instantOf(row.dead_at),
    words: row.words ?? null,
  }))
}

/** Notes that the other side wants no more of anything. What waits for it goes on waiting. */
export async function noteDead(tx: Tx, { accountId, channel, now, words }: OfChannel & { words: string }) {
  await tx.execute(sql`
    insert into recon.alert_targets as t (account_id, channel, dead_at, words)
    values (${accountId}, ${channel}, ${timestamp(now)}, ${words})
    on conflict (account_id, channel) do update set dead_at = coalesce(t.dead_at, excluded.dead_at), words = excluded.words`)
}

/** Notes that the other side wants nothing before `until`. */
export async function notePause(tx: Tx, { accountId, channel, until }: OfChannel & { until: Instant }) {
  await tx.execute(sql`
    insert into recon.alert_targets as t (account_id, channel, paused_until)
    values (${accountId}, ${channel}, ${timestamp(until)})
    on conflict (account_id, channel) do update set paused_until = greatest(t.paused_until, excluded.paused_until)`)
}

/** Lets every channel be tried again: a process that starts may have other settings. */
export async function reviveTargets(tx: Tx, accountId: number): Promise<void> {
  await tx.execute(sql`
    update recon.alert_targets set dead_at = null, words = null where account_id = ${accountId} and dead_at is not null`)
}
