import { monthlyMinorSql } from '../../domain/mrr.ts'
import { RUNNING_SUBSCRIPTION_STATUSES } from '../../domain/recurring.ts'
import type { Report, Scope } from '../report.ts'
import { asOfSql } from './mismatches.ts'

/** What is paused is not billed, so it counts for nothing until it goes on. */
const COUNTED_STATUSES = RUNNING_SUBSCRIPTION_STATUSES.filter((status) => status !== 'paused')

const SUBSCRIPTION_COLUMNS = [
  'subscription_id',
  'status',
  'customer_code',
  'payment_plan_id',
  'recurring_minor',
  'activated_on',
  'free_trial_days',
]
const PLAN_COLUMNS = ['payment_plan_id', 'currency', 'billing_period', 'billing_period_increments']
const monthly = monthlyMinorSql('s.recurring_minor', 'p.billing_period', 'coalesce(p.billing_period_increments, 1)')

const isOf = (scope: Scope | null, alias: string): string =>
  scope === null ? 'true' : `${alias}.account_id = ${scope.accountId}`

/** All states of a kind of record with the time during which each was what we knew. */
const statesOf = (scope: Scope | null, resource: string, columns: readonly string[]): string => {
  const table = `helcim.${resource}s`
  const named = (alias: string) => columns.map((name) => `${alias}.${name}`).join(', ')
  return `
      select s.account_id, ${named('s')}, s.observed_at as since, coalesce(s.vanished_at, 'infinity') as until
      from ${table} s where ${isOf(scope, 's')}
      union all
      select v.account_id, ${named('f')}, v.observed_from, least(v.observed_until, f.vanished_at)
      from helcim.record_versions v cross join lateral json_populate_record(null::${table}, v.typed) f
      where v.resource = '${resource}' and v.typed is not null and ${isOf(scope, 'v')}`
}

/** A day after the first subscription was seen: by then the list of all had been read whole, and that of plans. */
const observedFromSql = `(select greatest(min(s.first_seen_at) + interval '1 day', a.versions_since)
          from helcim.subscriptions s where s.account_id = a.account_id)`

/** The first local midnight that begins a month observed in full; null until a subscription was seen. */
export const firstMonthSql = `(date_trunc('month', ${observedFromSql} at time zone a.zone - interval '1 microsecond')
          + interval '1 month')`

/**
 * A level is what a customer is worth at the first instant of a month, by what was known then: such a level never
 * changes afterwards. A month moves from one level to the next; a customer who has none in it stands at zero.
 */
const tables = (scope: Scope | null): string => `from (
    with bounds as materialized (
      select a.account_id, month::date as month, month::timestamp at time zone a.zone as at
      from recon.accounts a
      cross join lateral generate_series(${firstMonthSql}, ${asOfSql} at time zone a.zone, interval '1 month') month
      where ${isOf(scope, 'a')}
    ), subscription_states as materialized (
      ${statesOf(scope, 'subscription', SUBSCRIPTION_COLUMNS)}
    ), plan_states as materialized (
      ${statesOf(scope, 'payment_plan', PLAN_COLUMNS)}
    ), levels as materialized (
      select b.account_id, b.month, s.customer_code, p.currency,
        sum(${monthly}) as minor
      from bounds b
      join subscription_states s on s.account_id = b.account_id and s.since <= b.at and s.until > b.at
      join plan_states p on p.account_id = b.account_id and p.payment_plan_id = s.payment_plan_id
        and p.since <= b.at and p.until > b.at
      where s.status in (${COUNTED_STATUSES.map((status) => `'${status}'`).join(', ')})
        and coalesce(s.activated_on + coalesce(s.free_trial_days, 0) < b.month, true)
      group by 1, 2, 3, 4
      having sum(${monthly}) > 0
    ), seen as (
      select *, min(month) over (partition by account_id, currency, customer_code) as first_month from levels
    ), steps as (
      select account_id, month, currency, customer_code, sum(opening) as opening, sum(closing) as closing,
        min(first_month) < month as is_known
      from (
        select *, minor as opening, 0 as closing from seen
        union all
        select account_id, (month - interval '1 month')::date, customer_code, currency, minor, first_month, 0, minor from seen
      ) ends
      group by 1, 2, 3, 4
    )
    select s.*, b.at from steps s
    -- A month is observed in full when both of its ends are.
    join bounds b on b.account_id = s.account_id and b.month = s.month
    join bounds n on n.account_id = s.account_id and n.month = s.month + interval '1 month'
  ) m join recon.accounts a on a.account_id = m.account_id`

const sum = (condition: string, minor: string) => `coalesce(sum(${minor}) filter (where ${condition}), 0)`

export const mrr: Report = {
  name: 'mrr',
  view: 'mrr',
  rowIs: 'a month and currency with recurring revenue at its beginning or end',
  rowsAre:
    'the months whose last day is in the period, from the first one observed in full on; `opening` + `new` + ' +
    '`expansion` − `contraction` − `churn` + `reactivation` = `closing`',
  columns: [
    { name: 'month', type: 'text', description: '`2026-10`', sql: `to_char(m.month, 'YYYY-MM')` },
    { name: 'currency', type: 'text', description: 'ISO 4217, of the plans', sql: 'm.currency' },
    {
      name: 'opening',
      type: 'money',
      description:
        'what the subscriptions that bill (`active`, `term_ending`, their trial over) are worth in a month, as known when the ' +
        'month began; each is rounded to the cent once',
      sql: 'sum(m.opening)',
    },
    {
      name: 'new',
      type: 'money',
      description: 'of customers at zero before, and at every earlier month end that was observed',
      sql: sum('m.opening = 0 and not m.is_known', 'm.closing'),
    },
    {
      name: 'expansion',
      type: 'money',
      description: 'what customers came to be worth more; a second subscription is one',
      sql: sum('m.opening > 0 and m.closing > m.opening', 'm.closing - m.opening'),
    },
    {
      name: 'contraction',
      type: 'money',
      description: 'what customers who stayed came to be worth less, positive; losing one of two subscriptions is one',
      sql: sum('m.closing > 0 and m.closing < m.opening', 'm.opening - m.closing'),
    },
    {
      name: 'churn',
      type: 'money',
      description: 'of customers whose last subscription ended or was paused, positive',
      sql: sum('m.closing = 0', 'm.opening'),
    },
    {
      name: 'reactivation',
      type: 'money',
      description: 'of customers at zero before who had been counted at an earlier month end',
      sql: sum('m.opening = 0 and m.is_known', 'm.closing'),
    },
    { name: 'closing', type: 'money', description: 'the same when the month was over', sql: 'sum(m.closing)' },
  ],
  tables,
  where: 'true',
  within: ({ accountId, from, to }) =>
    `m.account_id = ${accountId} and (m.month + interval '1 month' - interval '1 day')::date between '${from}' and '${to}'`,
  groupBy: 'a.name, m.month, m.currency',
  orderBy: ['m.month', 'm.currency collate "C"'],
  usesReverses: false,
  needs: { days: 'none', batchList: false, judgement: false, subscriptions: 'month-ends' },
}
