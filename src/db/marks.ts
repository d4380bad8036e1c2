import { type SQL, sql } from 'drizzle-orm'
import type { Tx } from './client.ts'
import { arrayOf } from './mirror/store-records.ts'

/**
 * How an insert into `recon.marks` ends. A mark that is there already is held until the marking transaction commits:
 * whoever took it before that would judge the rows as they were, and nobody would come back for what is written now.
 */
export const holdMark: SQL = sql`
  on conflict (account_id, subject_kind, subject_id) do update set subject_id = excluded.subject_id where false`

export interface Mark {
  readonly kind: string
  readonly id: string
}

/**
 * Takes the marks of these kinds: they are worked off in this transaction, or stay if it fails. What a transaction under
 * way still holds is left for the run that follows it, so that nobody waits here.
 */
export async function takeMarks(
  tx: Tx,
  { accountId, kinds }: { accountId: number; kinds: readonly string[] },
): Promise<Mark[]> {
  const { rows } = await tx.execute<{ kind: string; id: string }>(sql`
    delete from recon.marks m using (
      select account_id, subject_kind, subject_id from recon.marks
      where account_id = ${accountId} and subject_kind = any(${arrayOf(kinds)}::text[])
      for update skip locked
    ) free
    where m.account_id = free.account_id and m.subject_kind = free.subject_kind and m.subject_id = free.subject_id
    returning m.subject_kind as kind, m.subject_id as id`)
  return rows.map(({ kind, id }) => ({ kind, id }))
}
