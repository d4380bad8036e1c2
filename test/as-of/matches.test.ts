import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureAccount } from '../../src/db/accounts.ts'
import { type CheckedCustomer, storeRecurringChecks } from '../../src/db/recurring-checks.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { type Instant, toInstant } from '../../src/domain/clock.ts'
import { reportOf } from '../../src/exports/reports.ts'
import { writeExports } from '../../src/exports/write.ts'
import { readCsv, withFolder } from '../exports/support.ts'
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'

const BEGAN = toInstant(Date.parse('2026-10-01T12:00:00Z'))
const after = (minutes: number): Instant => toInstant(BEGAN + minutes * 60_000)
const DAY = toBusinessDate('2026-10-05')

let database: MigratedDatabase
let accountId: number

beforeAll(async () => {
  database = await createMigratedDatabase()
  const account = await ensureAccount(database.db, {
    name: 'default',
    baseUrl: 'http://127.0.0.1:1/v2',
    tokenFingerprint: 'none',
    today: DAY,
    historyDays: 30,
    now: BEGAN,
  })
  accountId = account.accountId
  for (const id of [1, 2, 3]) {
    await database.db.execute(sql`
      insert into helcim.card_transactions (account_id, transaction_id, created_at, created_at_text, created_on, status,
        outcome, type, amount_minor, currency, raw, content_hash, observed_at, first_seen_at)
      values (${accountId}, ${id}, '2026-10-05T18:00:00Z', '', ${DAY}, 'APPROVED', 'approved', 'purchase', 1000, 'CAD', '{}',
        '00000000-0000-0000-0000-000000000000', ${new Date(BEGAN).toISOString()}, ${new Date(BEGAN).toISOString()})`)
  }
})

afterAll(() => database.drop())

type Match = CheckedCustomer['matches'][number]

const match = (transactionId: number, paymentNumber: number, rule: Match['rule'] = 'amount_and_time'): Match => ({
  expectation: {
    subscriptionId: 77n,
    paymentNumber,
    window: { from: BEGAN, until: after(60) },
  } as Match['expectation'],
  charge: { via: 'card', transactionId: BigInt(transactionId), amountMinor: 1000n, currency: 'CAD' } as Match['charge'],
  rule,
  confidence: 'high',
  isInterchangeable: false,
})

const judge = (minutes: number, matches: readonly Match[]) =>
  storeRecurringChecks(database.db, {
    accountId,
    checked: [{ customerCode: 'CST1', dueAt: null, matches }],
    now: after(minutes),
  })

/** `transaction payment rule` of each row. */
async function matchesIn(asOf?: Instant): Promise<string[]> {
  let rows: string[] = []
  await withFolder(async (directory) => {
    const request = { accountId, period: { from: DAY, to: DAY }, reports: [reportOf('transactions')], directory }
    const now = after(1_000)
    const [file] = await writeExports(
      database.pool,
      { ...request, format: 'csv' },
      asOf === undefined ? {} : { asOf: { at: asOf, now } },
    )
    rows = (await readCsv(file?.path ?? '')).map((row) =>
      [row.transaction_id, row.subscription_id, row.payment_number, row.match_rule].filter(Boolean).join(' '),
    )
  })
  return rows
}

test('a transaction shows the payment it was matched with, and as of an earlier time the one of then', async () => {
  const seen: { at: Instant; rows: string[] }[] = [{ at: after(5), rows: await matchesIn() }]
  const steps: (readonly Match[])[] = [
    [match(1, 1), match(2, 2)],
    // One moves to another payment, one goes, one comes.
    [match(1, 3), match(3, 2, 'declined_try')],
    [match(1, 3), match(3, 2, 'declined_try')],
    [match(1, 1), match(2, 2)],
    [],
  ]
  for (const [index, matches] of steps.entries()) {
    await judge(10 * (index + 1), matches)
    seen.push({ at: after(10 * (index + 1) + 5), rows: await matchesIn() })
  }
  expect(seen.map(({ rows }) => rows)).toEqual([
    ['1', '2', '3'],
    ['1 77 1 amount_and_time', '2 77 2 amount_and_time', '3'],
    ['1 77 3 amount_and_time', '2', '3 77 2 declined_try'],
    ['1 77 3 amount_and_time', '2', '3 77 2 declined_try'],
    ['1 77 1 amount_and_time', '2 77 2 amount_and_time', '3'],
    ['1', '2', '3'],
  ])
  for (const { at, rows } of seen) expect(await matchesIn(at)).toEqual(rows)
  // What did not change left no former state.
  const { rows } = await database.db.execute<{ count: string }>(sql`select count(*) from recon.match_versions`)
  expect(Number(rows[0]?.count)).toBe(2 + 2 + 2)
})

test('of a time from which former matches were not kept, none is shown', async () => {
  await judge(200, [match(1, 1)])
  expect((await matchesIn(after(205)))[0]).toBe('1 77 1 amount_and_time')
  await database.db.execute(sql`
    update recon.accounts set match_versions_since = ${new Date(after(206)).toISOString()} where account_id = ${accountId}`)
  expect(await matchesIn(after(205))).toEqual(['1', '2', '3'])
  expect((await matchesIn(after(207)))[0]).toBe('1 77 1 amount_and_time')
})
