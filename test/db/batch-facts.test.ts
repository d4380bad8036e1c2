import { sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { ensureAccount } from '../../src/db/accounts.ts'
import { BATCHES_PER_RANGE, type BatchFacts, loadAllBatchFacts, loadBatchFacts } from '../../src/db/batch-facts.ts'
import { type Db, withSecondSession } from '../../src/db/client.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { createMigratedDatabase } from '../support/migrated-database.ts'

const SEED = Number(process.env.SEED ?? 20_261_127)
/** Of which two thirds are listed: two ranges and a bit. */
const COUNT_BATCHES = Math.ceil(3.3 * BATCHES_PER_RANGE)
const NO_HASH = sql`'00000000-0000-0000-0000-000000000000'::uuid`

/**
 * Batches of which Helcim lists some, some have rows and some a stored judgement, each by chance: the lowest and the highest
 * are not listed. Every third with rows holds a void beside a refund of the same card and amount.
 */
async function createBatches(db: Db): Promise<number> {
  const { accountId } = await ensureAccount(db, {
    name: 'batches',
    baseUrl: 'http://127.0.0.1:1/v2',
    tokenFingerprint: 'none',
    today: toBusinessDate('2026-11-27'),
    historyDays: 30,
  })
  await db.execute(sql`
    create table public.chosen as
    select id, is_edge, not is_edge and hash % 3 > 0 as is_listed, is_edge or hash / 3 % 4 > 0 as has_rows,
      hash / 12 % 2 = 0 as is_checked, hash / 24 % 3 = 0 as has_void
    from (
      select 4000000 + 3 * n as id, n in (1, ${COUNT_BATCHES}::int) as is_edge,
        abs(hashint8extended(n, ${SEED})) as hash from generate_series(1, ${COUNT_BATCHES}::int) n
    ) numbered`)
  await db.execute(sql`
    insert into helcim.card_transactions (account_id, transaction_id, created_at, created_at_text, created_on,
      card_batch_id, status, outcome, type, amount_minor, currency, card_number_masked, raw, content_hash, observed_at,
      first_seen_at)
    select ${accountId}, id * 10 + place, at, at::text, at::date, id, 'APPROVED', 'approved', type, 100 + id % 7, 'CAD',
      '454545******' || 1000 + id % 5, '{}', ${NO_HASH}, at, at
    from public.chosen
    cross join (values (1, 'purchase'), (2, 'refund'), (3, 'reverse')) kinds(place, type)
    cross join (values (timestamptz '2026-11-01 10:00:00.123456Z')) times(at)
    where has_rows and (type = 'purchase' or has_void)`)
  await db.execute(sql`
    insert into helcim.card_batches (account_id, card_batch_id, terminal_id, batch_number, is_closed, is_strictly_open,
      created_at, created_at_text, updated_at, updated_at_text, closed_at, closed_at_text, net_minor, sales_minor,
      refunds_minor, reversed_minor, refunds_reversed_minor, count_total, count_approved, count_declined, raw, content_hash,
      observed_at, first_seen_at)
    select ${accountId}, id, 1, id, true, false, at, at::text, at, at::text, at, at::text, 100, 100, 0, 0, 0, 1, 1, 0, '{}',
      ${NO_HASH}, at, at
    from public.chosen cross join (values (timestamptz '2026-11-01 09:00:00.9996Z')) times(at) where is_listed`)
  await db.execute(sql`
    insert into recon.batch_checks (account_id, card_batch_id, statistics_since, rows_read_from)
    select ${accountId}, id, at, at + interval '1 hour'
    from public.chosen cross join (values (timestamptz '2026-11-01 11:00:00.5Z')) times(at) where is_checked`)
  return accountId
}

it(`facts of all batches, read range by range, are those of each of them (seed ${SEED})`, async () => {
  const { db, drop } = await createMigratedDatabase()
  try {
    const accountId = await createBatches(db)
    const { rows } = await db.execute<{ id: string; is_listed: boolean }>(sql`
      select id, is_listed from public.chosen where is_listed or has_rows or is_checked order by id`)
    const ids = rows.map(({ id }) => BigInt(id))
    // The controls: there are several ranges, and unlisted batches on either side of them.
    expect(rows.filter((row) => row.is_listed).length).toBeGreaterThan(2 * BATCHES_PER_RANGE)
    expect([rows.at(0)?.is_listed, rows.at(-1)?.is_listed]).toEqual([false, false])

    const all = await loadAllBatchFacts([db], accountId)
    expect(all.map(({ cardBatchId }) => cardBatchId)).toEqual(ids)
    const each: BatchFacts[] = []
    for (let from = 0; from < ids.length; from += 70) {
      each.push(...(await loadBatchFacts(db, accountId, ids.slice(from, from + 70))))
    }
    expect(all).toEqual(each)
    // By two sessions that share the ranges as it happens.
    const shared = await db.transaction((tx) => withSecondSession(db, tx, (two) => loadAllBatchFacts(two, accountId)))
    expect(shared).toEqual(each)

    // What they say is what was put there, to the millisecond below.
    const listed = all.find(({ batch, check, rows: { reverseGroups } }) => batch && check && reverseGroups.length > 0)
    expect(listed?.batch?.closedAt).toBe(Date.parse('2026-11-01T09:00:00.999Z'))
    expect(listed?.check).toMatchObject({
      statisticsSince: Date.parse('2026-11-01T11:00:00.500Z'),
      statisticsUntil: null,
      rowsReadFrom: Date.parse('2026-11-01T12:00:00.500Z'),
    })
    const amountMinor = 100n + ((listed?.cardBatchId ?? 0n) % 7n)
    expect(listed?.rows).toMatchObject({
      salesMinor: amountMinor,
      refundsMinor: amountMinor,
      reverseGroups: [{ amountMinor, reverses: 1, sales: 1, refunds: 1, preauths: 0 }],
    })
  } finally {
    await drop()
  }
})
