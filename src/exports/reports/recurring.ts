import type { Column, Report, Scope } from '../report.ts'

/** The sums that a payment may be charged with, the likeliest first: those of `sumsOf` in domain/recurring/expectations.ts. */
const toldSums = `array[
          coalesce(p.setup_minor, 0) + coalesce(p.recurring_minor, 0) + coalesce(p.add_on_minor, 0) + coalesce(p.tax_minor, 0),
          p.amount_minor, p.amount_minor + coalesce(p.tax_minor, 0), p.amount_minor + coalesce(p.add_on_minor, 0),
          p.amount_minor + coalesce(p.add_on_minor, 0) + coalesce(p.tax_minor, 0)]`

/** Of one whose payments were never read. */
const projectedSums = `array[s.recurring_minor + case m.payment_number when 1 then coalesce(s.setup_minor, 0) else 0 end,
          s.recurring_minor]`

const subscriptionColumns = 's.customer_code, l.name as plan, l.currency'
const subscriptionTables = (joined: string) => `
      join helcim.subscriptions s on s.account_id = ${joined}.account_id and s.subscription_id = ${joined}.subscription_id
        and s.vanished_at is null
      left join helcim.payment_plans l on l.account_id = s.account_id and l.payment_plan_id = s.payment_plan_id`

/** Payments that Helcim tells of, and those that are only known from the charge that they were matched with. */
const tables = (scope: Scope | null): string => {
  const ofAccount = (alias: string) => (scope === null ? 'true' : `${alias}.account_id = ${scope.accountId}`)
  return `from (
    (
      select distinct on (p.account_id, p.subscription_id, p.payment_number)
        p.account_id, p.subscription_id, p.payment_number, ${subscriptionColumns}, p.due_on, p.processed_at, p.status,
        p.count_retries, ${toldSums} as sums
      from helcim.subscription_payments p ${subscriptionTables('p')}
      where ${ofAccount('p')}
      order by p.account_id, p.subscription_id, p.payment_number, p.position
    ) union all (
      select distinct on (m.account_id, m.subscription_id, m.payment_number)
        m.account_id, m.subscription_id, m.payment_number, ${subscriptionColumns}, null, null, null, null, ${projectedSums}
      from recon.matches m ${subscriptionTables('m')}
      where ${ofAccount('m')} and not exists (
        select from helcim.subscription_details d
        where d.account_id = m.account_id and d.subscription_id = m.subscription_id)
    )
  ) e
  left join lateral (
    -- Its own charge, or else the last one that was declined.
    select m.*, m.rule <> 'declined_try' as is_paid, coalesce(t.created_at, h.created_at) as charged_at
    from recon.matches m
    left join helcim.card_transactions t on m.via = 'card' and t.account_id = m.account_id and t.transaction_id = m.transaction_id
    left join helcim.ach_transactions h
      on m.via = 'ach' and h.account_id = m.account_id and h.ach_transaction_id = m.transaction_id
    where m.account_id = e.account_id and m.subscription_id = e.subscription_id and m.payment_number = e.payment_number
    order by m.rule = 'declined_try', m.transaction_id desc limit 1
  ) m on true
  join recon.accounts a on a.account_id = e.account_id`
}

const currency = 'coalesce(e.currency, m.currency)'

/** By which a charge belongs to a period: the day it is due, or where none is told the local day it was made. */
const day = `coalesce(e.due_on, (coalesce(e.processed_at, m.charged_at) at time zone a.zone)::date)`

const text = (name: string, description: string, sql: string): Column => ({ name, type: 'text', description, sql })

export const recurring: Report = {
  name: 'recurring',
  view: 'recurring',
  rowIs: 'an expected charge: a payment of a subscription',
  rowsAre: 'due on the days of the period, or made on them where no due day is told',
  columns: [
    { name: 'subscription_id', type: 'number', description: 'Helcim’s id', sql: 'e.subscription_id' },
    { name: 'payment_number', type: 'number', description: 'the cycle: 1, 2, …', sql: 'e.payment_number' },
    text('plan', 'name of its plan', 'e.plan'),
    text('customer_code', 'Helcim’s customer', 'e.customer_code'),
    {
      name: 'date_due',
      type: 'date',
      description: 'as Helcim states it; blank where it was never read',
      sql: 'e.due_on',
    },
    {
      name: 'date_processed',
      type: 'date',
      description: 'local date on which Helcim processed it; blank until then',
      clocks: 'account',
      sql: 'e.processed_at',
    },
    text(
      'status',
      '`waiting`, `approved`, `declined`, `failed`, or a new one as Helcim wrote it; blank where it was never read',
      'e.status',
    ),
    text('currency', 'ISO 4217, of the plan', currency),
    {
      name: 'expected',
      type: 'money',
      description:
        'what the charge should come to: that of the payment’s sums which its charge has, or else all its parts together, ' +
        'or its amount where it states none',
      // Without a plan there is no currency, and no digits to read an amount with.
      sql: `case when ${currency} is null then null when m.is_paid and m.amount_minor = any(e.sums) then m.amount_minor else
        (select minor from unnest(e.sums) with ordinality sums(minor, place) where minor > 0 order by place limit 1) end`,
    },
    {
      name: 'actual',
      type: 'money',
      description: 'what it was matched with, fees on top included; blank where no charge was found',
      sql: 'case when m.is_paid then m.amount_minor end',
    },
    {
      name: 'transaction_id',
      type: 'number',
      description: 'the charge; without one the last try that was declined',
      sql: 'm.transaction_id',
    },
    text(
      'match_rule',
      '`amount_and_time`, `amount_and_day`, `amount_elsewhere`, `amount_tolerated`, or `declined_try`; `ach_` leads where `transaction_id` is of an ACH transaction',
      `case m.via when 'ach' then 'ach_' else '' end || m.rule`,
    ),
    text('confidence', '`high`, `medium` or `low`', 'm.confidence'),
    { name: 'retries', type: 'number', description: 'as Helcim counts them', sql: 'e.count_retries' },
  ],
  tables,
  where: 'true',
  within: ({ accountId, from, to }) => `e.account_id = ${accountId} and ${day} between '${from}' and '${to}'`,
  orderBy: [day, 'e.subscription_id', 'e.payment_number'],
  usesReverses: false,
  needs: { days: 'period', batchList: false, judgement: true, subscriptions: 'payments' },
  presentOnly: 'former payments of subscriptions are not kept',
}
