import { sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { Tx } from './client.ts'
import { timestamp } from './mirror/store-records.ts'

export type DueKind = 'card' | 'card_transaction' | 'invoice' | 'ach_transaction' | 'ach_batch'

interface OfKind {
  readonly accountId: number
  readonly kind: DueKind
}

/** Subjects of which time or a reading can have changed what is to be said. */
export async function listDue(tx: Tx, { accountId, kind, now }: OfKind & { now: Instant }): Promise<string[]> {
  const { rows } = await tx.execute<{ subject_id: string }>(sql`
    select subject_id from recon.due_checks
    where account_id = ${accountId} and subject_kind = ${kind} and due_at <= ${timestamp(now)}`)
  return rows.map((row) => row.subject_id)
}

/**
 * Notes when each judged subject is due again.
 * @param input `judged`: null for all there are; `due`: those of them that are due at some time
 */
export async function storeDue(
  tx: Tx,
  input: OfKind & { judged: readonly string[] | null; due: readonly { id: string; at: Instant }[] },
): Promise<void> {
  const { accountId, kind, judged } = input
  const rows = JSON.stringify(input.due.map(({ id, at }) => ({ id, at: new Date(at).toISOString() })))
  const isJudged =
    judged === null ? sql`true` : sql`subject_id in (select json_array_elements_text(${JSON.stringify(judged)}::json))`
  await tx.execute(sql`
    delete from recon.due_checks where account_id = ${accountId} and subject_kind = ${kind} and ${isJudged}
      and subject_id not in (select id from json_to_recordset(${rows}::json) as j(id text))`)
  if (input.due.length === 0) return
  await tx.execute(sql`
    insert into recon.due_checks as d (account_id, subject_kind, subject_id, due_at)
    select ${accountId}, ${kind}, id, min(at) from json_to_recordset(${rows}::json) as j(id text, at timestamptz) group by id
    on conflict (account_id, subject_kind, subject_id) do update set due_at = excluded.due_at
      where d.due_at <> excluded.due_at`)
}

/** Subjects of unresolved mismatches of these codes, and of those that a person resolved: what may be over. */
export async function listSaid(
  tx: Tx,
  { accountId, codes }: { accountId: number; codes: readonly string[] },
): Promise<{ code: string; id: string; evidence: readonly string[] }[]> {
  const { rows } = await tx.execute<{ code: string; subject_id: string; evidence: string[] }>(sql`
    select code, subject_id, evidence from recon.mismatches
    where account_id = ${accountId} and code = any(${`{${codes.join(',')}}`}::text[])
      and (state <> 'resolved' or resolution <> 'automatic')
    order by code, subject_id`)
  return rows.map(({ code, subject_id: id, evidence }) => ({ code, id, evidence }))
}
