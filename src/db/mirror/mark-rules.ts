import { type SQL, sql } from 'drizzle-orm'
import type { Instant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Tx } from '../client.ts'
import { holdMark, holdMarkedRows } from '../marks.ts'
import { arrayOf, timestamp } from '../sql-values.ts'

/** What is to be posted again: taken by the books, beside those that a reconciliation takes. */
export const BOOKS_MARK_KINDS = [
  /** Helcim's own date on which card transactions were made: rows of one day come many at a time. */
  'books_day',
  'books_day_whole',
  'books_batch',
  'books_invoice',
  'books_transaction',
  'books_ach_transaction',
] as const
export type BooksMarkKind = (typeof BOOKS_MARK_KINDS)[number]

/** A column whose value leads to a subject to reconcile again; `subjects` says how, `itself` that it is one. */
export interface MarkRule {
  readonly kind: 'card_batch' | 'customer' | 'card' | 'invoice' | 'ach_transaction' | 'ach_batch' | BooksMarkKind
  readonly column: string
  readonly subjects: 'itself' | keyof typeof SUBJECTS
  /** New rows are found by what else they mark: only what moved would leave its former subject unseen. */
  readonly isOnlyForChanges?: true
  /**
   * Which rows of the subject are to be looked at again, by columns: the `row` with that id; or all where `allIf` is true,
   * and none where it is not. Without it all are. Only for subjects that are one themselves.
   */
  readonly rows?: { readonly row: string } | { readonly allIf: string }
}

/**
 * Customers are marked by their code, and only those who have subscriptions: what others buy is nobody's expectation.
 * Each is a query over `named(subject)`, the values of the column as texts.
 */
export const SUBJECTS = {
  by_code: (accountId: number) => `
    select subject from named where ${isSubscriber(accountId, 'subject')}`,
  by_subscription: (accountId: number) => `
    select s.customer_code from named join helcim.subscriptions s
      on s.account_id = ${accountId} and s.subscription_id = subject::bigint`,
  by_plan: (accountId: number) => `
    select s.customer_code from named join helcim.subscriptions s
      on s.account_id = ${accountId} and s.payment_plan_id = subject::bigint`,
  by_customer: (accountId: number) => `
    select c.customer_code from named join helcim.customers c
      on c.account_id = ${accountId} and c.customer_id = subject::bigint
    where ${isSubscriber(accountId, 'c.customer_code')}`,
  by_invoice: (accountId: number) => `
    select c.customer_code from named join helcim.invoices i
      on i.account_id = ${accountId} and i.invoice_id = subject::bigint
    join helcim.customers c on c.account_id = i.account_id and c.customer_id = i.customer_id
    where ${isSubscriber(accountId, 'c.customer_code')}`,
  batches_by_terminal: (accountId: number) => `
    select b.card_batch_id::text from named join helcim.card_batches b
      on b.account_id = ${accountId} and b.terminal_id = subject::bigint`,
  invoice_by_id: (accountId: number) => `
    select i.invoice_number from named join helcim.invoices i
      on i.account_id = ${accountId} and i.invoice_id = subject::bigint`,
} as const

const isSubscriber = (accountId: number, code: string): string =>
  `exists (select from helcim.subscriptions s where s.account_id = ${accountId} and s.customer_code = ${code})`

/** The subjects that the values in `named(subject)` lead to, as one query. */
export const subjectsQuery = ({ subjects }: MarkRule, accountId: number): string =>
  subjects === 'itself' ? 'select subject from named' : SUBJECTS[subjects](accountId)

/**
 * Marks what the values of a column lead to, in one order, so that writers who mark the same seldom wait in a circle.
 * @param input `movedAt`: when what it is about was stored; null where nothing was
 */
export async function markSubjects(
  tx: Tx,
  input: { accountId: number; rule: MarkRule; values: readonly string[]; movedAt: Instant | null },
): Promise<void> {
  const { accountId, rule, values, movedAt } = input
  if (values.length === 0) return
  await tx.execute(sql`
    with named as (select json_array_elements_text(${JSON.stringify(values)}::json) as subject)
    insert into recon.marks (account_id, subject_kind, subject_id, moved_at)
    select distinct ${accountId}::int, ${rule.kind}::text, marked.subject, ${movedAt === null ? sql`null::timestamptz` : timestamp(movedAt)}
    from (${sql.raw(subjectsQuery(rule, accountId))}) as marked(subject) order by 3 ${holdMark}`)
}

/** Marks some rows of each subject; null for all of them. */
export async function markRows(
  tx: Tx,
  input: {
    accountId: number
    rule: MarkRule
    rowsOf: ReadonlyMap<string, readonly HelcimId[] | null>
    movedAt: Instant
  },
): Promise<void> {
  const { accountId, rule, rowsOf, movedAt } = input
  if (rowsOf.size === 0) return
  const named = [...rowsOf].map(([subject, ids]) => ({ subject, rows: ids && arrayOf(ids) }))
  await tx.execute(sql`
    insert into recon.marks (account_id, subject_kind, subject_id, moved_at, row_ids)
    select ${accountId}::int, ${rule.kind}::text, subject, ${timestamp(movedAt)}, rows::bigint[]
    from json_to_recordset(${JSON.stringify(named)}::json) as named(subject text, rows text)
    order by 3 ${holdMarkedRows}`)
}

interface MarkedAt {
  readonly accountId: number
  readonly movedAt: Instant
}

/**
 * The same within a statement that has the rows as they come in and as they were: what moved concerns both.
 * @param index tells the rules of one statement apart
 */
export const markedCte = (rule: MarkRule, index: number, at: MarkedAt): SQL =>
  sql`, ${sql.raw(`marked_${index}`)} as (${rule.rows ? rowsMarkedSql(rule, rule.rows, at) : subjectsMarkedSql(rule, at)})`

function rowsMarkedSql({ kind, column }: MarkRule, rows: NonNullable<MarkRule['rows']>, at: MarkedAt): SQL {
  const [row, areAll] = 'row' in rows ? [rows.row, 'false'] : ['null::bigint', rows.allIf]
  const of = (side: string) =>
    sql.raw(
      `select ${column}::text as subject, ${row} as row_id, ${areAll} as are_all from ${side} where ${column} is not null`,
    )
  return sql`
    insert into recon.marks (account_id, subject_kind, subject_id, moved_at, row_ids)
    select ${at.accountId}::int, ${kind}::text, subject, ${timestamp(at.movedAt)},
      case when not bool_or(are_all) then coalesce(array_agg(distinct row_id) filter (where row_id is not null), '{}') end
    from (${of('incoming')} union all ${of('former')}) named
    group by subject order by 3 ${holdMarkedRows}`
}

function subjectsMarkedSql(rule: MarkRule, { accountId, movedAt }: MarkedAt): SQL {
  const column = sql.raw(rule.column)
  return sql`
    insert into recon.marks (account_id, subject_kind, subject_id, moved_at)
    with named as (
      select ${column}::text as subject from incoming where ${column} is not null
      union select ${column}::text from former where ${column} is not null
    )
    select distinct ${accountId}::int, ${rule.kind}::text, marked.subject, ${timestamp(movedAt)}
    from (${sql.raw(subjectsQuery(rule, accountId))}) as marked(subject) order by 3 ${holdMark}`
}
