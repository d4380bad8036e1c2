import { sql } from 'drizzle-orm'
import { type BenchDatabase, TODAY } from './database.ts'
import { CHARGE_MINOR, NO_HASH } from './history.ts'

/** Long after the last charge, so that none is due. */
const NEXT_BILLING = '2027-06-01'

/**
 * The subscriptions whose charges a history holds, each with its customer, its payments and their invoices, and all of it
 * read completely: nothing is wrong, and nothing waits.
 */
export async function addSubscriptions({ db }: BenchDatabase, accountId: number): Promise<void> {
  const own = sql`${accountId}::int`
  const mirrored = sql`'{}'::json, ${NO_HASH}, timestamptz ${sql.raw(`'${TODAY}'`)}, timestamptz '2026-01-02Z'`
  const kept = sql.raw('raw, content_hash, observed_at, first_seen_at')
  const charges = sql`(
    select transaction_id, created_at, created_on, customer_code, invoice_number, substr(customer_code, 4)::bigint as subscriber,
      row_number() over (partition by customer_code order by transaction_id) as number
    from helcim.card_transactions where account_id = ${own} and customer_code like 'SUB%'
  ) charge`
  await db.execute(sql`
    insert into helcim.payment_plans (account_id, payment_plan_id, name, type, status, currency, recurring_minor,
      billing_period, billing_period_increments, payment_method, created_at_text, updated_at_text, ${kept})
    values (${own}, 1, 'Plan', 'subscription', 'active', 'CAD', ${CHARGE_MINOR}, 'monthly', 1, 'card', '', '', ${mirrored})`)
  await db.execute(sql`
    insert into helcim.customers (account_id, customer_id, customer_code, created_at_text, updated_at_text, ${kept})
    select ${own}, 1 + subscriber, customer_code, '', '', ${mirrored} from ${charges} where number = 1`)
  await db.execute(sql`
    insert into helcim.subscriptions (account_id, subscription_id, status, payment_plan_id, customer_code, times_billed,
      recurring_minor, has_failed_payments, payment_method, activated_on, billing_on, created_at_text, updated_at_text, ${kept})
    select ${own}, 1 + subscriber, 'active', 1, customer_code, max(number), ${CHARGE_MINOR}, false, 'card', min(created_on),
      ${NEXT_BILLING}, '', '', ${mirrored}
    from ${charges} group by subscriber, customer_code`)
  await db.execute(sql`
    insert into helcim.subscription_details (account_id, subscription_id, ${kept})
    select ${own}, subscription_id, ${mirrored} from helcim.subscriptions where account_id = ${own}`)
  await db.execute(sql`
    insert into helcim.subscription_payments (account_id, subscription_id, position, payment_id, payment_number, status, due_on,
      processed_at, processed_at_text, amount_minor, recurring_minor, count_retries)
    select ${own}, 1 + subscriber, number, transaction_id, number, 'approved', created_on, created_at, '', ${CHARGE_MINOR},
      ${CHARGE_MINOR}, 0
    from ${charges}`)
  await db.execute(sql`
    insert into helcim.invoices (account_id, invoice_id, invoice_number, type, status, currency, customer_id, amount_minor,
      paid_minor, due_minor, created_at, created_at_text, created_on, updated_at_text, paid_at_text, issued_at_text, ${kept})
    select ${own}, transaction_id, invoice_number, 'INVOICE', 'PAID', 'CAD', 1 + subscriber, ${CHARGE_MINOR}, ${CHARGE_MINOR}, 0,
      created_at, '', created_on, '', '', '', ${mirrored}
    from ${charges}`)
  await db.execute(sql`
    insert into helcim.invoice_lines (account_id, invoice_id, position, quantity, unit_price, currency)
    select ${own}, transaction_id, 1, 1, ${CHARGE_MINOR} / 100.0, 'CAD' from ${charges}`)
  await db.execute(sql`
    insert into recon.covered_days (account_id, resource, day, read_at, pull_id)
    select ${own}, resource, day::date, ${TODAY}::timestamptz, 0
    from unnest('{card_transaction,invoice,ach_transaction}'::text[]) resource,
      generate_series(date '2025-12-01', date '2026-09-30', interval '1 day') day`)
  await db.execute(sql`
    insert into recon.pulls (account_id, resource, window_kind, cause, call_class, state, started_at, finished_at,
      walk_started_at, page_limit, progress_at)
    select ${own}, 'subscription', 'all', 'bench', 'fresh', 'complete', at, at, at, 100, at
    from (select ${TODAY}::timestamptz as at) asked`)
}
