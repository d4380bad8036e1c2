import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { type Proxy as StoreProxy, startProxy } from '../queue/proxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const ONE = sql`select 1`

let server: TestDatabase
let proxy: StoreProxy

beforeAll(async () => {
  server = await createTestDatabase()
  proxy = await startProxy(server.url)
})

afterAll(async () => {
  await proxy.close()
  await server.drop()
})

/** Where Postgres goes away, or falls silent, and what is done then. */
const MOMENTS: Readonly<Record<string, (database: Database, fail: () => Promise<void>) => Promise<unknown>>> = {
  'between the connection and begin': async ({ db, pool }, fail) => {
    // Postgres is away before anything of the transaction was said.
    const connect = pool.connect.bind(pool)
    pool.connect = (async () => {
      const client = await connect()
      await fail()
      return client
    }) as typeof pool.connect
    return db.transaction((tx) => tx.execute(ONE)).finally(() => Object.assign(pool, { connect }))
  },
  'within its work': ({ db }, fail) =>
    db.transaction(async (tx) => {
      await tx.execute(ONE)
      await fail()
      await tx.execute(ONE)
    }),
  'before commit': ({ db }, fail) =>
    db.transaction(async (tx) => {
      await tx.execute(ONE)
      await fail()
    }),
  'before rollback': ({ db }, fail) =>
    db.transaction(async (tx) => {
      await tx.execute(ONE)
      await fail()
      throw new Error('what the work failed of')
    }),
}

describe.each([
  { how: 'goes away', fail: () => proxy.cut(), recover: () => proxy.restore() },
  { how: 'falls silent', fail: async () => proxy.stall(), recover: async () => proxy.flow() },
])('a transaction while Postgres $how', ({ fail, recover }) => {
  it.each(Object.entries(MOMENTS))('%s gives its connection back', async (_, happens) => {
    const database = open()
    await expect(happens(database, fail)).rejects.toThrow()
    await recover()
    // The pool has one connection: had it been kept, this would wait for it, and so would the end of the pool.
    await expect(database.db.transaction((tx) => tx.execute(ONE))).resolves.toMatchObject({ rowCount: 1 })
    await expect(database.db.execute(sql`select pg_current_xact_id_if_assigned() as open`)).resolves.toMatchObject({
      rows: [{ open: null }],
    })
    expect(database.pool.totalCount - database.pool.idleCount).toBe(0)
    await database.close()
  })
})

it('work that fails is rolled back, and its connection used again', async () => {
  const database = open()
  const own = async () => (await database.db.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)).rows[0]?.pid
  const before = await own()
  const failing = database.db.transaction(async (tx) => {
    await tx.execute(sql`create table left_behind ()`)
    throw new Error('what the work failed of')
  })
  await expect(failing).rejects.toThrow('what the work failed of')
  expect(await own()).toBe(before)
  expect((await database.db.execute(sql`select to_regclass('left_behind') as found`)).rows).toEqual([{ found: null }])
  await database.close()
})

it('drizzle on a pool keeps a connection whose begin failed: the control, and needed no more once it does not', async () => {
  const database = open()
  const ofDrizzle: Database = { ...database, db: drizzle(database.pool) }
  await expect(MOMENTS['between the connection and begin']?.(ofDrizzle, () => proxy.cut())).rejects.toThrow()
  await proxy.restore()
  expect(database.pool.totalCount - database.pool.idleCount).toBe(1)
})

const open = () =>
  openDatabase(proxy.url, { maxConnections: 1, connectMsMax: 2_000, statementMsMax: 500, onError: () => {} })
