import { sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { Tx } from './client.ts'

export const DUE_KINDS = ['card', 'card_transaction', 'invoice', 'ach_transaction', 'ach_batch'] as const
export type DueKind = (typeof DUE_KINDS)[number]

interface OfKind {
  readonly accountId: number
  readonly kind: DueKind
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
  if (judged?.length === 0 && input.due.length === 0) return
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
