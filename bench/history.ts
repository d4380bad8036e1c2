import { sql } from 'drizzle-orm'
import type { BenchDatabase } from './database.ts'

const ROWS_PER_BATCH = 200

/** What a subscription is charged, and every how many rows there is such a charge. */
export const CHARGE_MINOR = 2_500
const ROWS_PER_CHARGE = 10
const ROWS_PER_CARD = 20

/**
 * Closed batches that tie out: of a hundred rows one refunds a sale of before and four are declined, and every other batch
 * holds a voided sale. The rows have the width of real ones. Nothing is wrong with any of them.
 * @param countSubscriptions every tenth row is a charge of one of so many, in turns; 0 for none
 */
export async function createHistory(
  { db, addAccount }: BenchDatabase,
  countRows: number,
  { countSubscriptions = 0 } = {},
): Promise<number> {
  const accountId = await addAccount()
  const isCharge = countSubscriptions === 0 ? sql`false` : sql`n % ${ROWS_PER_CHARGE}::int = 3`
  // A longer history has more buyers, and each of them as many rows.
  const countCards = Math.ceil(countRows / ROWS_PER_CARD)
  const subscriber = sql`(n / ${ROWS_PER_CHARGE}::int) % ${Math.max(1, countSubscriptions)}::int`
  const rowTime = sql`timestamptz '2026-02-01Z' + n * interval '15 seconds'`
  await db.execute(sql`
    insert into helcim.card_terminals (account_id, terminal_id, currency, status, raw, content_hash, observed_at, first_seen_at)
    values (${accountId}, 1, 'CAD', 'active', '{}', ${NO_HASH}, now(), now())`)
  await db.execute(sql`
    insert into helcim.card_transactions (account_id, transaction_id, created_at, created_at_text, created_on,
      card_batch_id, status, outcome, type, amount_minor, currency, user_name, card_brand, card_number_masked,
      card_holder_name, approval_code, customer_code, invoice_number, raw, content_hash, observed_at, first_seen_at)
    select ${accountId}, 30000000 + n, ${rowTime}, to_char(${rowTime}, 'YYYY-MM-DD HH24:MI:SS'), (${rowTime})::date,
      4000000 + n / ${ROWS_PER_BATCH}::int, case outcome when 'approved' then 'APPROVED' else 'DECLINED' end, outcome, type,
      case when is_charge then ${CHARGE_MINOR}::int else 1 + sale * 7919 % 49999 end, 'CAD', 'Helcim System', 'MC',
      case when is_charge then (400000 + subscriber)::text else (500000 + card / 9000)::text end || '******' || 1000 + card % 9000,
      'Cardholder ' || card, 'T' || sale, case when is_charge then 'SUB' || subscriber else 'CST' || card end,
      'INV' || sale,
      json_build_object('transactionId', 30000000 + n, 'filler', repeat('x', 350)), ${NO_HASH}, now(), now()
    from (select *, (sale / 100 + sale * 97) % ${countCards}::bigint as card from (
      select n, is_charge, subscriber,
        case when is_reverse then n - 1 when n % 100 = 50 and n > 300 then n - 249 else n end as sale,
        case when is_reverse then 'reverse' when n % 100 = 50 and n > 300 then 'refund' else 'purchase' end as type,
        case when n % 25 = 7 then 'declined' else 'approved' end as outcome
      from (
        select n::bigint, n % 400 = 100 as is_reverse, ${isCharge} as is_charge, ${subscriber} as subscriber
        from generate_series(0, ${countRows}::int - 1) n
      ) numbered
    ) typed) carded`)
  await db.execute(sql`
    insert into helcim.card_batches (account_id, card_batch_id, terminal_id, batch_number, is_closed, is_strictly_open,
      created_at, created_at_text, updated_at, updated_at_text, closed_at, closed_at_text, net_minor, sales_minor,
      refunds_minor, reversed_minor, refunds_reversed_minor, count_total, count_approved, count_declined, raw,
      content_hash, observed_at, first_seen_at)
    select ${accountId}, card_batch_id, 1, row_number() over (order by card_batch_id), true, false, opened_at,
      opened_at::text, closed_at, closed_at::text, closed_at, closed_at::text, sales - refunds - reversed, sales,
      refunds, reversed, 0, total, approved, total - approved, '{}', ${NO_HASH}, closed_at, closed_at
    from (
      select card_batch_id, min(created_at) as opened_at, max(created_at) as closed_at, count(*) as total,
        count(*) filter (where outcome = 'approved') as approved,
        ${sumOf('purchase')} as sales, ${sumOf('refund')} as refunds, ${sumOf('reverse')} as reversed
      from helcim.card_transactions where account_id = ${accountId} group by card_batch_id
    ) summed`)
  await db.execute(sql`
    insert into recon.batch_checks
      (account_id, card_batch_id, statistics_since, statistics_until, rows_read_from, rows_read_until)
    select account_id, card_batch_id, closed_at, closed_at + interval '1 day', closed_at + interval '1 hour',
      closed_at + interval '2 hours' from helcim.card_batches where account_id = ${accountId}`)
  return accountId
}

export const NO_HASH = sql`'00000000-0000-0000-0000-000000000000'::uuid`

const sumOf = (type: string) =>
  sql`coalesce(sum(amount_minor) filter (where outcome = 'approved' and type = ${type}), 0)`
