import { type SQL, sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { HelcimId } from '../domain/record.ts'
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

/** A mark of more rows than this is one of all its subject has: to look for each would not be less. */
const ROWS_MAX = 2_000

/** The same for an insert that says which rows it is about: they are added to those of a mark that is there already. */
export const holdMarkedRows: SQL = sql`
  on conflict (account_id, subject_kind, subject_id) do update set
    moved_at = greatest(marks.moved_at, excluded.moved_at),
    row_ids = case when cardinality(marks.row_ids) + cardinality(excluded.row_ids) <= ${ROWS_MAX}::int
      then marks.row_ids || excluded.row_ids end`

export interface Mark {
  readonly kind: string
  readonly id: string
  readonly movedAt: Instant | null
  /** Which of its rows it is about; null for all. */
  readonly rowIds: readonly HelcimId[] | null
}

/** Beside a mark of some rows: whatever that says, all are meant (migration 0025). */
export type Whole<Kind extends string> = `${Kind}_whole`

/**
 * Takes the marks of these kinds: they are worked off in this transaction, or stay if it fails. What a transaction under
 * way still holds, or changed since this statement began, is left for the run that follows it, so that nobody waits here.
 */
export async function takeMarks(
  tx: Tx,
  { accountId, kinds }: { accountId: number; kinds: readonly string[] },
): Promise<Mark[]> {
  const { rows } = await tx.execute<{ kind: string; id: string; moved_at: string | null; row_ids: string | null }>(sql`
    -- By their places: joined by their keys, tens of thousands of a table whose statistics say that it is empty were each
    -- held against all.
    delete from recon.marks where ctid = any(array(
      select ctid from recon.marks
      where account_id = ${accountId} and subject_kind = any(${arrayOf(kinds)}::text[])
      for update skip locked
    ))
    returning subject_kind as kind, subject_id as id, moved_at, row_ids::text`)
  return rows.map(({ kind, id, moved_at, row_ids }) => ({
    kind,
    id,
    movedAt: instantOf(moved_at),
    rowIds: row_ids === null ? null : idsOf(row_ids),
  }))
}

/** Of marks of this kind, which rows of each subject they are about; null for all. */
export function rowsMarked(marks: readonly Mark[], kind: string): Map<string, readonly HelcimId[] | null> {
  const whole: Whole<string> = `${kind}_whole`
  return new Map([
    ...marks.flatMap((mark) => (mark.kind === kind ? [[mark.id, mark.rowIds] as const] : [])),
    ...marks.flatMap((mark) => (mark.kind === whole ? [[mark.id, null] as const] : [])),
  ])
}

/** Ids of a Postgres array. */
const idsOf = (text: string): HelcimId[] => text.slice(1, -1).split(',').filter(Boolean).map(BigInt)
