import { sql } from 'drizzle-orm'
import pg from 'pg'
import type { Tx } from '../client.ts'
import { OTHER_MIRRORS } from '../mirror/mirrors.ts'
import type { mismatches } from '../schema/mismatches.ts'
import { billingEvidenceQuery } from './billing-evidence.ts'

type Mismatch = typeof mismatches.$inferSelect

export interface EvidenceRows {
  readonly columns: readonly string[]
  /** Texts as Postgres writes them, the first rows only. */
  readonly rows: readonly (readonly string[])[]
  /** Of all rows. */
  readonly count: number
}

/**
 * The rows behind a mismatch as one statement that a person can paste into psql: what we show comes from the very same
 * text. No card token and no raw record is among its columns.
 */
export function evidenceQuery(mismatch: Mismatch): string {
  const { accountId, code, subjectKind, subjectId, evidence } = mismatch
  if (code === 'record_undecodable') return undecodedQuery(accountId, evidence[0] ?? `${subjectKind}:${subjectId}`)
  const ids = (kind: string) => idsOf(evidence, kind)
  if (code === 'books_differ_from_mirror') return postedQuery(accountId, subjectId)
  if (code === 'card_batch_number_gap') return batchesBesideQuery(accountId, subjectId)
  const conditions = [
    ...(ids('card_transaction').length > 0 ? [`transaction_id in (${ids('card_transaction').join(', ')})`] : []),
    // Transactions that are gone are not counted, but what disappeared is shown where it is named itself.
    ...(ids('card_batch').length > 0
      ? [`(card_batch_id in (${ids('card_batch').join(', ')}) and vanished_at is null)`]
      : []),
  ]
  const other = OTHER_MIRRORS.find(({ resource }) => resource === subjectKind)
  if (other && RECORD_CODES.includes(code)) return recordQuery(accountId, other, subjectId)
  const billing = billingEvidenceQuery(accountId, ids)
  if (billing !== null && ids('invoice').length > 0) return billing
  if (conditions.length > 0) return transactionsQuery(accountId, conditions.join(' or '))
  if (ids('subscription').length > 0) return paymentsQuery(accountId, ids('subscription'))
  return billing ?? pullsQuery(accountId, subjectId)
}

/** Runs the statement of `evidenceQuery`; all of it, but only the first `limit` rows are returned. */
export async function listEvidence(tx: Tx, { query, limit }: { query: string; limit: number }): Promise<EvidenceRows> {
  const { rows, fields } = await tx.execute<Record<string, unknown>>(
    sql.raw(
      `select *, count(*) over ()::int as count_of_all from (${query.replace(/;\s*$/, '')}) as evidence limit ${limit}`,
    ),
  )
  const columns = fields.map(({ name }) => name).filter((name) => name !== 'count_of_all')
  return {
    columns,
    rows: rows.map((row) => columns.map((column) => (row[column] === null ? '' : String(row[column])))),
    count: Number(rows[0]?.count_of_all ?? 0),
  }
}

/** Codes about one record as it is. */
const RECORD_CODES: readonly string[] = ['value_unknown', 'record_disappeared']

const recordQuery = (accountId: number, { table, idColumn }: (typeof OTHER_MIRRORS)[number], id: string): string =>
  `
select ${idColumn} as id, first_seen_at::text as first_seen, observed_at::text as changed, vanished_at::text as vanished,
  unknown_values::text as unknown
from ${table}
where account_id = ${accountId} and ${idColumn} = ${/^\d{1,18}$/.test(id) ? id : '0'};`.trim()

/** The ids of one kind among the evidence, which is `kind:id`; what is no number is no id of Helcim's. */
const idsOf = (evidence: readonly string[], kind: string): string[] =>
  evidence.flatMap((one) => {
    const id = one.startsWith(`${kind}:`) ? one.slice(kind.length + 1) : ''
    return /^\d{1,18}$/.test(id) ? [id] : []
  })

const transactionsQuery = (accountId: number, condition: string): string =>
  `
select transaction_id as transaction, created_at_text as created, type, status, round(amount_minor / 100.0, 2) as amount,
  currency as cur, card_number_masked as card, card_batch_id as batch, vanished_at::text as vanished
from helcim.card_transactions
where account_id = ${accountId} and (${condition})
order by transaction_id;`.trim()

const paymentsQuery = (accountId: number, ids: readonly string[]): string =>
  `
select p.subscription_id as subscription, p.payment_number as payment, p.due_on::text as due, p.status,
  p.processed_at_text as processed, round(p.amount_minor / 100.0, 2) as amount, p.count_retries as retries,
  m.via || ' ' || m.transaction_id as matched
from helcim.subscription_payments p
left join recon.matches m on m.account_id = p.account_id and m.subscription_id = p.subscription_id
  and m.payment_number = p.payment_number and m.rule <> 'declined_try'
where p.account_id = ${accountId} and p.subscription_id in (${ids.join(', ')})
order by p.subscription_id, p.payment_number desc;`.trim()

/** @param subjectId `terminal:number` */
function batchesBesideQuery(accountId: number, subjectId: string): string {
  const [terminalId = '0', number = '0'] = subjectId.split(':').map((part) => (/^\d{1,18}$/.test(part) ? part : '0'))
  return `
select card_batch_id as batch, batch_number as number, created_at_text as created, closed_at_text as closed,
  round(net_minor / 100.0, 2) as net, count_total as transactions
from helcim.card_batches
where account_id = ${accountId} and terminal_id = ${terminalId} and batch_number between ${number} - 2 and ${number} + 2
order by batch_number;`.trim()
}

/** @param subjectId `month:account` */
function postedQuery(accountId: number, subjectId: string): string {
  const [month = '', account = ''] = subjectId.split(':')
  return `
select e.kind, e.currency as cur, count(*) as postings, round(sum(p.amount_minor) / 100.0, 2) as posted
from books.entries e join books.postings p on p.account_id = e.account_id and p.entry_id = e.entry_id
where e.account_id = ${accountId} and p.account = ${literal(account)} and to_char(e.natural_on, 'YYYY-MM') = ${literal(month)}
group by 1, 2 order by 1, 2;`.trim()
}

function undecodedQuery(accountId: number, evidence: string): string {
  const [resource = '', ...rest] = evidence.split(':')
  const key = rest.join(':')
  const condition =
    resource === 'resource'
      ? `resource = ${literal(key)} and record_key !~ '^[0-9]+$'`
      : `resource = ${literal(resource)} and record_key = ${literal(key)}`
  return `
select resource, record_key, reason, first_seen_at::text as first_seen, last_seen_at::text as last_seen
from helcim.undecoded_records
where account_id = ${accountId} and ${condition}
order by record_key;`.trim()
}

const pullsQuery = (accountId: number, resource: string): string =>
  `
select pull_id as pull, window_kind as reads, from_date::text as first_day, to_date::text as last_day, state,
  finished_at::text as finished, count_rows as rows, fail_words as reason
from recon.pulls
where account_id = ${accountId} and resource = ${literal(resource)}
order by pull_id desc;`.trim()

const literal = (text: string): string => pg.escapeLiteral(text)
