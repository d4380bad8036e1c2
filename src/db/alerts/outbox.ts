import { randomUUID } from 'node:crypto'
import { type SQL, sql } from 'drizzle-orm'
import { TOLD_KINDS } from '../../domain/alert-routing.ts'
import type { Instant } from '../../domain/clock.ts'
import type { Db, Tx } from '../client.ts'
import { arrayOf, timestamp } from '../sql-values.ts'

export interface Outbox {
  readonly accountId: number
  readonly now: Instant
}

/** The cause of the row that says since when a channel is switched on. */
export const BEGUN = 'channel begun'
/** The cause of the row whose items no route leads to this channel, or that were over before a silence was. */
export const LEFT_OUT = 'left out'
/** The cause of the row whose items wait for the end of a silence. */
export const HELD = 'held by a silence'
/** Rows that are no messages: delivered when they are written, they only say what became of their items. */
export const MARKS: readonly string[] = [BEGUN, LEFT_OUT, HELD]

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

/** Whoever writes to an account's outbox holds this until its transaction ends. */
export const lockOutbox = (tx: Tx, accountId: number) =>
  tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`alerts ${accountId}`}))`)

/** Of `e`, events of mismatches: those that this channel is to be told and has no item for. */
export const isUntold = (accountId: number, channel: string): SQL => sql`
  e.account_id = ${accountId} and e.kind = any(${arrayOf(TOLD_KINDS)}::text[])
  and not exists (select from recon.alert_items i
    where i.account_id = ${accountId} and i.channel = ${channel} and i.event_id = e.event_id)`

export const epochMs = (column: SQL): SQL => sql`round(extract(epoch from ${column}) * 1000)::text`
