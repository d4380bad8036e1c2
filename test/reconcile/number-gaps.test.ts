import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { listNumberGaps } from '../../src/db/batch-checks.ts'
import { listOpenMismatches } from '../../src/db/mismatches.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { createDatabase, NOW, type TestDatabase } from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

const closedFrom = toInstant(Date.parse(NOW) - 30 * 86_400_000)

const texts = (gaps: readonly { terminalId: bigint; batchNumber: bigint; isConfirmed: boolean }[]) =>
  gaps.map(
    ({ terminalId, batchNumber, isConfirmed }) => `${terminalId}:${batchNumber}${isConfirmed ? ' confirmed' : ''}`,
  )

it('finds beside the changed batches, and where a number was asked for, every hole that those changes made', async () => {
  const place = fc.record({ terminalId: fc.integer({ min: 1, max: 2 }), number: fc.integer({ min: 1, max: 60 }) })
  const history = fc.uniqueArray(fc.record({ place, isOld: fc.boolean() }), {
    selector: ({ place: { terminalId, number } }) => `${terminalId}:${number}`,
    maxLength: 12,
  })
  await fc.assert(
    fc.asyncProperty(
      history,
      fc.integer({ min: 0, max: 12 }),
      fc.array(place, { maxLength: 3 }),
      async (batches, cut, asked) => {
        const shop = await database.openShop()
        const list = (besideIds: readonly bigint[] | null) =>
          listNumberGaps(database.db, { accountId: shop.accountId, closedFrom, besideIds })
        for (const batch of batches.slice(0, cut)) await shop.addBatch({ ...batch.place, isOld: batch.isOld })
        const before = new Set((await list(null)).map((gap) => `${gap.terminalId}:${gap.batchNumber}`))
        const changed: bigint[] = []
        for (const batch of batches.slice(cut))
          changed.push(await shop.addBatch({ ...batch.place, isOld: batch.isOld }))
        for (const { terminalId, number } of asked) await shop.answerNothing(`${terminalId}:${number}`)
        const everywhere = await list(null)
        const beside = texts(await list(changed))
        expect(texts(everywhere)).toEqual(expect.arrayContaining(beside))
        const isNews = (gap: (typeof everywhere)[number]) =>
          gap.isConfirmed || !before.has(`${gap.terminalId}:${gap.batchNumber}`)
        expect(beside).toEqual(expect.arrayContaining(texts(everywhere.filter(isNews))))
      },
    ),
    { numRuns: 60, seed: 7 },
  )
})

it('asks about a hole in every run until it is answered, also when the question was lost', async () => {
  const shop = await database.openShop()
  await shop.addProvedBatch(1)
  await shop.addProvedBatch(3)
  expect(texts((await shop.reconcile('marked')).unconfirmedGaps)).toEqual(['1:2'])
  expect(await shop.countMarks()).toBe(0)
  expect(texts((await shop.reconcile('marked')).unconfirmedGaps)).toEqual(['1:2'])
  expect(await shop.isProved(3)).toBe(false)

  await shop.answerNothing('1:2')
  const answered = await shop.reconcile('marked')
  expect(texts(answered.unconfirmedGaps)).toEqual([])
  expect(answered.countOpened).toBe(1)
  expect(await shop.isProved(3)).toBe(true)
})

it('keeps a confirmed hole told by runs that look elsewhere, and a full run finds the same', async () => {
  const shop = await database.openShop()
  for (const number of [1, 3, 4, 5]) await shop.addProvedBatch(number)
  await shop.answerNothing('1:2')
  expect((await shop.reconcile('marked')).countOpened).toBe(1)
  await shop.addProvedBatch(6)
  for (const scope of ['marked', 'full'] as const) {
    const { countOpened, countReopened, countResolved } = await shop.reconcile(scope)
    expect({ countOpened, countReopened, countResolved }).toEqual({
      countOpened: 0,
      countReopened: 0,
      countResolved: 0,
    })
  }
  const told = await listOpenMismatches(database.db, shop.accountId)
  expect(told.map(({ code, subjectId }) => `${code} ${subjectId}`)).toEqual(['card_batch_number_gap 1:2'])
})

it('resolves a hole in the marked run after its batch arrived', async () => {
  const shop = await database.openShop()
  await shop.addProvedBatch(1)
  await shop.addProvedBatch(3)
  await shop.answerNothing('1:2')
  expect((await shop.reconcile('marked')).countOpened).toBe(1)
  await shop.addProvedBatch(2)
  expect((await shop.reconcile('marked')).countResolved).toBe(1)
  expect(await listOpenMismatches(database.db, shop.accountId)).toEqual([])
})

it('looks again above a hole that a batch below a proved one uncovers', async () => {
  const shop = await database.openShop()
  await shop.addProvedBatch(3)
  await shop.reconcile('marked')
  expect(await shop.isProved(3)).toBe(true)
  await shop.addProvedBatch(1)
  await shop.reconcile('marked')
  await database.db.execute(
    sql`update recon.batch_checks set is_final = true where card_batch_id = ${await shop.idOf(1)}`,
  )
  expect(await shop.isProved(3)).toBe(false)
  expect(texts((await shop.reconcile('marked')).unconfirmedGaps)).toEqual(['1:2'])
})
