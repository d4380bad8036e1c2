import { sql } from 'drizzle-orm'
import type { ToldKind } from '../../domain/alert-routing.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { Severity } from '../../domain/mismatch.ts'
import type { Tx } from '../client.ts'
import { rankOfSeverity } from '../mismatches/severity-rank.ts'
import { epochMs, type Outbox } from './outbox.ts'

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
  readonly assignedTo: string | null
  readonly firstSeenAt: Instant
  readonly summary: string
  readonly advice: string
}

/** All that one message tells: the transitions of one kind and code that gathered in an interval. */
export interface AlertGroup {
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

export interface GatheredCause {
  readonly messageId: string
  readonly cause: string
  readonly kind: ToldKind
  readonly code: string
  readonly eventIds: string
}

export async function loadGroup(
  tx: Tx,
  input: Outbox & { gathered: GatheredCause; itemsMax: number },
): Promise<AlertGroup> {
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
      m.state, m.resolution, m.assigned_to, ${epochMs(sql`m.first_seen_at`)} as first_seen_at, m.summary, m.advice
    from recon.mismatch_events e
    join recon.mismatches m on m.account_id = e.account_id and m.mismatch_id = e.mismatch_id
    where ${isTold}
    order by ${rankOfSeverity(sql`e.severity`)},
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
  assignedTo: row.assigned_to ?? null,
  firstSeenAt: toInstant(Number(row.first_seen_at)),
  summary: row.summary ?? '',
  advice: row.advice ?? '',
})

const toMinor = (text: string | null | undefined): bigint | null => (text ? BigInt(text) : null)
