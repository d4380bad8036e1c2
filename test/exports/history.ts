import { sql } from 'drizzle-orm'
import type { Database } from '../../src/db/client.ts'

const ROWS_PER_BATCH = 100

/** Approved sales of October in batches of a hundred, of which every one but the last is closed. */
export async function fillHistory({ db }: Database, accountId: number, countRows: number): Promise<void> {
  const noHash = sql`'00000000-0000-0000-0000-000000000000'::uuid`
  const madeAt = sql`timestamptz '2026-10-02T18:00:00Z' + n * interval '25 days' / ${countRows}::int`
  await db.execute(sql`
    insert into helcim.card_transactions (account_id, transaction_id, created_at, created_at_text, created_on,
      card_batch_id, status, outcome, type, amount_minor, currency, card_brand, card_number_masked, approval_code,
      customer_code, invoice_number, raw, content_hash, observed_at, first_seen_at)
    select ${accountId}, 1000 + n, ${madeAt}, '', (${madeAt})::date, 1 + n / ${ROWS_PER_BATCH}::int, 'APPROVED', 'approved',
      'purchase', 1000 + n, 'CAD', 'VI', '424242******' || 1000 + n % 9000, 'T' || n, 'CST' || n % 50, 'INV' || n, '{}', ${noHash},
      now(), now()
    from generate_series(0::bigint, ${countRows}::int - 1) n`)
  await db.execute(sql`
    insert into helcim.card_batches (account_id, card_batch_id, terminal_id, batch_number, is_closed, is_strictly_open,
      created_at, created_at_text, updated_at_text, closed_at, closed_at_text, raw, content_hash, observed_at, first_seen_at)
    select account_id, card_batch_id, 1, card_batch_id, card_batch_id <> ${countRows / ROWS_PER_BATCH}, false,
      min(created_at), '', '', case when card_batch_id <> ${countRows / ROWS_PER_BATCH} then max(created_at) end, '', '{}',
      ${noHash}, now(), now()
    from helcim.card_transactions where account_id = ${accountId} group by account_id, card_batch_id`)
}

/** How much resident memory `work` gained at most, looked at every few milliseconds. */
export async function residentGrowthOf<T>(work: () => Promise<T>): Promise<{ growthMb: number; result: T }> {
  const residentMb = () => process.memoryUsage.rss() / 2 ** 20
  const before = residentMb()
  let highest = before
  const timer = setInterval(() => {
    highest = Math.max(highest, residentMb())
  }, 5)
  try {
    const result = await work()
    return { result, growthMb: Math.max(highest, residentMb()) - before }
  } finally {
    clearInterval(timer)
  }
}
