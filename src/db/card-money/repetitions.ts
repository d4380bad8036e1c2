import { sql } from 'drizzle-orm'
import type { Repeatable } from '../../domain/card-money/duplicates.ts'
import type { CardRow } from '../../domain/card-money/rows.ts'
import type { Instant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Tx } from '../client.ts'
import { arrayOf, timestamp } from '../sql-values.ts'
import { batchOfRow, cardRowColumns, cardRowOf, type Row, textOf } from './card-row.ts'
import { type ChangedRows, changedRows, isNothing } from './changed-rows.ts'

/** What sales that are alike have in common. */
export interface AlikeKey {
  readonly cardNumber: string
  readonly currency: string
  readonly amountMinor: bigint
}

export const alikeText = ({ cardNumber, currency, amountMinor }: AlikeKey): string =>
  `${cardNumber} ${currency} ${amountMinor}`

export interface AlikeSale extends Repeatable {
  readonly customerCode: string | null
}

/** All sales of one card, currency and amount, and the refunds of just that amount. */
export interface AlikeSales extends AlikeKey {
  readonly sales: readonly AlikeSale[]
  readonly fullRefunds: readonly CardRow[]
}

const ALIKE_COLUMNS = [
  'transaction_id',
  'card_number_masked',
  'currency',
  'amount_minor',
  'type',
  'outcome',
  'created_at',
  'vanished_at',
]

const isSale = sql.raw(`type in ('purchase', 'capture') and outcome = 'approved' and vanished_at is null
  and card_number_masked is not null`)

/**
 * What is sold again within `withinMs`.
 * @param scope `changed`: beside these rows, or refunded by them or instead of them; `transactionIds`: and whatever these are;
 *   null: anywhere
 */
export async function listAlike(
  tx: Tx,
  input: {
    accountId: number
    scope: { changed: ChangedRows; transactionIds: readonly HelcimId[] } | null
    from: Instant
    withinMs: number
  },
): Promise<AlikeKey[]> {
  const { accountId, scope, from } = input
  if (scope && isNothing(scope.changed) && scope.transactionIds.length === 0) return []
  const within = sql`make_interval(secs => ${input.withinMs / 1000})`
  const query =
    scope === null
      ? sql`
        select distinct card_number_masked, currency, amount_minor from (
          select card_number_masked, currency, amount_minor, created_at, lag(created_at) over (
            partition by card_number_masked, currency, amount_minor order by created_at, transaction_id) as before
          from helcim.card_transactions where account_id = ${accountId} and ${isSale}
        ) s where created_at - before <= ${within} and created_at >= ${timestamp(from)}`
      : sql`
        with s as materialized (${changedRows(ALIKE_COLUMNS, { accountId, changed: scope.changed })})
        select distinct s.card_number_masked, s.currency, s.amount_minor
        from s
        cross join lateral (
          select 1 from helcim.card_transactions o
          where o.account_id = ${accountId} and o.card_number_masked = s.card_number_masked and o.currency = s.currency
            and o.amount_minor = s.amount_minor and o.type in ('purchase', 'capture') and o.outcome = 'approved'
            and o.vanished_at is null and o.created_at between s.created_at - ${within} and s.created_at + ${within}
            and o.transaction_id <> s.transaction_id
          limit 1
        ) again
        where ${sql.raw("s.type in ('purchase', 'capture') and s.outcome = 'approved' and s.vanished_at is null")}
          and s.created_at >= ${timestamp(from)}
        union
        -- Far from a repetition, a refund may be of it, and another sale may be what a refund is of.
        select s.card_number_masked, s.currency, s.amount_minor from s
        where s.card_number_masked is not null and s.type in ('purchase', 'capture', 'refund')
          and (s.type = 'refund' or exists (
            select from helcim.card_transactions r
            where r.account_id = ${accountId} and r.card_number_masked = s.card_number_masked
              and r.currency = s.currency and r.type = 'refund' and r.outcome = 'approved'
              and r.amount_minor = s.amount_minor and r.created_at > s.created_at))
          and exists (
            select from (
              select o.created_at - lag(o.created_at) over (order by o.created_at, o.transaction_id) as gap
              from helcim.card_transactions o
              where o.account_id = ${accountId} and o.card_number_masked = s.card_number_masked
                and o.currency = s.currency and o.amount_minor = s.amount_minor and o.type in ('purchase', 'capture')
                and o.outcome = 'approved' and o.vanished_at is null
            ) g where g.gap <= ${within})
        union
        select card_number_masked, currency, amount_minor from helcim.card_transactions
        where account_id = ${accountId} and transaction_id = any(${arrayOf(scope.transactionIds)}::bigint[])
          and card_number_masked is not null`
  const { rows } = await tx.execute<Row>(sql`${query} order by 1, 2, 3`)
  return rows.map(keyOf)
}

