import { addDays } from '../domain/calendar.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { instantSql, type Scope } from './report.ts'

/**
 * Tables and conditions that the reports on money share. `t` is the card transaction, `a` its account, `b` its batch and
 * `r` what it voided, if it is a reverse. Rows that Helcim no longer returns are in no report; each is a mismatch.
 */
export const movementTables = `from helcim.card_transactions t
  left join helcim.card_batches b on b.account_id = t.account_id and b.card_batch_id = t.card_batch_id
  left join reverse_kinds r on r.account_id = t.account_id and r.transaction_id = t.transaction_id`

/** Without the batch, which costs a look-up for each row. */
export const transactionTables = `from helcim.card_transactions t
  left join reverse_kinds r on r.account_id = t.account_id and r.transaction_id = t.transaction_id`

/** What else needs an account's name or zone: views do, and files of one account do not. */
export const accountTable = 'join recon.accounts a on a.account_id = t.account_id'

export const isReturned = 't.vanished_at is null'

/** Created within the period. Helcim's own date is indexed, and no zone is further from Mountain Time than a day. */
export const isCreatedWithin = (scope: Scope): string =>
  `t.account_id = ${scope.accountId} and t.created_at >= ${instantSql(scope.startsAt)} and t.created_at < ${instantSql(scope.endsAt)}
    and t.created_on between '${helcimDate(scope.startsAt)}' and '${addDays(helcimDate(scope.endsAt), 1)}'`

/** Moved money, or may have: an approved sale or refund, or the reverse of anything but a preauth. */
export const isMovement = `t.outcome = 'approved' and (t.type in ('purchase', 'capture', 'refund')
    or (t.type = 'reverse' and r.kind is distinct from 'preauth'))`

export const isSale = `t.type in ('purchase', 'capture')`
export const isRefund = `t.type = 'refund'`
/** Those that moved money, and tell which way. */
export const isReversal = `t.type = 'reverse' and r.kind in ('sale', 'refund') and t.amount_minor <> 0`
/** What a reversal took away from sales less refunds. */
export const reversedMinor = `case r.kind when 'sale' then t.amount_minor else -t.amount_minor end`

/** Moved money for certain, and tells which way. */
export const isToldMovement = `t.outcome = 'approved' and (${isSale} or ${isRefund} or (${isReversal}))`

/**
 * The amount with its sign: positive towards the merchant. Zero where no money moved (declines, preauths and their
 * reverses, verifications), null where that cannot be told.
 */
export const signedMinor = `case
    when t.outcome = 'declined' then 0
    when t.outcome <> 'approved' then null
    when t.type in ('purchase', 'capture') then t.amount_minor
    when t.type = 'refund' then -t.amount_minor
    when t.type = 'reverse' then case r.kind when 'sale' then -t.amount_minor when 'refund' then t.amount_minor
      when 'preauth' then 0 end
    when t.type in ('preauth', 'verify') then 0 end`

/** The instant at which the row's batch closed, and null while it is open or not known. */
export const settledAt = `case when b.is_closed then b.closed_at end`

export const localDate = `(t.created_at at time zone a.zone)::date`
