import { type SQL, sql } from 'drizzle-orm'
import type { Instant } from '../../domain/clock.ts'
import { type Finding, LASTING_CODES, type MismatchCode, WORKER_ACTOR } from '../../domain/mismatch.ts'
import type { Tx } from '../client.ts'
import { timestamp } from '../sql-values.ts'
import { eventInstant, lockMismatches } from './lock.ts'

/** What a run looked at: an unresolved mismatch in here that it no longer found is resolved. */
export interface Examined {
  readonly codes: readonly MismatchCode[]
  /** First parts (before `:`) of the subject ids that were looked at; null for every subject of these codes. */
  readonly subjectRoots: readonly string[] | null
}

export interface MismatchChanges {
  readonly countOpened: number
  readonly countReopened: number
  readonly countResolved: number
}

/**
 * Applies what one run found: opens, touches, reopens under the same identity, and resolves what is gone. One statement
 * writes the states and one event for each transition; a touch, also one that raises the severity, is no event.
 *
 * What a person resolved stays resolved while the finding has the same sides: it is touched, and reopens when they
 * differ. Once a run that examined it does not find it, it agrees by itself and becomes `automatic`, without an event,
 * because its state does not change: a finding that comes back later is another event than the one that was accepted,
 * and reopens it whatever its sides.
 *
 * A reopened one is unacknowledged and keeps its owner; an acknowledged one that is touched stays so.
 * @param tx a transaction, not the database itself: the lock is held until it ends
 */
export async function applyFindings(
  tx: Tx,
  input: { accountId: number; findings: readonly Finding[]; examined: readonly Examined[]; now: Instant },
): Promise<MismatchChanges> {
  const { accountId } = input
  const now = timestamp(input.now)
  await lockMismatches(tx, accountId)
  const { rows } = await tx.execute<{ kind: 'opened' | 'reopened' | 'resolved' }>(sql`
    with found as (${foundWithChange(accountId, input.findings)}), opened as (
      insert into recon.mismatches
        (account_id, code, subject_kind, subject_id, period, severity, currency, expected_minor, actual_minor,
         expected_text, actual_text, summary, advice, evidence, first_seen_at, last_seen_at)
      select ${accountId}, code, subject_kind, subject_id, period, severity, currency, "expectedMinor", "actualMinor",
        "expectedText", "actualText", summary, advice, evidence, ${now}, ${now}
      from found where change = 'opened'
      returning *
    ), seen_again as (
      update recon.mismatches m set
        severity = f.severity, currency = f.currency, expected_minor = f."expectedMinor",
        actual_minor = f."actualMinor", expected_text = f."expectedText", actual_text = f."actualText",
        summary = f.summary, advice = f.advice, evidence = f.evidence, last_seen_at = ${now},
        state = case when change = 'reopened' then 'open' else state end,
        resolution = case when change <> 'reopened' then resolution end,
        resolved_at = case when change <> 'reopened' then resolved_at end,
        acknowledged_at = case when change <> 'reopened' then acknowledged_at end,
        count_reopened = count_reopened + (change = 'reopened')::int
      from found f where m.account_id = ${accountId} and m.mismatch_id = f.mismatch_id
      returning m.*, f.change
    ), gone as (
      update recon.mismatches m set state = 'resolved', resolution = 'automatic',
        resolved_at = case when former.state = 'resolved' then m.resolved_at else ${now} end
      from recon.mismatches former
      where former.account_id = ${accountId} and (former.state <> 'resolved' or former.resolution <> 'automatic')
        and (${isExamined(input.examined)})
        and not exists (select from found f where f.mismatch_id = former.mismatch_id)
        and m.account_id = former.account_id and m.mismatch_id = former.mismatch_id
      returning m.*, former.state as former_state
    ), versions as (
      insert into recon.mismatch_versions (account_id, mismatch_id, until, former)
      select m.account_id, m.mismatch_id, ${now}, to_json(m)
      from recon.mismatches m left join found f on f.mismatch_id = m.mismatch_id
      where m.account_id = ${accountId} and (f.change = 'reopened' or m.mismatch_id in (select mismatch_id from gone)
        or (f.change = 'touched' and (m.severity, m.currency, m.expected_minor, m.actual_minor, m.expected_text,
            m.actual_text, m.summary, m.advice, m.evidence::text)
          is distinct from (f.severity, f.currency, f."expectedMinor", f."actualMinor", f."expectedText",
            f."actualText", f.summary, f.advice, f.evidence::text)))
      on conflict do nothing
    ), transitions as (
      select 'opened' as kind, ${transitionColumns} from opened
      union all
      select 'reopened' as kind, ${transitionColumns} from seen_again where change = 'reopened'
      union all
      select 'resolved' as kind, ${transitionColumns} from gone where former_state <> 'resolved'
    )
    insert into recon.mismatch_events (account_id, mismatch_id, kind, at, actor, severity, currency, expected_minor,
      actual_minor, resolution, assigned_to)
    select ${accountId}, mismatch_id, kind, ${eventInstant(accountId, sql`t.mismatch_id`, input.now)}, ${WORKER_ACTOR},
      severity, currency, expected_minor, actual_minor, resolution, assigned_to
    from transitions t order by code, subject_kind, subject_id, period
    returning kind`)
  const count = (kind: string) => rows.filter((row) => row.kind === kind).length
  return { countOpened: count('opened'), countReopened: count('reopened'), countResolved: count('resolved') }
}

const transitionColumns = sql.raw(
  'mismatch_id, code, subject_kind, subject_id, period, severity, currency, expected_minor, actual_minor, resolution, assigned_to',
)

/** The findings of a run with the mismatch that each belongs to, and what it does to that. */
function foundWithChange(accountId: number, findings: readonly Finding[]): SQL {
  const parameter = JSON.stringify(findings, (_, value) => (typeof value === 'bigint' ? String(value) : value))
  const lasting = `{${LASTING_CODES.join(',')}}`
  return sql`
    select f.*, f.subject->>'kind' as subject_kind, f.subject->>'id' as subject_id, m.mismatch_id,
      case
        when m.mismatch_id is null then 'opened'
        when m.state <> 'resolved' then 'touched'
        when m.resolution <> 'automatic'
          and (m.currency, m.expected_minor, m.actual_minor, m.expected_text)
            is not distinct from (f.currency, f."expectedMinor", f."actualMinor", f."expectedText")
          and case when f.code = any(${lasting}::text[]) then m.severity = f.severity
            else m.actual_text is not distinct from f."actualText" end
          then 'touched'
        else 'reopened'
      end as change
    from json_to_recordset(${parameter}::json) as f(
      code text, severity text, subject json, period text, currency text, "expectedMinor" bigint, "actualMinor" bigint,
      "expectedText" text, "actualText" text, summary text, advice text, evidence json)
    left join recon.mismatches m on m.account_id = ${accountId} and m.code = f.code
      and m.subject_kind = f.subject->>'kind' and m.subject_id = f.subject->>'id' and m.period = f.period`
}

/** A condition on `former`; with nothing examined it is false. */
function isExamined(examined: readonly Examined[]): SQL {
  const conditions = examined.map(({ codes, subjectRoots }) => {
    const ofCodes = sql`former.code = any(${`{${codes.join(',')}}`}::text[])`
    if (subjectRoots === null) return ofCodes
    return sql`(${ofCodes} and split_part(former.subject_id, ':', 1) = any(${`{${subjectRoots.join(',')}}`}::text[]))`
  })
  return conditions.length === 0 ? sql`false` : sql.join(conditions, sql` or `)
}
