import { FACT_KINDS, type FactKind } from '../../domain/journal/facts.ts'
import type { BooksMarkKind } from '../mirror/mark-rules.ts'
import { isMovement, isReturned, settledAt, signedMinor, transactionTables } from '../movements/movements.ts'
import { reversesSql } from '../movements/reverses.ts'

/** What of the mirror is meant: everything of an account, what marks named when they were taken, or what they name now. */
export type PostingScope = 'full' | 'waiting' | MarkedSubjects

/** Subjects of `recon.marks`, by what they name. */
export interface MarkedSubjects {
  /** Helcim's own (Mountain) dates on which card transactions were made. */
  readonly days: readonly string[]
  readonly batches: readonly string[]
  readonly invoices: readonly string[]
  readonly transactions: readonly string[]
  readonly achTransactions: readonly string[]
}

/** Of one account, and how its business days are cut. */
export interface PostingOf {
  readonly accountId: number
  readonly zone: string
  readonly cutOffMinutes: number
  readonly scope: PostingScope
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** The subjects of one kind of mark as an array: written into the statement, or looked up by it. */
function subjectsSql(scope: 'waiting' | MarkedSubjects, accountId: number, of: keyof MarkedSubjects): string {
  const { type, marked } = MARKED[of]
  if (scope === 'waiting')
    return `array(${marked
      .map(
        (one) => `select ${one.id} from recon.marks
    where account_id = ${accountId} and subject_kind = '${one.kind}' and ${one.where ?? 'true'}`,
      )
      .join(' union all ')})`
  return `array[${scope[of].map(literal).join(',')}]::${type}[]`
}

interface Marked {
  readonly kind: BooksMarkKind
  /** What of a mark names subjects, and of which marks, as SQL. */
  readonly id: string
  readonly where?: string
}

/** A day of which some rows are marked stands for these. */
const MARKED: Readonly<Record<keyof MarkedSubjects, { type: string; marked: readonly Marked[] }>> = {
  days: {
    type: 'date',
    marked: [
      { kind: 'books_day', id: 'subject_id::date', where: 'row_ids is null' },
      { kind: 'books_day_whole', id: 'subject_id::date' },
    ],
  },
  batches: { type: 'bigint', marked: [{ kind: 'books_batch', id: 'subject_id::bigint' }] },
  invoices: { type: 'text', marked: [{ kind: 'books_invoice', id: 'subject_id' }] },
  transactions: {
    type: 'bigint',
    marked: [
      { kind: 'books_transaction', id: 'subject_id::bigint' },
      { kind: 'books_day', id: 'unnest(row_ids)' },
    ],
  },
  achTransactions: { type: 'bigint', marked: [{ kind: 'books_ach_transaction', id: 'subject_id::bigint' }] },
}

const kind = (name: FactKind): string => {
  if (!FACT_KINDS.includes(name)) throw new Error(`${name} is no kind of fact`)
  return `'${name}'`
}

/** How an account's clocks show an instant, and its business date, as SQL. */
export function datesSql({ zone, cutOffMinutes }: Pick<PostingOf, 'zone' | 'cutOffMinutes'>) {
  const local = (instant: string) => `(${instant} at time zone ${literal(zone)})`
  // Up to noon a cut-off ends the day before, later on it begins the day after.
  const shiftMinutes = cutOffMinutes > 720 ? cutOffMinutes - 1440 : cutOffMinutes
  const businessDate = (instant: string) => `(${local(instant)} - interval '${shiftMinutes} minutes')::date`
  return { local, businessDate }
}

/**
 * Subqueries, from `with` on, that turn mirrored rows into facts:
 *
 * - `in_scope (source_kind, source_id)`: every source that may have changed, also those that are no fact any more
 * - `facts (source_kind, source_id, currency, kind, natural_on, gross_minor, tax_minor, is_recurring, plan_id)`
 *
 * Rows that Helcim does not return any more, and rows without a readable time, make none.
 */
export function factsSql(posting: PostingOf): string {
  const { accountId, scope } = posting
  const { local, businessDate } = datesSql(posting)
  const of = (alias: string) => `${alias}.account_id = ${accountId}`
  const invoice = (condition: string) => `
      select i.currency, i.amount_minor, i.tax_minor from helcim.invoices i
      where ${of('i')} and ${condition} and i.vanished_at is null and i.tax_minor between 1 and i.amount_minor
      order by i.invoice_id limit 1`
  const part = { scope: scopeSql(accountId, scope), isWithin: scope === 'full' ? 'true' : IS_REVERSE_IN_SCOPE }
  return `${reversesSql(accountId, part)},
  recurring as materialized (
    -- One that a former version matched beside this one says no plan.
    select m.via, m.transaction_id, coalesce(m.payment_plan_id, s.payment_plan_id) as plan_id
    from recon.matches m left join helcim.subscriptions s on s.account_id = m.account_id and s.subscription_id = m.subscription_id
    where ${of('m')} and m.rule <> 'declined_try'
      and (m.via = 'ach' and m.transaction_id in (select ach_transaction_id from ach_scope)
        or m.via = 'card' and m.transaction_id in (select transaction_id from card_scope))
  ),
  card_facts as (
    select 'card_transaction' as source_kind, t.transaction_id as source_id, t.currency,
      case t.type when 'refund' then ${kind('refund')}
        when 'reverse' then case r.kind when 'sale' then ${kind('sale_reversal')} when 'refund' then ${kind('refund_reversal')}
          else ${kind('reverse_undecided')} end
        else ${kind('sale')} end as kind,
      ${businessDate('t.created_at')} as natural_on, t.amount_minor as gross_minor,
      -- Of a payment in parts nothing tells how much is tax.
      case when i.currency = t.currency and i.amount_minor = t.amount_minor
        and (t.type <> 'reverse' or r.kind is not null) then i.tax_minor else 0 end as tax_minor,
      t.type in ('purchase', 'capture') and m.transaction_id is not null as is_recurring,
      case when t.type in ('purchase', 'capture') then m.plan_id end as plan_id
    ${transactionTables}
    join card_scope c on c.transaction_id = t.transaction_id
    left join lateral (${invoice('i.invoice_number = t.invoice_number')}) i on true
    left join recurring m on m.via = 'card' and m.transaction_id = t.transaction_id
    where ${of('t')} and ${isReturned} and ${isMovement} and t.created_at is not null and t.amount_minor > 0
  ),
  batch_facts as (
    select 'card_batch' as source_kind, t.card_batch_id as source_id, t.currency, ${kind('settlement')} as kind,
      ${local(settledAt)}::date as natural_on, sum(${signedMinor})::bigint as gross_minor, 0::bigint as tax_minor,
      false as is_recurring, null::bigint as plan_id
    ${transactionTables}
    join batch_scope c on c.card_batch_id = t.card_batch_id
    join helcim.card_batches b on b.account_id = t.account_id and b.card_batch_id = t.card_batch_id
    where ${of('t')} and ${isReturned} and ${isMovement} and ${settledAt} is not null
    group by 2, 3, 5 having sum(${signedMinor}) <> 0
  ),
  ach_rows as (
    select t.*, case t.type
        when 'WITHDRAWAL' then ${kind('ach_sale')} when 'REFUND' then ${kind('ach_refund')} when 'DEPOSIT' then ${kind('ach_payout')}
        when 'REVERSE' then case o.type when 'WITHDRAWAL' then ${kind('ach_sale_reversal')}
          when 'REFUND' then ${kind('ach_refund_reversal')} when 'DEPOSIT' then ${kind('ach_refund_reversal')}
          else ${kind('ach_undecided')} end
        else ${kind('ach_undecided')} end as kind
    from helcim.ach_transactions t
    join ach_scope c on c.ach_transaction_id = t.ach_transaction_id
    left join helcim.ach_transactions o on o.account_id = t.account_id and o.ach_transaction_id = t.original_transaction_id
    where ${of('t')} and t.vanished_at is null and t.status_clearing = 'CLEARED' and not t.is_test
      and t.created_at is not null and t.amount_minor > 0
  ),
  ach_facts as (
    select 'ach_transaction' as source_kind, t.ach_transaction_id as source_id, t.currency, t.kind,
      ${businessDate('t.created_at')} as natural_on, t.amount_minor as gross_minor,
      case when t.kind in (${kind('ach_sale')}, ${kind('ach_refund')}, ${kind('ach_sale_reversal')}) and i.currency = t.currency
        and i.amount_minor = t.amount_minor then i.tax_minor else 0 end as tax_minor,
      t.kind = ${kind('ach_sale')} and m.transaction_id is not null as is_recurring,
      case when t.kind = ${kind('ach_sale')} then m.plan_id end as plan_id
    from ach_rows t
    left join lateral (${invoice('i.invoice_id = t.order_id')}) i on true
    left join recurring m on m.via = 'ach' and m.transaction_id = t.ach_transaction_id
    union all
    select 'ach_settlement', ach_transaction_id, currency, ${kind('ach_settlement')}, ${local('closed_at')}::date,
      case when kind in (${kind('ach_sale')}, ${kind('ach_refund_reversal')}) then amount_minor else -amount_minor end,
      0, false, null::bigint
    from ach_rows where closed_at is not null and kind <> ${kind('ach_undecided')}
  ),
  facts as (
    select * from card_facts union all select * from batch_facts union all select * from ach_facts
  )`
}

/**
 * Where reverses are concerned, whole batches are: what one voided is told of all of them together, and `reverse_scope` has
 * all approved ones of a batch or none. As an array, so that each is found by its key, where the planner would rather read
 * all that there ever were.
 */
const IS_REVERSE_IN_SCOPE = 'r.transaction_id = any(array(select transaction_id from reverse_scope))'

/** Subqueries, each ended by a comma, for `reversesSql`; the last is `in_scope (source_kind, source_id)`. */
export const scopeSql = (accountId: number, scope: PostingScope): string => `
  ${scope === 'full' ? everythingSql(accountId) : namedSql(accountId, scope)}
  in_scope as materialized (
    select 'card_transaction' as source_kind, transaction_id as source_id from card_scope
    union all select 'card_batch', card_batch_id from batch_scope
    union all select k.source_kind, ach_transaction_id
      from ach_scope cross join (values ('ach_transaction'), ('ach_settlement')) k(source_kind)
  ),`

const everythingSql = (accountId: number): string => `
  card_scope as materialized (select transaction_id from helcim.card_transactions where account_id = ${accountId}),
  batch_scope as materialized (select card_batch_id from helcim.card_batches where account_id = ${accountId}),
  ach_scope as materialized (select ach_transaction_id from helcim.ach_transactions where account_id = ${accountId}),`

function namedSql(accountId: number, scope: 'waiting' | MarkedSubjects): string {
  const subjects = (of: keyof MarkedSubjects) => subjectsSql(scope, accountId, of)
  const named = (condition: string) =>
    `select transaction_id, card_batch_id, type from helcim.card_transactions where account_id = ${accountId} and ${condition}`
  return `
  marked_cards as materialized (
    ${named(`created_on = any(${subjects('days')})`)}
    union ${named(`invoice_number = any(${subjects('invoices')})`)}
    union ${named(`transaction_id = any(${subjects('transactions')})`)}
  ),
  named_cards as materialized (
    select * from marked_cards
    -- What a reverse voided is told by the row that it names, of whatever batch and day.
    union ${named("type = 'reverse' and original_transaction_id in (select transaction_id from marked_cards)")}
  ),
  batch_scope as materialized (
    select unnest(${subjects('batches')}) as card_batch_id
    union select card_batch_id from named_cards where type = 'reverse' and card_batch_id is not null
  ),
  reverse_scope as materialized (
    select transaction_id from named_cards where type = 'reverse'
    union select transaction_id from helcim.card_transactions
    where account_id = ${accountId} and type = 'reverse' and outcome = 'approved'
      and card_batch_id = any(array(select card_batch_id from batch_scope))
  ),
  card_scope as materialized (
    select transaction_id from named_cards union select transaction_id from reverse_scope
  ),
  ach_scope as materialized (
    select ach_transaction_id from helcim.ach_transactions t cross join (select ${subjects('achTransactions')} as marked) m
    where account_id = ${accountId} and (ach_transaction_id = any(marked) or original_transaction_id = any(marked))
    union select t.ach_transaction_id
    from helcim.invoices i join helcim.ach_transactions t on t.account_id = i.account_id and t.order_id = i.invoice_id
    where i.account_id = ${accountId} and i.invoice_number = any(${subjects('invoices')})
  ),`
}