const keyOf = (row: Row): AlikeKey => ({
  cardNumber: String(row.card_number_masked),
  currency: String(row.currency),
  amountMinor: BigInt(String(row.amount_minor)),
})

/** The rows behind these keys since `from`, each with whether a payment of a subscription expects it. */
export async function loadAlike(
  tx: Tx,
  { accountId, keys, from }: { accountId: number; keys: readonly AlikeKey[]; from: Instant },
): Promise<AlikeSales[]> {
  if (keys.length === 0) return []
  const parameter = JSON.stringify(
    keys.map(({ amountMinor, ...rest }) => ({ ...rest, amountMinor: String(amountMinor) })),
  )
  const { rows } = await tx.execute<Row>(sql`
    select t.type, t.customer_code, m.transaction_id is not null as is_expected, ${cardRowColumns}
    from json_to_recordset(${parameter}::json) as k("cardNumber" text, currency text, "amountMinor" bigint)
    cross join lateral (
      (select * from helcim.card_transactions
        where account_id = ${accountId} and card_number_masked = k."cardNumber" and currency = k.currency
          and amount_minor = k."amountMinor" and type in ('purchase', 'capture') and outcome = 'approved'
          and vanished_at is null and created_at >= ${timestamp(from)} offset 0)
      union all
      (select * from helcim.card_transactions
        where account_id = ${accountId} and card_number_masked = k."cardNumber" and currency = k.currency
          and type = 'refund' and outcome = 'approved' and vanished_at is null and amount_minor = k."amountMinor"
          and created_at >= ${timestamp(from)} offset 0)
    ) t
    ${batchOfRow}
    left join recon.matches m on m.account_id = ${accountId} and m.via = 'card'
      and m.transaction_id = t.transaction_id and m.rule <> 'declined_try'
    -- What is in no batch never went through (API.md §9).
    where t.card_batch_id is not null`)
  const byKey = new Map(
    keys.map((key) => [alikeText(key), { ...key, sales: [] as AlikeSale[], fullRefunds: [] as CardRow[] }]),
  )
  for (const row of rows) {
    const alike = byKey.get(alikeText(keyOf(row)))
    if (row.type === 'refund') alike?.fullRefunds.push(cardRowOf(row))
    else
      alike?.sales.push({
        ...cardRowOf(row),
        isExpected: row.is_expected === true,
        customerCode: textOf(row.customer_code),
      })
  }
  return [...byKey.values()]
}

/** Customers of these transactions, who may have subscriptions that expect them. */
export async function listCustomersOf(
  tx: Tx,
  { accountId, transactionIds }: { accountId: number; transactionIds: readonly HelcimId[] },
): Promise<string[]> {
  const { rows } = await tx.execute<{ customer_code: string }>(sql`
    select distinct t.customer_code from helcim.card_transactions t
    where t.account_id = ${accountId} and t.transaction_id = any(${arrayOf(transactionIds)}::bigint[])
      and exists (select from helcim.subscriptions s
        where s.account_id = t.account_id and s.customer_code = t.customer_code)`)
  return rows.map((row) => row.customer_code)
}

/** Whether this token may not read subscriptions: then none will ever tell what was expected. */
export async function areSubscriptionsBeyondToken(tx: Tx, accountId: number): Promise<boolean> {
  const { rows } = await tx.execute<{ state: string }>(sql`
    select state from recon.pulls
    where account_id = ${accountId} and resource = 'subscription' and window_kind = 'all' and state <> 'running'
    order by pull_id desc limit 1`)
  return rows[0]?.state === 'not_permitted'
}
