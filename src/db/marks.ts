import { type SQL, sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { Tx } from './client.ts'
import { arrayOf, instantOf } from './sql-values.ts'

/**
 * How an insert into `recon.marks` ends. A mark that is there already is held until the marking transaction commits:
 * whoever took it before that would judge the rows as they were, and nobody would come back for what is written now.
 * Only of card batches it is asked when they last moved; the other marks stay as they are, which writes nothing.
 */
export const holdMark: SQL = sql`
  on conflict (account_id, subject_kind, subject_id) do update set moved_at = excluded.moved_at
    where excluded.subject_kind = 'card_batch' and excluded.moved_at > coalesce(marks.moved_at, '-infinity')`

export interface Mark {
  readonly kind: string
  readonly id: string
  readonly movedAt: Instant | null
}

/**
 * Takes the marks of these kinds: they are worked off in this transaction, or stay if it fails. What a transaction under
 * way still holds is left for the run that follows it, so that nobody waits here.
 */
export async function takeMarks(
  tx: Tx,
  { accountId, kinds }: { accountId: number; kinds: readonly string[] },
): Promise<Mark[]> {
  const { rows } = await tx.execute<{ kind: string; id: string; moved_at: string | null }>(sql`
    delete from recon.marks m using (
      select account_id, subject_kind, subject_id from recon.marks
      where account_id = ${accountId} and subject_kind = any(${arrayOf(kinds)}::text[])
      for update skip locked
    ) free
    where m.account_id = free.account_id and m.subject_kind = free.subject_kind and m.subject_id = free.subject_id
    returning m.subject_kind as kind, m.subject_id as id, m.moved_at`)
  return rows.map(({ kind, id, moved_at }) => ({ kind, id, movedAt: instantOf(moved_at) }))
}
