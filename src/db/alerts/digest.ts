import { sql } from 'drizzle-orm'
import type { BusinessDate } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { Severity } from '../../domain/mismatch.ts'
import type { Tx } from '../client.ts'
import { alertMessages } from '../schema/mismatches.ts'
import { arrayOf, timestamp } from '../sql-values.ts'
import { epochMs, type Outbox } from './outbox.ts'

type OfChannel = Outbox & { readonly channel: string }

/** How far the last digest of a channel told. */
export interface DigestMark {
  readonly writtenAt: Instant
  readonly lastEventId: bigint
  readonly attemptIds: readonly bigint[]
}

export async function loadLastDigest(tx: Tx, { accountId, channel }: OfChannel): Promise<DigestMark | null> {
  const { rows } = await tx.execute<Record<string, string>>(sql`
    select ${epochMs(sql`written_at`)} as written_at, last_event_id::text as last_event_id,
      array_to_string(attempt_ids, ',') as attempt_ids
    from recon.alert_digests where account_id = ${accountId} and channel = ${channel} order by day desc limit 1`)
  const [row] = rows
  if (!row) return null
  const ids = String(row.attempt_ids)
  return {
    writtenAt: toInstant(Number(row.written_at)),
    lastEventId: BigInt(row.last_event_id ?? 0),
    attemptIds: ids === '' ? [] : ids.split(',').map(BigInt),
  }
}

/** What happened to mismatches since a digest, and the last event of which that tells. */
export interface Movements {
  readonly countOpened: number
  readonly countReopened: number
  readonly countResolved: number
  readonly lastEventId: bigint
}

/** @param input `after`: the last event of the digest before; without one, what happened from an instant on */
export async function countMovements(
  tx: Tx,
  { accountId, after }: { accountId: number; after: { eventId: bigint } | { at: Instant } },
): Promise<Movements> {
  const isNew = 'eventId' in after ? sql`event_id > ${after.eventId}` : sql`at >= ${timestamp(after.at)}`
  const { rows } = await tx.execute<Record<string, string>>(sql`
    select count(*) filter (where kind = 'opened' and ${isNew}) as opened,
      count(*) filter (where kind = 'reopened' and ${isNew}) as reopened,
      count(*) filter (where kind = 'resolved' and ${isNew}) as resolved,
      coalesce(max(event_id), 0)::text as last_event_id
    from recon.mismatch_events where account_id = ${accountId}`)
  const [row = {}] = rows
  return {
    countOpened: Number(row.opened),
    countReopened: Number(row.reopened),
    countResolved: Number(row.resolved),
    lastEventId: BigInt(row.last_event_id ?? 0),
  }
}

/** An unresolved mismatch, as much of it as a digest counts. */
export interface OpenMismatch {
  readonly code: string
  readonly subject: { readonly kind: string; readonly id: string }
  readonly severity: Severity
  readonly currency: string | null
  /** The difference without its sign; null where the sides are no amounts. */
  readonly atStakeMinor: bigint | null
  readonly assignedTo: string | null
  readonly firstSeenAt: Instant
}

export async function listOpenForDigest(tx: Tx, accountId: number): Promise<OpenMismatch[]> {
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    select code, subject_kind, subject_id, severity, currency, abs(actual_minor - expected_minor)::text as at_stake, assigned_to,
      ${epochMs(sql`first_seen_at`)} as first_seen_at
    from recon.mismatches where account_id = ${accountId} and state <> 'resolved'`)
  return rows.map((row) => ({
    code: row.code ?? '',
    subject: { kind: row.subject_kind ?? '', id: row.subject_id ?? '' },
    severity: row.severity as Severity,
    currency: row.currency ?? null,
    atStakeMinor: row.at_stake ? BigInt(row.at_stake) : null,
    assignedTo: row.assigned_to ?? null,
    firstSeenAt: toInstant(Number(row.first_seen_at)),
  }))
}

/**
 * Writes the digest of a channel and day, unless there is one: the row of that day is what lets it through once.
 * @param input `messageId` of the message to be, `mark` how far it tells
 * @returns false when it is there already; nothing is written then
 */
export async function writeDigest(
  tx: Tx,
  input: OfChannel & {
    day: BusinessDate
    messageId: string
    cause: string
    body: Record<string, unknown>
    mark: Omit<DigestMark, 'writtenAt'>
  },
): Promise<boolean> {
  const { accountId, channel, now, day, messageId, cause, body, mark } = input
  const { rowCount } = await tx.execute(sql`
    insert into recon.alert_digests (account_id, channel, day, message_id, written_at, last_event_id, attempt_ids)
    values (${accountId}, ${channel}, ${day}::date, ${messageId}::uuid, ${timestamp(now)}, ${mark.lastEventId},
      ${arrayOf(mark.attemptIds)}::bigint[])
    on conflict do nothing`)
  if (rowCount === 0) return false
  const at = new Date(now)
  await tx
    .insert(alertMessages)
    .values({ accountId, messageId, channel, cause, body, createdAt: at, nextAttemptAt: at })
  return true
}
