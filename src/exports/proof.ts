import { sql } from 'drizzle-orm'
import type { Tx } from '../db/client.ts'
import { listUnprovedDays } from '../db/coverage.ts'
import { isMovement, isReturned, movementTables } from '../db/movements/movements.ts'
import { reversesSql } from '../db/movements/reverses.ts'
import { type BusinessDate, daysText } from '../domain/calendar.ts'
import { toInstant } from '../domain/clock.ts'
import { HELCIM_ZONE, helcimDate } from '../domain/helcim-time.ts'
import { moneyText } from '../domain/money.ts'
import { MONTHLY_FACTORS } from '../domain/mrr.ts'
import { instantSql, type Report, type Scope } from './report.ts'
import { firstMonthSql } from './reports/mrr.ts'

/** What of a report decides what has to be read for it. */
export type Proved = Pick<Report, 'needs' | 'usesReverses' | 'within' | 'movementsWithin'>

/**
 * What keeps a report of this period from being complete, as sentences; none when all that it needs was read, and read
 * after the time it tells of.
 */
export async function findMissing(tx: Tx, report: Proved, scope: Scope, historyFrom: BusinessDate): Promise<string[]> {
  return [
    ...(report.needs.days === 'none' ? [] : await findUnprovedDays(tx, report, scope, historyFrom)),
    ...(report.needs.batchList ? await findStaleList(tx, scope) : []),
    ...(report.needs.judgement ? await findStaleJudgement(tx, scope) : []),
    ...(report.needs.subscriptions === 'none' ? [] : await findStaleSubscriptions(tx, scope)),
    ...(report.needs.subscriptions === 'payments' ? await findUnreadPayments(tx, scope) : []),
    ...(report.needs.subscriptions === 'month-ends' ? await findUnobservedMonths(tx, scope) : []),
    ...(await findUndecodable(tx, report, scope)),
    ...(report.usesReverses ? await findUndecided(tx, report, scope) : []),
  ]
}

async function findUnprovedDays(tx: Tx, { needs }: Proved, scope: Scope, historyFrom: BusinessDate): Promise<string[]> {
  const to = helcimDate(toInstant(scope.endsAt - 1))
  const from =
    needs.days === 'history'
      ? historyFrom
      : needs.days === 'batches'
        ? ((await firstDayOfBatches(tx, scope)) ?? helcimDate(scope.startsAt))
        : helcimDate(scope.startsAt)
  if (from > to) return [`the mirror begins with ${historyFrom}, after the period`]
  const ranges = await listUnprovedDays(tx, { accountId: scope.accountId, resource: 'card_transaction', from, to })
  if (ranges.length === 0) return []
  return [`days not read completely after they were over: ${daysText(ranges)}`]
}

/** The rows of a batch are as old as the batch. */
async function firstDayOfBatches(tx: Tx, { accountId, startsAt, endsAt }: Scope): Promise<BusinessDate | null> {
  const { rows } = await tx.execute<{ day: string | null }>(
    sql.raw(`
    select ((min(least(b.created_at, b.closed_at)) at time zone '${HELCIM_ZONE}')::date)::text as day
    from helcim.card_batches b
    where b.account_id = ${accountId} and b.is_closed
      and b.closed_at >= ${instantSql(startsAt)} and b.closed_at < ${instantSql(endsAt)}`),
  )
  return (rows[0]?.day ?? null) as BusinessDate | null
}

async function findStaleList(tx: Tx, { accountId, endsAt }: Scope): Promise<string[]> {
  const isFresh = await isThere(
    tx,
    `recon.pulls where account_id = ${accountId} and resource = 'card_batch' and window_kind = 'all'
      and state = 'complete' and started_at >= ${instantSql(endsAt)}`,
  )
  return isFresh ? [] : ['the list of card batches was not read since the period ended']
}

async function findStaleJudgement(tx: Tx, { accountId, endsAt }: Scope): Promise<string[]> {
  const isFresh = await isThere(
    tx,
    `recon.runs where account_id = ${accountId} and started_at >= ${instantSql(endsAt)}`,
  )
  return isFresh ? [] : ['nothing was judged since the period ended']
}

