import { afterAll, beforeAll, expect, it } from 'vitest'
import { migrateDatabase } from '../../src/db/migrate.ts'
import type { Report } from '../../src/exports/report.ts'
import { REPORTS, reportOf } from '../../src/exports/reports.ts'
import { refreshViews } from '../../src/exports/views.ts'
import { createDatabase, type TestDatabase } from '../mismatches/support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createDatabase()
})

afterAll(() => database.drop())

const refresh = (reports?: readonly Report[]) =>
  migrateDatabase(database.pool, (client) => refreshViews(client, reports))

const idsOf = async () =>
  (
    await database.pool.query(
      `select oid::text, xmin::text from pg_class where relnamespace = 'accounting'::regnamespace order by relname`,
    )
  ).rows

const columnsOf = async (view: string) =>
  (
    await database.pool.query(
      `select column_name from information_schema.columns where table_schema = 'accounting' and table_name = $1
       order by ordinal_position`,
      [view],
    )
  ).rows.map(({ column_name }) => column_name)

it('views are made once, by however many start at once, and left alone until their definition changes', async () => {
  await Promise.all([refresh(), refresh(), refresh()])
  expect(await columnsOf('daily_sales')).toEqual([
    'account',
    ...reportOf('daily-sales').columns.map(({ name }) => name),
  ])
  const before = await idsOf()
  expect(before).toHaveLength(REPORTS.length)
  await refresh()
  expect(await idsOf()).toEqual(before)

  const { columns, ...mismatches } = reportOf('mismatches')
  const changed = { ...mismatches, columns: columns.slice(1) }
  await refresh([changed])
  expect(await columnsOf('mismatches')).toEqual(['account', ...columns.slice(1).map(({ name }) => name)])
  await refresh()
  expect(await columnsOf('mismatches')).toEqual(['account', ...columns.map(({ name }) => name)])

  await database.pool.query('create view public.report_of_mine as select * from accounting.mismatches')
  await expect(refresh([changed])).rejects.toThrow(/accounting.mismatches has to be made anew.*report_of_mine/)
  // Nothing was half done, and the lock was given back.
  expect(await columnsOf('mismatches')).toEqual(['account', ...columns.map(({ name }) => name)])
})

it('an older version leaves the views of a newer one alone', async () => {
  await database.pool.query(
    `insert into recon_migrations.__drizzle_migrations (hash, created_at) values ('newer', 99999999999999)`,
  )
  const before = await idsOf()
  await refresh([{ ...reportOf('settlement'), rowIs: 'what an older version thinks' }])
  expect(await idsOf()).toEqual(before)
})
