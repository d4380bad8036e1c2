import { addDays } from '../domain/calendar.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { instantSql, type Scope } from './report.ts'

/** What else needs an account's name or zone: views do, and files of one account do not. */
export const accountTable = 'join recon.accounts a on a.account_id = t.account_id'

/** Created within the period. Helcim's own date is indexed, and no zone is further from Mountain Time than a day. */
export const isCreatedWithin = (scope: Scope): string =>
  `t.account_id = ${scope.accountId} and t.created_at >= ${instantSql(scope.startsAt)} and t.created_at < ${instantSql(scope.endsAt)}
    and t.created_on between '${helcimDate(scope.startsAt)}' and '${addDays(helcimDate(scope.endsAt), 1)}'`

export const localDate = `(t.created_at at time zone a.zone)::date`
