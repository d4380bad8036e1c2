import { sql } from 'drizzle-orm'
import type { Tx } from '../client.ts'
import { BOOKS_MARK_KINDS, type BooksMarkKind } from '../mirror/mark-rules.ts'
import { arrayOf } from '../mirror/store-records.ts'
import type { MarkedSubjects } from './facts.ts'

const ofBooks = sql`subject_kind = any(${arrayOf(BOOKS_MARK_KINDS)}::text[])`

/** Takes what is marked to be posted: it is posted in this transaction, or stays marked if it fails. Null for nothing. */
export async function takeMarks(tx: Tx, accountId: number): Promise<MarkedSubjects | null> {
  const { rows } = await tx.execute<{ subject_kind: BooksMarkKind; subject_id: string }>(sql`
    delete from recon.marks where account_id = ${accountId} and ${ofBooks} returning subject_kind, subject_id`)
  if (rows.length === 0) return null
  const of = (kind: BooksMarkKind) =>
    rows.flatMap((row) => (row.subject_kind === kind ? [row.subject_id] : [])).toSorted()
  return {
    days: of('books_day'),
    batches: of('books_batch'),
    invoices: of('books_invoice'),
    transactions: of('books_transaction'),
    achTransactions: of('books_ach_transaction'),
  }
}

/** How many subjects wait to be posted. */
export async function countMarks(tx: Tx, accountId: number): Promise<number> {
  const { rows } = await tx.execute<{ count: string }>(sql`
    select count(*) as count from recon.marks where account_id = ${accountId} and ${ofBooks}`)
  return Number(rows[0]?.count ?? 0)
}
