import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openMigrated } from '../../src/cli/open-database.ts'
import { waitUntilQuiet } from '../../src/cli/settle-down.ts'
import { openSoleRuntime } from '../../src/cli/sole-runtime.ts'
import { readConfig } from '../../src/config.ts'
import { actOnMismatches } from '../../src/db/mismatches/act.ts'
import { listOpenMismatches } from '../../src/db/mismatches.ts'
import { forgetOld } from '../../src/db/retention.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { createLog } from '../../src/log.ts'
import { openShop, readableTotals } from '../kills/shop.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database.ts'

const textOf = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
const PASSWORD = 'for-this-test-only'
const ROLES = ['tieout_owner', 'tieout_writer', 'tieout_reader'] as const
const silent = createLog({ level: 'silent', isPretty: false })

let database: TestDatabase
let shop: Awaited<ReturnType<typeof openShop>>

const urlOf = (role: (typeof ROLES)[number]): string => {
  const url = new URL(database.url)
  url.username = role
  url.password = PASSWORD
  return url.href
}
async function as(role: (typeof ROLES)[number], statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: urlOf(role) })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}
const refusal = async (role: (typeof ROLES)[number], statement: string): Promise<string> =>
  as(role, statement).then(
    () => `${role} may: ${statement}`,
    (error: unknown) => String((error as { code?: string }).code),
  )
const DENIED = '42501'

beforeAll(async () => {
  database = await createTestDatabase()
  const billing = { subscriptions: 10, signUpsPerDay: 1, invoicesPerDay: 2 }
  shop = await openShop({ seed: 3, historyDays: 5, salesPerDay: 12, pageSizeMax: 1_000, serviceTimeMs: 0, billing })
  const migrated = await openMigrated(readConfig({ DATABASE_URL: database.url }), silent)
  await migrated.close()
  // Twice, as after an upgrade.
  for (let round = 0; round < 2; round += 1) await database.rows(textOf('deploy/roles.sql'))
  for (const role of ROLES) await database.rows(`alter role ${role} password '${PASSWORD}'`)
})

afterAll(async () => {
  await shop.sandbox.close()
  await database.drop()
  const server = await createTestDatabase()
  for (const role of ROLES) await server.rows(`drop role ${role}`)
  await server.drop()
})

describe('the writer', () => {
  test('does all of the daemon’s work: reads, judges, decides, and forgets its own logs', async () => {
    const config = readConfig({ ...shop.env, DATABASE_URL: urlOf('tieout_writer') })
    const runtime = await openSoleRuntime(config, { log: silent })
    try {
      const { db, account, clock } = runtime.services
      const { accountId } = account
      runtime.work({ onDead: () => {} })
      await runtime.schedule()
      await runtime.askForMissing('test')
      expect(await waitUntilQuiet(runtime, { signal: AbortSignal.timeout(40_000) })).toBe(true)
      const totals = await database.rows(`select count(*) as rows, count(distinct transaction_id) as ids,
        sum(amount_minor) as minor from helcim.card_transactions`)
      expect(totals).toEqual([readableTotals(shop.sandbox)])
      const [mismatch] = await listOpenMismatches(db, accountId)
      const prefixes = [mismatch?.mismatchId ?? '']
      const action = { kind: 'acknowledge' } as const
      await actOnMismatches(db, { accountId, prefixes, action, actor: 'ann', note: null, now: clock.now() })
      const { countDeleted } = await forgetOld(db, accountId, toInstant(clock.now() + 500 * 86_400_000))
      expect(countDeleted).toBeGreaterThan(0)
    } finally {
      await runtime.close({ deadlineMs: 5_000 })
    }
  })

  test('deletes from just the tables that docs/security.md names, and changes no history', async () => {
    const rows = await database.rows(`
      select n.nspname || '.' || c.relname as name, has_table_privilege('tieout_writer', c.oid, 'delete') as is_deletable,
        has_table_privilege('tieout_writer', c.oid, 'update') as is_changeable,
        has_table_privilege('tieout_writer', c.oid, 'truncate') as is_emptied
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('helcim', 'recon') and c.relkind = 'r' order by 1`)
    const named = (heading: string) =>
      [...(textOf('docs/security.md').split(heading)[1]?.split('\n\n')[1] ?? '').matchAll(/`([a-z_]+\.[a-z_]+)`/g)]
        .map(([, name]) => name)
        .sort()
    expect(rows.length).toBeGreaterThan(20)
    expect(rows.filter((row) => row.is_deletable).map(({ name }) => name)).toEqual(named('The writer deletes from'))
    expect(rows.filter((row) => !row.is_changeable).map(({ name }) => name)).toEqual(named('never changed'))
    expect(rows.filter((row) => row.is_emptied)).toEqual([])
  })

  test.each([
    'drop table helcim.card_transactions',
    'alter table helcim.card_transactions drop column amount_minor',
    'create table recon.mine (id int)',
    'create schema mine',
    'create index on helcim.card_transactions (amount_minor)',
    'delete from helcim.card_transactions',
    'delete from helcim.record_versions',
    'delete from recon.mismatches',
    'delete from recon.mismatch_events',
    'update recon.mismatch_events set note = null',
    'truncate recon.calls',
    'drop view accounting.transactions',
    'insert into recon_migrations.__drizzle_migrations (hash, created_at) values (1, 1)',
    'set role tieout_owner',
  ])('may not: %s', async (statement) => {
    expect(await refusal('tieout_writer', statement)).toBe(DENIED)
  })
})

