import { sql } from 'drizzle-orm'
import type { Tx } from '../client.ts'
import { rowsMarked, takeMarks } from '../marks.ts'
import { BOOKS_MARK_KINDS, type BooksMarkKind } from '../mirror/mark-rules.ts'
import { arrayOf } from '../sql-values.ts'
import type { MarkedSubjects } from './facts.ts'

const ofBooks = sql`subject_kind = any(${arrayOf(BOOKS_MARK_KINDS)}::text[])`

/** Takes what is marked to be posted: it is posted in this transaction, or stays marked if it fails. Null for nothing. */
export async function takeBooksMarks(tx: Tx, accountId: number): Promise<MarkedSubjects | null> {
  const marks = await takeMarks(tx, { accountId, kinds: BOOKS_MARK_KINDS })
  if (marks.length === 0) return null
  const of = (kind: BooksMarkKind) => marks.flatMap((mark) => (mark.kind === kind ? [mark.id] : [])).toSorted()
  const days = [...rowsMarked(marks, 'books_day')]
  return {
    days: days.flatMap(([day, rowIds]) => (rowIds === null ? [day] : [])).toSorted(),
    batches: of('books_batch'),
    invoices: of('books_invoice'),
    transactions: [...of('books_transaction'), ...days.flatMap(([, rowIds]) => rowIds?.map(String) ?? [])].toSorted(),
    achTransactions: of('books_ach_transaction'),
  }
}

/** How many subjects wait to be posted. */
export async function countMarks(tx: Tx, accountId: number): Promise<number> {
  const { rows } = await tx.execute<{ count: string }>(sql`
    select count(distinct (replace(subject_kind, '_whole', ''), subject_id)) as count from recon.marks where account_id = ${accountId} and ${ofBooks}`)
  return Number(rows[0]?.count ?? 0)
}
