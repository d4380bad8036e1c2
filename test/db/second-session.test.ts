import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openDatabase, type Tx, withSecondSession } from '../../src/db/client.ts'
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await createMigratedDatabase()
  await database.db.execute(sql`create table public.seen (what text primary key)`)
})
afterAll(() => database.drop())

const add = (tx: Tx, what: string) => tx.execute(sql`insert into public.seen values (${what})`)
const list = async (tx: Tx) =>
  (await tx.execute<{ what: string }>(sql`select what from public.seen order by 1`)).rows.map(({ what }) => what)

/** All that call it wait until so many have. */
function createMeeting(size: number): () => Promise<void> {
  let open = () => {}
  const isFull = new Promise<void>((resolve) => {
    open = resolve
  })
  let count = 0
  return () => {
    count += 1
    if (count === size) open()
    return isFull
  }
}

it('a second session sees what the first saw when it was asked for, whatever is committed since', async () => {
  const { db } = database
  await add(db, 'before')
  await db.transaction(async (tx) => {
    await add(tx, 'own')
    await withSecondSession(db, tx, async (sessions) => {
      await add(db, 'later')
      expect(await Promise.all(sessions.map(list))).toEqual([['before', 'later', 'own'], ['before']])
    })
  })
})

it('it changes nothing, and whatever fails on it gives both connections back', async () => {
  const { db, pool } = database
  const failed = db.transaction((tx) =>
    withSecondSession(db, tx, async ([, second]) => {
      if (second) await add(second, 'never')
    }),
  )
  await expect(failed).rejects.toMatchObject({ cause: { message: expect.stringContaining('read-only') } })
  expect(pool.idleCount).toBe(pool.totalCount)
})

it('where the pool has no connection to spare, the first works alone and nobody waits', async () => {
  const { db, close } = openDatabase(database.url, { maxConnections: 2, onError: () => {} })
  try {
    const haveBegun = createMeeting(2)
    const haveAsked = createMeeting(2)
    const both = Array.from({ length: 2 }, () =>
      db.transaction(async (tx) => {
        await haveBegun()
        return withSecondSession(db, tx, async (sessions) => {
          await haveAsked()
          return sessions.length
        })
      }),
    )
    expect(await Promise.all(both)).toEqual([1, 1])
    // The control: alone, there is one to spare.
    expect(await db.transaction((tx) => withSecondSession(db, tx, async (sessions) => sessions.length))).toBe(2)
  } finally {
    await close()
  }
})