describe('the reader', () => {
  test('sees every view of the books, and no card token in any', async () => {
    const views = await as(
      'tieout_reader',
      `select table_name as name from information_schema.views where table_schema = 'accounting'`,
    )
    expect(views.length).toBeGreaterThanOrEqual(5)
    const [sales] = await as('tieout_reader', 'select count(*) as count from accounting.transactions')
    expect(Number(sales?.count)).toBeGreaterThan(10)
    const columns = await as(
      'tieout_reader',
      `select column_name as name from information_schema.columns
      where table_schema = 'accounting' and column_name ~ 'token|raw'`,
    )
    expect(columns).toEqual([])
    const tokens = await database.rows(
      `select card_token from helcim.card_transactions where card_token is not null limit 20`,
    )
    expect(tokens.length).toBeGreaterThan(0)
    for (const { name } of views) {
      const found = await as('tieout_reader', `select string_agg(v::text, ' ') as text from accounting.${name} v`)
      for (const { card_token: token } of tokens) expect(String(found[0]?.text)).not.toContain(String(token))
    }
  })

  test.each([
    'select card_token from helcim.card_transactions',
    'select 1 from helcim.record_versions',
    'select 1 from recon.accounts',
    'select 1 from bullmq.job',
    "update recon.mismatches set state = 'resolved'",
    'delete from helcim.card_transactions',
    'create schema mine',
    'set role tieout_writer',
  ])('may not: %s', async (statement) => {
    expect(await refusal('tieout_reader', statement)).toBe(DENIED)
  })
})

test('the owner migrates, and what it makes is open to the others as far as it should be', async () => {
  const migrated = await openMigrated(readConfig({ DATABASE_URL: urlOf('tieout_owner') }), silent)
  await migrated.close()
  await as('tieout_owner', 'create table recon.later (id int)')
  await as('tieout_writer', 'insert into recon.later values (1)')
  expect(await refusal('tieout_writer', 'delete from recon.later')).toBe(DENIED)
  expect(await refusal('tieout_reader', 'select 1 from recon.later')).toBe(DENIED)
})

test('before the first migration the script says what to do, and changes nothing', async () => {
  const empty = await createEmptyDatabase()
  await expect(empty.rows(textOf('deploy/roles.sql'))).rejects.toThrow('run "tieout migrate" on this database first')
  await empty.drop()
})
