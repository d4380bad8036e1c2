import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, NOW, type Shop, type TestDatabase } from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

/** A closed batch that Helcim counts three transactions in, of which none ever comes. */
async function openContradictedShop() {
  const shop = await database.openShop()
  const of = sql`where account_id = ${shop.accountId}`
  await shop.addProvedBatch(1)
  await database.db.execute(sql`update helcim.card_batches set count_total = 3, count_approved = 3 ${of}`)
  return {
    shop,
    mark: () =>
      database.db.execute(sql`
        insert into recon.marks (account_id, subject_kind, subject_id)
        select account_id, 'card_batch', card_batch_id::text from helcim.card_batches ${of}`),
    moveTo: (at: string) => database.db.execute(sql`update recon.batch_checks set moved_at = ${at}::timestamptz ${of}`),
    forget: () => database.db.execute(sql`delete from recon.calibrations ${of}`),
    read: (state: 'running' | 'complete') =>
      database.db.execute(sql`
        insert into recon.pulls (account_id, resource, window_kind, from_date, to_date, subject, cause, call_class, state,
          started_at, walk_started_at, page_limit, progress_at)
        values (${shop.accountId}, 'card_transaction', 'days', '2026-09-20', '2026-09-20', '', 'history', 'fresh', ${state},
          ${NOW}, ${NOW}, 100, ${NOW})
        on conflict (account_id, resource, window_kind, subject, cause) do update set state = excluded.state`),
    isLearnedFromBy: async (scope: Parameters<Shop['reconcile']>[0]) => isLearnedFrom(shop, scope),
  }
}

/** Whether a run reads all closed batches to learn how Helcim counts: what was learned a day ago is dated anew. */
async function isLearnedFrom(shop: Shop, scope: Parameters<Shop['reconcile']>[0]): Promise<boolean> {
  const of = sql`where account_id = ${shop.accountId} and subject = 'card_batch_counts'`
  await database.db.execute(
    sql`update recon.calibrations set calibrated_at = ${NOW}::timestamptz - interval '1 day' ${of}`,
  )
  await shop.reconcile(scope)
  const { rows } = await database.db.execute(
    sql`select from recon.calibrations ${of} and calibrated_at >= ${NOW}::timestamptz`,
  )
  return rows.length > 0
}

describe('a closed batch that contradicts how Helcim counts', () => {
  it('is learned from when it came, and not by each run after that', async () => {
    const { isLearnedFromBy, mark } = await openContradictedShop()
    expect(await isLearnedFromBy('marked')).toBe(true)
    expect(await isLearnedFromBy('marked')).toBe(false)
    expect(await isLearnedFromBy('marked')).toBe(false)
    // The control: all runs would look at it, were it told of again, and a full one always does.
    await mark()
    expect(await isLearnedFromBy('marked')).toBe(true)
    expect(await isLearnedFromBy('full')).toBe(true)
  })

  it('is learned from once where nothing can be learned yet', async () => {
    const { isLearnedFromBy, forget, shop } = await openContradictedShop()
    await forget()
    await shop.reconcile('marked')
    expect(await isLearnedFromBy('marked')).toBe(false)
    // The control: two batches are enough, and both stand as they were counted.
    await shop.addProvedBatch(2)
    await shop.addProvedBatch(3)
    expect(await isLearnedFromBy('marked')).toBe(true)
    expect(await shop.isProved(2)).toBe(true)
  })

  it('that came while history was read is learned from when that is over', async () => {
    const { isLearnedFromBy, moveTo, read } = await openContradictedShop()
    await read('running')
    expect(await isLearnedFromBy('marked')).toBe(false)
    await moveTo(NOW)
    await read('complete')
    expect(await isLearnedFromBy('marked')).toBe(true)
  })
})
