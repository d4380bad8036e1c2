import { sql } from 'drizzle-orm'
import { addDays, type BusinessDate } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { OPEN_INVOICE_STATUSES } from '../domain/invoice.ts'
import type { HelcimId } from '../domain/record.ts'
import { RUNNING_SUBSCRIPTION_STATUSES } from '../domain/recurring.ts'
import type { Tx } from './client.ts'
import { arrayOf, timestamp } from './sql-values.ts'

/** Days between two readings of the payments of a subscription in whose list fields nothing happens. */
const QUIET_DAYS = 30

interface Need {
  readonly accountId: number
  readonly now: Instant
  readonly limit: number
}

/**
 * Subscriptions whose payments are to be read: first those that the list shows changed since, or that never were read;
 * then those with a failed payment, which is retried without a trace in the list, once a day; then the running ones that
 * were not read for a month. Of equals the most money first.
 */
export async function listSubscriptionsToRead(tx: Tx, { accountId, now, limit }: Need): Promise<HelcimId[]> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    select s.subscription_id as id
    from helcim.subscriptions s
    left join helcim.subscription_details d
      on d.account_id = s.account_id and d.subscription_id = s.subscription_id
    left join lateral (
      select max(p.started_at) as at from recon.pulls p
      where p.account_id = s.account_id and p.resource = 'subscription' and p.window_kind = 'one'
        and p.subject = s.subscription_id::text and p.state = 'complete'
    ) read on true
    cross join lateral (select coalesce(greatest(d.observed_at, read.at), '-infinity') as at) known
    cross join lateral (select case
      when known.at < s.observed_at then 1
      when s.has_failed_payments and known.at < ${timestamp(now)} - interval '23 hours' then 2
      when s.status = any(${arrayOf(RUNNING_SUBSCRIPTION_STATUSES)}::text[])
        and known.at < ${timestamp(now)} - make_interval(days => ${QUIET_DAYS}) then 3
      end as rank) need
    where s.account_id = ${accountId} and s.vanished_at is null and need.rank is not null
    order by need.rank, s.recurring_minor desc, s.subscription_id limit ${limit}`)
  return rows.map(({ id }) => BigInt(id))
}

/** Codes that card transactions since `from` and subscriptions name, of customers that we do not have. */
export async function listUnknownCustomers(
  tx: Tx,
  { accountId, from, now, limit }: Need & { from: BusinessDate },
): Promise<string[]> {
  const { rows } = await tx.execute<{ code: string }>(sql`
    select n.code from (
      select customer_code as code from helcim.card_transactions
      where account_id = ${accountId} and created_on >= ${from}::date and customer_code is not null
      union select customer_code from helcim.subscriptions
      where account_id = ${accountId} and customer_code <> '' and vanished_at is null
    ) n
    where not exists (
      select from helcim.customers c where c.account_id = ${accountId} and c.customer_code = n.code)
      and ${isNotAskedFor('customer', sql`n.code`, { accountId, since: sql`${timestamp(now)} - interval '23 hours'` })}
    order by 1 limit ${limit}`)
  return rows.map(({ code }) => code)
}

/**
 * Numbers that payments since `from` name, of invoices that we do not have although their day was read since, or that were
 * open when we last saw them and before we saw the payment; and of invoices of which a reading would tell more (they wait to be
 * judged), once a day. Payments are also declined ones, which are told from those by hand by their invoice; a card that was
 * verified tells nothing of one.
 */
export async function listInvoicesToRead(
  tx: Tx,
  { accountId, from, now, limit }: Need & { from: BusinessDate },
): Promise<string[]> {
  const { rows } = await tx.execute<{ number: string }>(sql`
    select t.invoice_number as number
    from helcim.card_transactions t
    left join helcim.invoices i on i.account_id = t.account_id and i.invoice_number = t.invoice_number
    -- Of an invoice that we have the day on which it was made; an invoice that we lack is made with its payment.
    left join recon.covered_days c
      on c.account_id = t.account_id and c.resource = 'invoice' and c.day = coalesce(i.created_on, t.created_on)
    where t.account_id = ${accountId} and t.created_on >= ${from}::date and t.invoice_number is not null
      and t.type in ('purchase', 'preauth', 'capture', 'refund', 'reverse')
      and case when i.invoice_id is null then c.read_at > t.created_at + interval '1 hour'
        else i.status = any(${arrayOf(OPEN_INVOICE_STATUSES)}::text[]) and i.vanished_at is null
          and i.observed_at < t.first_seen_at and coalesce(c.read_at < t.first_seen_at, true) end
    group by t.invoice_number
    having ${isNotAskedFor('invoice', sql`t.invoice_number`, { accountId, since: sql`max(t.first_seen_at)` })}
    union
    select d.subject_id from recon.due_checks d
    join helcim.invoices i on i.account_id = d.account_id and i.invoice_number = d.subject_id and i.vanished_at is null
    left join recon.covered_days c on c.account_id = i.account_id and c.resource = 'invoice' and c.day = i.created_on
    where d.account_id = ${accountId} and d.subject_kind = 'invoice' and d.due_at <= ${timestamp(now)}
      and greatest(i.observed_at, c.read_at) < ${timestamp(now)} - interval '23 hours'
      and ${isNotAskedFor('invoice', sql`d.subject_id`, { accountId, since: sql`${timestamp(now)} - interval '23 hours'` })}
    order by 1 limit ${limit}`)
  return rows.map(({ number }) => number)
}

/** Longer than a month and the time in which it is closed: what Helcim said of a number is forgotten by then, and asked again. */
const UNREAD_DAYS = 92

/**
 * Numbers that money of the last 92 days names, of invoices that no reading has answered, once a day. Until an invoice is
 * there, or Helcim said that it is not, nothing tells how much of the money is tax. Looks at all transactions of that time.
 */
export async function listInvoicesNeverRead(tx: Tx, { accountId, now, limit }: Need): Promise<string[]> {
  const { rows } = await tx.execute<{ number: string }>(sql`
    select distinct t.invoice_number as number from helcim.card_transactions t
    where t.account_id = ${accountId} and t.created_on >= ${addDays(helcimDate(now), -UNREAD_DAYS)}::date
      and t.invoice_number is not null and t.vanished_at is null and t.outcome = 'approved'
      and t.type in ('purchase', 'capture', 'refund', 'reverse')
      and not exists (select from helcim.invoices i
        where i.account_id = t.account_id and i.invoice_number = t.invoice_number)
      and exists (select from recon.covered_days c where c.account_id = t.account_id and c.resource = 'invoice'
        and c.day = t.created_on and c.read_at > t.created_at + interval '1 hour')
      and not exists (select from recon.pulls p where p.account_id = t.account_id and p.resource = 'invoice'
        and p.window_kind = 'code' and p.subject = t.invoice_number and p.state = 'complete' and p.count_rows = 0
        and p.started_at > t.created_at + interval '1 minute')
      and ${isNotAskedFor('invoice', sql`t.invoice_number`, { accountId, since: sql`${timestamp(now)} - interval '23 hours'` })}
    order by 1 limit ${limit}`)
  return rows.map(({ number }) => number)
}

const isNotAskedFor = (
  resource: string,
  code: ReturnType<typeof sql>,
  { accountId, since }: { accountId: number; since: ReturnType<typeof sql> },
) => sql`not exists (
  select from recon.pulls p where p.account_id = ${accountId} and p.resource = ${resource}
    and p.window_kind = 'code' and p.subject = ${code} and p.started_at > ${since})`

/** Of how many present subscriptions the payments were ever read. */
export async function countDetails(
  tx: Tx,
  accountId: number,
): Promise<{ countSubscriptions: number; countRead: number }> {
  const { rows } = await tx.execute<{ subscriptions: string; read: string }>(sql`
    select count(*) as subscriptions, count(d.subscription_id) as read
    from helcim.subscriptions s left join helcim.subscription_details d using (account_id, subscription_id)
    where s.account_id = ${accountId} and s.vanished_at is null`)
  return { countSubscriptions: Number(rows[0]?.subscriptions ?? 0), countRead: Number(rows[0]?.read ?? 0) }
}
