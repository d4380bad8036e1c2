import { sql } from 'drizzle-orm'
import type { AccountRole } from '../../domain/journal/rules.ts'
import type { Tx } from '../client.ts'
import { isMovement, isReturned, movementTables, settledAt, signedMinor } from '../movements/movements.ts'
import { reversesSql } from '../movements/reverses.ts'
import { datesSql, scopeSql } from './facts.ts'
import type { PostedBy } from './runs.ts'

/** Accounts whose every movement follows from one figure of the mirror; what stands against them follows, as entries balance. */
export const COMPARED_ACCOUNTS = [
  'clearing',
  'ach_clearing',
  'deposits_in_transit',
  'suspense',
] as const satisfies readonly AccountRole[]

export interface BooksDifference {
  /** `2026-10`, of the days that facts belong to. */
  readonly month: string
  readonly account: (typeof COMPARED_ACCOUNTS)[number]
  readonly currency: string
  readonly mirrorMinor: bigint
  readonly booksMinor: bigint
}

/**
 * Where the posted total of an account, month and currency is not what the mirror's own rows add up to, without those that
 * wait to be posted. One statement, so that rows, marks and entries are of one instant. Shares with posting how the sign
 * of a row is told, and neither its facts nor its rules.
 * @param by the settings of the last full posting
 */
export async function listBooksDifferences(tx: Tx, accountId: number, by: PostedBy): Promise<BooksDifference[]> {
  const { local, businessDate } = datesSql(by)
  /** @param kind as SQL */
  const isWaiting = (kind: string, id: string) =>
    `exists (select from in_scope s where s.source_kind = ${kind} and s.source_id = ${id})`
  const { rows } = await tx.execute<Record<'month' | 'account' | 'currency' | 'mirror' | 'books', string>>(
    sql.raw(`${reversesSql(accountId, { scope: scopeSql(accountId, 'waiting'), isWithin: 'true' })},
    cards as materialized (
      select t.transaction_id, t.card_batch_id, t.currency, t.created_at, ${settledAt} as settled_at, t.amount_minor,
        ${signedMinor} as signed
      ${movementTables} where t.account_id = ${accountId} and ${isReturned} and ${isMovement}
    ),
    bank as materialized (
      select t.ach_transaction_id, t.currency, t.created_at, t.closed_at, t.type, t.amount_minor, case
        when t.type = 'WITHDRAWAL' then t.amount_minor
        when t.type in ('REFUND', 'DEPOSIT') then -t.amount_minor
        when t.type = 'REVERSE' and o.type = 'WITHDRAWAL' then -t.amount_minor
        when t.type = 'REVERSE' and o.type in ('REFUND', 'DEPOSIT') then t.amount_minor end as signed
      from helcim.ach_transactions t
      left join helcim.ach_transactions o on o.account_id = t.account_id and o.ach_transaction_id = t.original_transaction_id
      where t.account_id = ${accountId} and ${isReturned} and t.status_clearing = 'CLEARED' and not t.is_test
        and t.created_at is not null
    ),
    mirrored as (
      select ${businessDate('created_at')} as day, currency, case when signed is null then 'suspense' else 'clearing' end as account,
        coalesce(signed, amount_minor) as minor
      from cards where created_at is not null and not ${isWaiting("'card_transaction'", 'transaction_id')}
      union all
      select ${local('settled_at')}::date, currency, account, sign * signed
      from cards cross join (values ('clearing', -1), ('deposits_in_transit', 1)) v(account, sign)
      where settled_at is not null and not ${isWaiting("'card_batch'", 'card_batch_id')}
      union all
      select ${businessDate('created_at')}, currency, case when signed is null then 'suspense' else 'ach_clearing' end,
        coalesce(signed, amount_minor)
      from bank where not ${isWaiting("'ach_transaction'", 'ach_transaction_id')}
      union all
      select ${businessDate('created_at')}, currency, 'suspense', amount_minor
      from bank where type = 'DEPOSIT' and not ${isWaiting("'ach_transaction'", 'ach_transaction_id')}
      union all
      select ${local('closed_at')}::date, currency, account, sign * signed
      from bank cross join (values ('ach_clearing', -1), ('deposits_in_transit', 1)) v(account, sign)
      where closed_at is not null and not ${isWaiting("'ach_settlement'", 'ach_transaction_id')}
    ),
    posted as (
      select e.natural_on as day, e.currency, p.account, p.amount_minor as minor
      from books.entries e join books.postings p on p.account_id = e.account_id and p.entry_id = e.entry_id
      where e.account_id = ${accountId} and p.account in ('${COMPARED_ACCOUNTS.join("','")}')
        and not ${isWaiting('e.source_kind', 'e.source_id')}
    )
    select to_char(day, 'YYYY-MM') as month, account, currency,
      coalesce(sum(minor) filter (where of_mirror), 0)::text as mirror,
      coalesce(sum(minor) filter (where not of_mirror), 0)::text as books
    from (select *, true as of_mirror from mirrored union all select *, false from posted) both_sides
    group by 1, 2, 3
    having coalesce(sum(minor) filter (where of_mirror), 0) <> coalesce(sum(minor) filter (where not of_mirror), 0)
    order by 1, 2, 3`),
  )
  return rows.map(({ month, account, currency, mirror, books }) => ({
    month,
    account: account as BooksDifference['account'],
    currency,
    mirrorMinor: BigInt(mirror),
    booksMinor: BigInt(books),
  }))
}
