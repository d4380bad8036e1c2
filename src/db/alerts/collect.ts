import { sql } from 'drizzle-orm'
import { toInstant } from '../../domain/clock.ts'
import type { Db, Tx } from '../client.ts'
import { timestamp } from '../mirror/store-records.ts'
import { alertMessages } from '../schema/mismatches.ts'
import { type AlertDigest, type GatheredCause, loadDigest } from './items.ts'
import { isUntold, lockOutbox, type Outbox } from './outbox.ts'

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