async function findStaleSubscriptions(tx: Tx, { accountId, endsAt }: Scope): Promise<string[]> {
  const isFresh = await isThere(
    tx,
    `recon.pulls where account_id = ${accountId} and resource = 'subscription' and window_kind = 'all'
      and state = 'complete' and started_at >= ${instantSql(endsAt)}`,
  )
  return isFresh ? [] : ['the list of subscriptions was not read since the period ended']
}

/** What they were to be charged is told by no list. */
async function findUnreadPayments(tx: Tx, { accountId }: Scope): Promise<string[]> {
  const count = await countOf(
    tx,
    `helcim.subscriptions s where s.account_id = ${accountId} and s.vanished_at is null and not exists (
      select from helcim.subscription_details d
      where d.account_id = s.account_id and d.subscription_id = s.subscription_id)`,
  )
  if (count === 0) return []
  return [
    `the payments of ${count} ${count === 1 ? 'subscription' : 'subscriptions'} were not read; of these only charges that were found are in it`,
  ]
}

async function findUnobservedMonths(tx: Tx, { accountId, from }: Scope): Promise<string[]> {
  const { rows } = await tx.execute<{ month: string | null }>(
    sql.raw(
      `select to_char(${firstMonthSql}, 'YYYY-MM') as month from recon.accounts a where a.account_id = ${accountId}`,
    ),
  )
  const month = rows[0]?.month ?? null
  const unknown = await countOf(
    tx,
    `helcim.subscriptions s where s.account_id = ${accountId} and s.vanished_at is null and not exists (
      select from helcim.payment_plans p where p.account_id = s.account_id and p.payment_plan_id = s.payment_plan_id
        and p.billing_period in (${[...MONTHLY_FACTORS.keys()].map((period) => `'${period}'`).join(', ')}))`,
  )
  return [
    ...(month !== null && from < `${month}-01` ? [`the first month observed in full is ${month}`] : []),
    ...(unknown === 0
      ? []
      : [`${unknown} subscriptions have a plan or billing period that is not known, and count for nothing`]),
  ]
}

async function findUndecodable(tx: Tx, { needs }: Proved, scope: Scope): Promise<string[]> {
  const count = await countUndecodable(tx, scope, [
    ...(needs.days === 'none' ? [] : ['card_transaction', 'card_batch']),
    ...(needs.subscriptions === 'none' ? [] : ['subscription', 'payment_plan']),
    ...(needs.subscriptions === 'payments' ? ['subscription_detail'] : []),
  ])
  return count === 0 ? [] : [`${count} ${count === 1 ? 'record' : 'records'} that could not be read may belong to it`]
}

/** A record that could not be read has no date that we know; one first seen before the period is older than it. */
export const countUndecodable = (
  tx: Tx,
  { accountId, startsAt }: Scope,
  resources: readonly string[],
): Promise<number> =>
  countOf(
    tx,
    `helcim.undecoded_records
      where account_id = ${accountId} and resource in (${resources.map((resource) => `'${resource}'`).join(', ')})
        and first_seen_at >= ${instantSql(startsAt)}`,
  )

/** Amounts that stand in suspense: approved reverses of which nothing tells what they voided. */
async function findUndecided(tx: Tx, report: Proved, scope: Scope): Promise<string[]> {
  const { movementsWithin = report.within } = report
  const { rows } = await tx.execute<{ currency: string; count: string; minor: string }>(
    sql.raw(`${reversesSql(scope.accountId)}
      select t.currency, count(*)::text as count, sum(t.amount_minor)::text as minor
      ${movementTables} where ${isReturned} and ${isMovement} and ${movementsWithin(scope)}
        and t.type = 'reverse' and r.kind is null
      group by 1 order by 1`),
  )
  return rows.map(
    ({ currency, count, minor }) =>
      `what ${count} ${count === '1' ? 'reverse' : 'reverses'} of ${moneyText(BigInt(minor), currency)} voided cannot be told`,
  )
}

async function countOf(tx: Tx, rows: string): Promise<number> {
  const { rows: counted } = await tx.execute<{ count: string }>(sql.raw(`select count(*)::text as count from ${rows}`))
  return Number(counted[0]?.count)
}

async function isThere(tx: Tx, rows: string): Promise<boolean> {
  const { rows: found } = await tx.execute<{ found: boolean }>(sql.raw(`select exists (select from ${rows}) as found`))
  return found[0]?.found === true
}
