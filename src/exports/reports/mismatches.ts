import { AGE_BUCKET_LAST_DAYS, AGE_BUCKETS } from '../../domain/ageing.ts'
import { type Column, instantSql, moneySql, type Report, type Scope, secondSql } from '../report.ts'

/** Ages are counted to what had been read and judged, so that the same data give the same file. */
const ageDays = 'greatest(0, floor(extract(epoch from (aged.until - m.first_seen_at)) / 86400))::int'

const bucket = `case ${AGE_BUCKET_LAST_DAYS.map((lastDay, index) => `when ${ageDays} <= ${lastDay} then '${dashed(index)}'`).join(' ')}
  else '${dashed(AGE_BUCKETS.length - 1)}' end`

/** With a dash between numbers: spreadsheets make dates of `2-7`. */
function dashed(index: number): string {
  return (AGE_BUCKETS[index] ?? '').replace('-', '–')
}

function side(name: 'expected' | 'actual', description: string): Column {
  const amount = `(${moneySql(`m.${name}_minor`, 'm.currency')})::text`
  return {
    name,
    type: 'value',
    description,
    sql: `case when m.${name}_minor is null then m.${name}_text else ${amount} end`,
    isAmountSql: `m.${name}_minor is not null`,
  }
}

/** Up to when a mismatch that stands is aged. */
const agedUntil = (scope: Scope | null) =>
  `least(coalesce(m.resolved_at, ${asOfSql}), ${asOfSql}${scope === null ? '' : `, ${instantSql(scope.endsAt)}`})`

/** The last time that something was read completely, or judged. */
export const asOfSql = `coalesce(greatest(
    (select max(finished_at) from recon.pulls p where p.account_id = a.account_id and p.state = 'complete'),
    (select max(finished_at) from recon.runs u where u.account_id = a.account_id)), a.created_at)`

export const mismatches: Report = {
  name: 'mismatches',
  view: 'mismatches',
  rowIs: 'a mismatch, with its age',
  rowsAre: 'that stood on a day of the period: first seen by its end, and not resolved before it began',
  columns: [
    { name: 'mismatch_id', type: 'text', description: 'as in `tieout mismatches show`', sql: 'm.mismatch_id::text' },
    { name: 'code', type: 'text', description: 'which check', sql: 'm.code' },
    { name: 'severity', type: 'text', description: '`critical`, `high`, `medium`, `low`, `info`', sql: 'm.severity' },
    { name: 'subject_kind', type: 'text', description: 'what disagrees', sql: 'm.subject_kind' },
    { name: 'subject_id', type: 'text', description: 'its id; a figure as `<batch>:<figure>`', sql: 'm.subject_id' },
    { name: 'currency', type: 'text', description: 'ISO 4217; blank where it is not about money', sql: 'm.currency' },
    side('expected', 'an amount, or a text such as a count'),
    side('actual', 'the other side'),
    {
      name: 'difference',
      type: 'money',
      description: 'actual − expected; blank unless both are amounts',
      sql: 'm.actual_minor - m.expected_minor',
    },
    { name: 'state', type: 'text', description: '`open`, `acknowledged` or `resolved`, as of now', sql: 'm.state' },
    {
      name: 'resolution',
      type: 'text',
      description: '`automatic`, `adjusted` or `accepted`; blank unless resolved',
      sql: 'm.resolution',
    },
    { name: 'first_seen_utc', type: 'instant', description: 'UTC', clocks: 'utc', sql: secondSql('m.first_seen_at') },
    { name: 'last_seen_utc', type: 'instant', description: 'UTC', clocks: 'utc', sql: secondSql('m.last_seen_at') },
    {
      name: 'age_days',
      type: 'number',
      description:
        'whole days from first seen until resolved, the end of the period, or the last reading, whichever came first',
      sql: ageDays,
    },
    { name: 'bucket', type: 'text', description: '`0–1`, `2–7`, `8–30`, `31–60`, `61–90` or `90+` days', sql: bucket },
    { name: 'summary', type: 'text', description: 'a sentence for a person', sql: 'm.summary' },
  ],
  tables: (scope) => `from recon.mismatches m
    join recon.accounts a on a.account_id = m.account_id
    cross join lateral (select ${agedUntil(scope)} as until) aged`,
  where: 'true',
  within: ({ accountId, startsAt, endsAt }) => `m.account_id = ${accountId} and m.first_seen_at < ${instantSql(endsAt)}
    and (m.resolved_at is null or m.resolved_at >= ${instantSql(startsAt)})`,
  orderBy: [
    'm.first_seen_at',
    ...['code', 'subject_kind', 'subject_id', 'period'].map((name) => `m.${name} collate "C"`),
  ],
  usesReverses: false,
  needs: { days: 'period', batchList: true, judgement: true, subscriptions: 'none' },
}
