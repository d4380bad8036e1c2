import { sql } from 'drizzle-orm'
import type { Tx } from '../client.ts'
import { isUntold, MARKS } from './outbox.ts'

/** How far a channel has been told. */
export interface Told {
  /** Messages that were taken. */
  readonly countMessages: number
  /** Transitions of mismatches that they told. */
  readonly countTold: number
  /** Transitions that no message tells yet. */
  readonly countUntold: number
}

export async function loadTold(tx: Tx, { accountId, channel }: { accountId: number; channel: string }): Promise<Told> {
  const { rows } = await tx.execute<Record<string, string>>(sql`
    select count(distinct m.message_id) as messages, count(*) as told,
      (select count(*) from recon.mismatch_events e where ${isUntold(accountId, channel)}) as untold
    from recon.alert_messages m
    join recon.alert_items i on i.account_id = m.account_id and i.message_id = m.message_id
    where m.account_id = ${accountId} and m.channel = ${channel} and m.delivered_at is not null and m.cause <> all(${sql.param(MARKS)}::text[])`)
  const [row = {}] = rows
  return { countMessages: Number(row.messages), countTold: Number(row.told), countUntold: Number(row.untold) }
}
