import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createReverseKinds } from '../../src/db/movements/reverse-kinds.ts'
import { createDatabase, type TestDatabase } from '../mismatches/support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

const BATCH_ID = 7n

test('what reverses voided is solved once in a run, and again of a batch of which rows were stored meanwhile', async () => {
  const { accountId } = await database.openBooks()
  const store = (id: number, type: string) =>
    database.db.execute(sql`
      insert into helcim.card_transactions (account_id, transaction_id, created_at, created_at_text, card_batch_id, status,
        outcome, type, amount_minor, currency, card_number_masked, raw, content_hash, observed_at, first_seen_at)
      values (${accountId}, ${id}, now(), '', ${BATCH_ID}, 'APPROVED', 'approved', ${type}, 500, 'CAD', '424242******4242', '{}',
        '00000000-0000-0000-0000-000000000000', now(), now())`)
  const mark = (kind: string) =>
    database.db.execute(sql`
      insert into recon.marks (account_id, subject_kind, subject_id) values (${accountId}, ${kind}, ${String(BATCH_ID)})`)
  await store(1, 'purchase')
  await store(2, 'reverse')

  await database.db.transaction(async (tx) => {
    const reverseKinds = createReverseKinds(tx, accountId)
    const ids = async () => (await reverseKinds.ofBatches([BATCH_ID])).map(({ transactionId }) => transactionId)
    expect(await ids()).toEqual([2n])
    await store(3, 'purchase')
    await store(4, 'reverse')
    // The control: without a mark nothing was stored, as far as a run can know.
    expect(await ids()).toEqual([2n])
    await mark('customer')
    expect(await ids()).toEqual([2n])
    await mark('card_batch')
    expect(await ids()).toEqual([2n, 4n])
    expect(await reverseKinds.ofBatches([8n])).toEqual([])
  })
})
