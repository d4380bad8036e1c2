import { sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { HelcimId } from '../domain/record.ts'
import type { Match } from '../domain/recurring/match.ts'
import type { Tx } from './client.ts'
import { holdMark } from './marks.ts'
import { arrayOf, timestamp } from './sql-values.ts'

/** Customers of whom time alone can have changed what is to be said. */
export async function listDueCustomers(tx: Tx, accountId: number, now: Instant): Promise<string[]> {
  const { rows } = await tx.execute<{ customer_code: string }>(sql`
    select customer_code from recon.recurring_checks where account_id = ${accountId} and due_at <= ${timestamp(now)}`)
  return rows.map((row) => row.customer_code)
}

/** All customers with subscriptions, those included whose last one has vanished. */
export async function listSubscribers(tx: Tx, accountId: number): Promise<string[]> {
  const { rows } = await tx.execute<{ customer_code: string }>(sql`
    select customer_code from helcim.subscriptions where account_id = ${accountId}
    union select customer_code from recon.recurring_checks where account_id = ${accountId}
    order by 1`)
  return rows.map((row) => row.customer_code)
}

/** All subscriptions that these customers have or had: what is no longer said of them is over. */
export async function listSubscriptionIds(
  tx: Tx,
  { accountId, codes }: { accountId: number; codes: readonly string[] },
): Promise<bigint[]> {
  const { rows } = await tx.execute<{ subscription_id: string }>(sql`
    select subscription_id from helcim.subscriptions where account_id = ${accountId}
      and customer_code in (select json_array_elements_text(${JSON.stringify(codes)}::json))`)
  return rows.map((row) => BigInt(row.subscription_id))
}

/** Transactions of which it was said, and not taken back, that these subscriptions did not expect them. */
export async function listUnexpectedCharges(
  tx: Tx,
  { accountId, subscriptionIds }: { accountId: number; subscriptionIds: readonly bigint[] },
): Promise<string[]> {
  const { rows } = await tx.execute<{ subject_id: string }>(sql`
    select m.subject_id from recon.mismatches m
    where m.account_id = ${accountId} and m.code = 'charge_unexpected'
      and (m.state <> 'resolved' or m.resolution <> 'automatic')
      and exists (
        select from json_array_elements_text(m.evidence) as row
        where split_part(row, ':', 1) = 'subscription'
          and split_part(row, ':', 2) = any(${arrayOf(subscriptionIds)}::text[]))`)
  return rows.map((row) => row.subject_id)
}

export interface CheckedCustomer {
  readonly customerCode: string
  readonly dueAt: Instant | null
  readonly matches: readonly Match[]
}

/**
 * Stores what these customers were judged to be; rows in which nothing changed are not written.
 * @returns the card transactions of which it changed whether a payment expects them
 */
export async function storeRecurringChecks(
  tx: Tx,
  { accountId, checked, now }: { accountId: number; checked: readonly CheckedCustomer[]; now: Instant },
): Promise<HelcimId[]> {
  if (checked.length === 0) return []
  const customers = checked.map(({ customerCode, dueAt }) => ({
    code: customerCode,
    due: dueAt === null ? null : new Date(dueAt).toISOString(),
  }))
  await tx.execute(sql`
    insert into recon.recurring_checks as c (account_id, customer_code, due_at)
    select ${accountId}, code, due from json_to_recordset(${JSON.stringify(customers)}::json) as j(code text, due timestamptz)
    on conflict (account_id, customer_code) do update set due_at = excluded.due_at
      where c.due_at is distinct from excluded.due_at`)
  const rows = checked.flatMap(({ customerCode, matches }) => matches.map((match) => rowOf(customerCode, match)))
  const columns = `via, transaction_id, customer_code, subscription_id, payment_number, rule, window_from, window_until,
    confidence, is_interchangeable, amount_minor, currency`
  const { rows: changed } = await tx.execute<{ transaction_id: string }>(sql`
    with now_matched as materialized (
      select * from json_to_recordset(${JSON.stringify(rows)}::json) as j(via text, transaction_id bigint,
        customer_code text, subscription_id bigint, payment_number integer, rule text, window_from timestamptz,
        window_until timestamptz, confidence text, is_interchangeable boolean, amount_minor bigint, currency text)
    ), gone as (
      delete from recon.matches m
      where m.account_id = ${accountId}
        and m.customer_code in (select json_array_elements_text(${JSON.stringify(customers.map(({ code }) => code))}::json))
        and not exists (select from now_matched n where n.via = m.via and n.transaction_id = m.transaction_id)
      returning via, transaction_id
    ), stored as (
      insert into recon.matches as m (account_id, ${sql.raw(columns)}, payment_plan_id, matched_at)
      select ${accountId}, ${sql.raw(columns)}, (
        select s.payment_plan_id from helcim.subscriptions s
        where s.account_id = ${accountId} and s.subscription_id = n.subscription_id), ${timestamp(now)}
      from now_matched n
      on conflict (account_id, via, transaction_id) do update set
        customer_code = excluded.customer_code, subscription_id = excluded.subscription_id,
        payment_number = excluded.payment_number, rule = excluded.rule, window_from = excluded.window_from,
        window_until = excluded.window_until, confidence = excluded.confidence,
        is_interchangeable = excluded.is_interchangeable, amount_minor = excluded.amount_minor,
        currency = excluded.currency, matched_at = excluded.matched_at,
        payment_plan_id = case when m.subscription_id = excluded.subscription_id and m.payment_plan_id is not null
          then m.payment_plan_id else excluded.payment_plan_id end
        where (m.customer_code, m.subscription_id, m.payment_number, m.rule, m.window_from, m.window_until, m.confidence,
            m.is_interchangeable, m.amount_minor, m.currency)
          is distinct from (excluded.customer_code, excluded.subscription_id, excluded.payment_number, excluded.rule,
            excluded.window_from, excluded.window_until, excluded.confidence, excluded.is_interchangeable,
            excluded.amount_minor, excluded.currency)
      returning via, transaction_id
    ), changed as (
      select * from gone union select * from stored
    ), versions as (
      -- As they were before this statement, which sees nothing of its own changes.
      insert into recon.match_versions (account_id, via, transaction_id, until, matched_at, subscription_id, payment_number, rule)
      select m.account_id, m.via, m.transaction_id, ${timestamp(now)}, m.matched_at, m.subscription_id, m.payment_number, m.rule
      from changed c join recon.matches m
        on m.account_id = ${accountId} and m.via = c.via and m.transaction_id = c.transaction_id
      on conflict do nothing
    ), marked as (
      -- Whether a sale is a recurring one is told by its match.
      insert into recon.marks (account_id, subject_kind, subject_id)
      select ${accountId}::int, case via when 'ach' then 'books_ach_transaction' else 'books_transaction' end, transaction_id::text
      from changed order by 2, 3 ${holdMark}
    )
    select transaction_id from changed where via = 'card'`)
  return changed.map((row) => BigInt(row.transaction_id))
}

const rowOf = (customerCode: string, { expectation, charge, rule, confidence, isInterchangeable }: Match) => ({
  via: charge.via,
  transaction_id: String(charge.transactionId),
  customer_code: customerCode,
  subscription_id: String(expectation.subscriptionId),
  payment_number: expectation.paymentNumber,
  rule,
  window_from: new Date(expectation.window.from).toISOString(),
  window_until: new Date(expectation.window.until).toISOString(),
  confidence,
  is_interchangeable: isInterchangeable,
  amount_minor: String(charge.amountMinor),
  currency: charge.currency,
})
