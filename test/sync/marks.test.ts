import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Tx } from '../../src/db/client.ts'
import { takeMarks } from '../../src/db/marks.ts'
import { markSubjects } from '../../src/db/mirror/mark-rules.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await createMigratedDatabase()
})
afterAll(() => database.drop())

const rule = { kind: 'card_batch', column: '', subjects: 'itself' } as const
const mark = (tx: Tx, accountId: number, ...values: string[]) =>
  markSubjects(tx, { accountId, rule, values, movedAt: null })
const take = (accountId: number) =>
  database.db.transaction(async (tx) => {
    // Whoever waits here fails instead of standing still.
    await tx.execute(sql`set local lock_timeout = '5s'`)
    return (await takeMarks(tx, { accountId, kinds: ['card_batch'] })).map(({ id }) => id).toSorted()
  })

it('what is marked again while it is written stays marked until that is committed', async () => {
  await mark(database.db, 1, '7', '8')
  await database.db.transaction(async (tx) => {
    await mark(tx, 1, '7')
    // The others are taken without waiting; this one would be judged without what is being written.
    expect(await take(1)).toEqual(['8'])
  })
  expect(await take(1)).toEqual(['7'])
  expect(await take(1)).toEqual([])
})

it('what was taken and not worked off is still marked, and so is what was marked meanwhile', async () => {
  await mark(database.db, 2, '7')
  const failed = database.db.transaction(async (tx) => {
    expect(await takeMarks(tx, { accountId: 2, kinds: ['card_batch'] })).toEqual([
      { kind: 'card_batch', id: '7', movedAt: null },
    ])
    throw new Error('killed')
  })
  await expect(failed).rejects.toThrow('killed')
  await mark(database.db, 2, '9', '7')
  expect(await take(2)).toEqual(['7', '9'])
})

it('the mark of a batch says when it last moved, whichever writer commits last', async () => {
  const markAt = (at: number | null, value: string) =>
    markSubjects(database.db, { accountId: 5, rule, values: [value], movedAt: at === null ? null : toInstant(at) })
  for (const at of [1_000, 3_000, 2_000, null]) await markAt(at, '7')
  for (const at of [null, 4_000]) await markAt(at, '8')
  const taken = await takeMarks(database.db, { accountId: 5, kinds: ['card_batch'] })
  expect(taken.map(({ id, movedAt }) => [id, movedAt]).toSorted()).toEqual([
    ['7', 3_000],
    ['8', 4_000],
  ])
})

it('only marks of the account and of these kinds are taken', async () => {
  await mark(database.db, 3, '7')
  await mark(database.db, 4, '7')
  expect(await takeMarks(database.db, { accountId: 3, kinds: ['books_batch'] })).toEqual([])
  expect(await take(3)).toEqual(['7'])
  expect(await take(4)).toEqual(['7'])
})
