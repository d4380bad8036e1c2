import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { type PendingEvent, TOLD_KINDS, type ToldKind } from '../../domain/alert-routing.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { Severity } from '../../domain/mismatch.ts'
import type { Tx } from '../client.ts'
import { arrayOf, timestamp } from '../sql-values.ts'
import type { GatheredCause } from './items.ts'
import { HELD, LEFT_OUT, type Outbox } from './outbox.ts'

type OfChannel = Outbox & { readonly channel: string }

/** All transitions that a channel has no item for, and those that a silence holds back, in the order in which they happened. */
export async function listPending(tx: Tx, { accountId, channel }: OfChannel): Promise<PendingEvent[]> {
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    with held as materialized (
      select message_id from recon.alert_messages
      where account_id = ${accountId} and channel = ${channel} and cause = ${HELD}
    ), pending as materialized (
      select e.event_id, e.mismatch_id, e.kind, e.severity, i.event_id is not null as is_held
      from recon.mismatch_events e
      left join recon.alert_items i
        on i.account_id = ${accountId} and i.channel = ${channel} and i.event_id = e.event_id
      where e.account_id = ${accountId} and e.kind = any(${arrayOf(TOLD_KINDS)}::text[])
        and (i.event_id is null or i.message_id in (select message_id from held))
    )
    select p.event_id, p.mismatch_id, p.kind, p.severity, p.is_held, m.code, m.subject_kind, m.subject_id, m.state,
      known.kind as known
    from pending p
    join recon.mismatches m on m.account_id = ${accountId} and m.mismatch_id = p.mismatch_id
    left join lateral (
      select k.kind from recon.mismatch_events k
      join recon.alert_items i on i.account_id = k.account_id and i.channel = ${channel} and i.event_id = k.event_id
      join recon.alert_messages a on a.account_id = i.account_id and a.message_id = i.message_id
      where k.account_id = ${accountId} and k.mismatch_id = p.mismatch_id and a.cause not in (${HELD}, ${LEFT_OUT})
      order by k.event_id desc limit 1
    ) known on true
    order by p.event_id`)
  return rows.map((row) => ({
    eventId: row.event_id ?? '',
    mismatchId: row.mismatch_id ?? '',
    kind: row.kind as ToldKind,
    severity: row.severity as Severity,
    code: row.code ?? '',
    subject: { kind: row.subject_kind ?? '', id: row.subject_id ?? '' },
    isHeld: Boolean(row.is_held),
    isResolved: row.state === 'resolved',
    known: row.known === null ? null : row.known === 'resolved' ? 'resolved' : 'open',
  }))
}

/** Puts transitions under the row that says what became of them, and makes that row where it is the first. */
export async function markEvents(
  tx: Tx,
  { accountId, channel, now, cause, eventIds }: OfChannel & { cause: string; eventIds: readonly string[] },
): Promise<void> {
  if (eventIds.length === 0) return
  await tx.execute(sql`
    insert into recon.alert_messages
      (account_id, message_id, channel, cause, body, created_at, next_attempt_at, delivered_at)
    select ${accountId}, ${randomUUID()}::uuid, ${channel}, ${cause}, '{}', ${timestamp(now)}, ${timestamp(now)},
      ${timestamp(now)}
    where not exists (select from recon.alert_messages
      where account_id = ${accountId} and channel = ${channel} and cause = ${cause})`)
  await tx.execute(sql`
    insert into recon.alert_items (account_id, channel, event_id, message_id)
    select ${accountId}, ${channel}, event_id, message_id
    from recon.alert_messages, unnest(${arrayOf(eventIds)}::bigint[]) as event_id
    where account_id = ${accountId} and channel = ${channel} and cause = ${cause}
    on conflict (account_id, channel, event_id) do update set message_id = excluded.message_id`)
}

/**
 * Writes the items of the causes whose turn it is, of these transitions. They come first: what is told is what has an
 * item, to the row. Of a mismatch only so many are taken that their messages, sent in the order of their causes, tell them
 * in the order in which they happened; what comes after one that is not taken waits for a later gathering.
 */
export async function gatherCauses(
  tx: Tx,
  input: OfChannel & { intervalMs: number; eventIds: readonly string[] },
): Promise<readonly GatheredCause[]> {
  const { accountId, now, channel, intervalMs, eventIds } = input
  if (eventIds.length === 0) return []
  const since: Instant = toInstant(now - intervalMs)
  // A message from the future is one of before the clock was set back, and holds nothing up.
  const { rows } = await tx.execute<{ [Key in keyof GatheredCause]: GatheredCause[Key] }>(sql`
    with due as materialized (
      select e.event_id, e.mismatch_id, e.kind, m.code, e.kind || ' ' || m.code as cause,
        e.kind < lag(e.kind) over (partition by e.mismatch_id order by e.event_id) as is_backwards
      from recon.mismatch_events e
      join recon.mismatches m on m.account_id = e.account_id and m.mismatch_id = e.mismatch_id
      where e.account_id = ${accountId} and e.event_id = any(${arrayOf(eventIds)}::bigint[])
    ), resting as materialized (
      select distinct cause from recon.alert_messages
      where account_id = ${accountId} and channel = ${channel} and cause in (select cause from due)
        and created_at > ${timestamp(since)} and created_at <= ${timestamp(now)}
    ), ordered as materialized (
      select due.*, bool_or(coalesce(is_backwards, false) or cause in (select cause from resting))
        over (partition by mismatch_id order by event_id) as is_for_later
      from due
    ), gathered as materialized (
      select cause, kind, code, gen_random_uuid() as message_id, array_agg(event_id) as event_ids from ordered
      where not is_for_later
      group by cause, kind, code
    ), items as (
      insert into recon.alert_items (account_id, channel, event_id, message_id)
      select ${accountId}, ${channel}, unnest(event_ids), message_id from gathered
      on conflict (account_id, channel, event_id) do update set message_id = excluded.message_id
    )
    select message_id as "messageId", cause, kind, code, event_ids::text as "eventIds" from gathered order by cause`)
  return rows
}
