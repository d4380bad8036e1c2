import { isReturned, movementTables, settledAt, signedMinor } from '../../db/movements/movements.ts'
import { accountTable, isRefund, isReversal, isSale, isToldMovement, localDate, reversedMinor } from '../movements.ts'
import { instantSql, type Report, type Scope } from '../report.ts'
import { asOfSql } from './mismatches.ts'

const sum = (condition: string, minor = 't.amount_minor') => `coalesce(sum(${minor}) filter (where ${condition}), 0)`

/** What a day adds to the balance. */
const change = 'c.sales - c.refunds - c.reversed - c.settled'

/** Whatever was made or settled until the period's end: the balance at its beginning is a sum over all that came before. */
const isUntil = ({ accountId, endsAt }: Scope): string =>
  `t.account_id = ${accountId} and (t.created_at < ${instantSql(endsAt)} or ${settledAt} < ${instantSql(endsAt)})`

/**
 * One pass over the movements by the days on which they were made and settled; then each counts on both. Days on which
 * nothing moved are filled in, so that a balance that only stands is seen.
 */
const tables = (scope: Scope | null): string => `from (
    with moved as materialized (
      select t.account_id, t.currency, ${localDate} as made_on, (${settledAt} at time zone a.zone)::date as settled_on,
        ${sum(isSale)} as sales, ${sum(isRefund)} as refunds, ${sum(isReversal, reversedMinor)} as reversed,
        coalesce(sum(${signedMinor}), 0) as net
      ${movementTables} ${accountTable}
      where ${isReturned} and ${isToldMovement} and ${scope === null ? 'true' : isUntil(scope)}
      group by 1, 2, 3, 4
    ), changes as materialized (
      select account_id, currency, made_on as day, sales, refunds, reversed, 0 as settled from moved
      union all
      select account_id, currency, settled_on, 0, 0, 0, net from moved where settled_on is not null
    ), days as (
      select f.account_id, f.currency, day::date
      from (select account_id, currency, min(day) as first_day, max(day) as last_day from changes group by 1, 2) f
      join recon.accounts a on a.account_id = f.account_id
      cross join lateral generate_series(f.first_day::timestamp,
        greatest(f.last_day, (${asOfSql} at time zone a.zone)::date)::timestamp, interval '1 day') day
    )
    select account_id, currency, day, sum(sales) as sales, sum(refunds) as refunds, sum(reversed) as reversed,
      sum(settled) as settled,
      sum(sum(sales - refunds - reversed - settled)) over (partition by account_id, currency order by day) as closing
    from (select * from changes union all select account_id, currency, day, 0, 0, 0, 0 from days) both_kinds
    group by 1, 2, 3
  ) c join recon.accounts a on a.account_id = c.account_id`

export const clearing: Report = {
  name: 'clearing',
  view: 'clearing',
  rowIs: 'a day and currency, from the first movement of money on',
  rowsAre:
    'the days of the period up to the last one read; `opening` + `sales` − `refunds` − `reversed` − `settled` = `closing`',
  columns: [
    { name: 'date', type: 'date', description: 'local date', sql: 'c.day' },
    { name: 'currency', type: 'text', description: 'ISO 4217', sql: 'c.currency' },
    {
      name: 'opening',
      type: 'money',
      description: 'sold and not settled when the day began: the `closing` of the day before',
      sql: `c.closing - (${change})`,
    },
    { name: 'sales', type: 'money', description: 'of the day, as in `daily-sales`', sql: 'c.sales' },
    { name: 'refunds', type: 'money', description: 'of the day, positive, as in `daily-sales`', sql: 'c.refunds' },
    {
      name: 'reversed',
      type: 'money',
      description: 'of the day, reversed sales less reversed refunds, as in `daily-sales`',
      sql: 'c.reversed',
    },
    {
      name: 'settled',
      type: 'money',
      description: 'the sum of `gross` in `settlement` of batches that closed on the day',
      sql: 'c.settled',
    },
    {
      name: 'closing',
      type: 'money',
      description:
        'sold and not settled at the end of the day: the sum of `gross` in `unsettled`, less what was made later in a ' +
        'batch that had closed by then',
      sql: 'c.closing',
    },
  ],
  tables,
  where: 'true',
  within: ({ accountId, from, to }) => `c.account_id = ${accountId} and c.day between '${from}' and '${to}'`,
  orderBy: ['c.day', 'c.currency collate "C"'],
  usesReverses: true,
  movementsWithin: isUntil,
  needs: { days: 'history', batchList: true, judgement: false, subscriptions: 'none' },
}

/** Made after the period, in a batch that had closed by its end: rows that came late, already taken off `closing`. */
export const isSettledAhead = ({ accountId, endsAt }: Scope): string =>
  `t.account_id = ${accountId} and ${settledAt} < ${instantSql(endsAt)} and t.created_at >= ${instantSql(endsAt)}`
