import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Tx } from '../../src/db/client.ts'
import { rowsMarked, takeMarks } from '../../src/db/marks.ts'
import { markRows, markSubjects } from '../../src/db/mirror/mark-rules.ts'
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
      { kind: 'card_batch', id: '7', movedAt: null, rowIds: null },
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

const KINDS = ['card_batch', 'card_batch_whole']
const takeRows = async (accountId: number) =>
  Object.fromEntries(rowsMarked(await takeMarks(database.db, { accountId, kinds: KINDS }), 'card_batch'))
const markSome = (tx: Tx, accountId: number, rows: Readonly<Record<string, readonly bigint[] | null>>) =>
  markRows(tx, { accountId, rule, rowsOf: new Map(Object.entries(rows)), movedAt: toInstant(5_000) })

it('rows that are marked add up until they are taken', async () => {
  await markSome(database.db, 6, { 7: [1n, 2n], 8: [] })
  await markSome(database.db, 6, { 7: [3n], 8: [4n], 9: [5n] })
  expect(await takeRows(6)).toEqual({ 7: [1n, 2n, 3n], 8: [4n], 9: [5n] })
  expect(await takeRows(6)).toEqual({})
  await markSome(database.db, 6, { 7: [6n] })
  expect(await takeRows(6)).toEqual({ 7: [6n] })
})

it.each(['before', 'after'])(
  'all rows are meant where somebody marked the batch without naming any, %s others named some',
  async (order) => {
    const accountId = order === 'before' ? 21 : 22
    // As a version does that knows nothing of rows.
    const markAsBefore = () =>
      database.db.execute(sql`
      insert into recon.marks (account_id, subject_kind, subject_id, moved_at)
      values (${accountId}, 'card_batch', '7', to_timestamp(1))
      on conflict (account_id, subject_kind, subject_id) do update set moved_at = excluded.moved_at
        where excluded.moved_at > marks.moved_at`)
    if (order === 'before') await markAsBefore()
    await markSome(database.db, accountId, { 7: [1n], 8: [2n] })
    if (order === 'after') await markAsBefore()
    expect(await takeRows(accountId)).toEqual({ 7: null, 8: [2n] })
  },
)

it('all rows are meant where so many were named that it is no help', async () => {
  const ids = Array.from({ length: 1_500 }, (_, n) => BigInt(n))
  await markSome(database.db, 23, { 7: ids, 8: ids })
  await markSome(database.db, 23, { 7: ids })
  await markSome(database.db, 23, { 7: [1n] })
  expect(await takeRows(23)).toEqual({ 7: null, 8: ids })
})

it('a batch that is marked as a whole stays so until whoever marked it commits', async () => {
  await markSome(database.db, 24, { 7: [1n] })
  await database.db.transaction(async (tx) => {
    await mark(tx, 24, '7')
    expect(await takeRows(24)).toEqual({})
  })
  expect(await takeRows(24)).toEqual({ 7: null })
})
