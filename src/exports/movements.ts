import { addDays } from '../domain/calendar.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { instantSql, type Scope } from './report.ts'

/** What else needs an account's name or zone: views do, and files of one account do not. */
export const accountTable = 'join recon.accounts a on a.account_id = t.account_id'

/** Created within the period. Helcim's own date is indexed, and no zone is further from Mountain Time than a day. */
export const isCreatedWithin = (scope: Scope): string =>
  `t.account_id = ${scope.accountId} and t.created_at >= ${instantSql(scope.startsAt)} and t.created_at < ${instantSql(scope.endsAt)}
    and t.created_on between '${helcimDate(scope.startsAt)}' and '${addDays(helcimDate(scope.endsAt), 1)}'`

export const isSale = `t.type in ('purchase', 'capture')`
export const isRefund = `t.type = 'refund'`
/** Those that moved money, and tell which way. */
export const isReversal = `t.type = 'reverse' and r.kind in ('sale', 'refund') and t.amount_minor <> 0`
/** What a reversal took away from sales less refunds. */
export const reversedMinor = `case r.kind when 'sale' then t.amount_minor else -t.amount_minor end`

/** Moved money for certain, and tells which way. */
export const isToldMovement = `t.outcome = 'approved' and (${isSale} or ${isRefund} or (${isReversal}))`

export const localDate = `(t.created_at at time zone a.zone)::date`
