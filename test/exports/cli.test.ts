import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../kills/cli-process.ts'
import { createDatabase, type TestDatabase } from '../mismatches/support.ts'
import { fillHistory } from './history.ts'
import { withFolder } from './support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createDatabase()
  const { accountId } = await database.openBooks('default')
  await fillHistory(database, accountId, 200)
})

afterAll(() => database.drop())

const run = (...args: string[]) => runCli(args, { env: { DATABASE_URL: database.url } })

describe.concurrent('bad input is one line and exit 2', () => {
  it.each([
    [['export', 'profit', '--period', '2026-10'], /^there is no report "profit"; choose from transactions, /],
    [['export', 'all'], /^say which days: --period 2026-10, or --from/],
    [['export', 'all', '--period', '2026-13'], /^--period: "2026-13" is no month like 2026-10/],
    [['export', 'all', '--from', '2026-10-09', '--to', '2026-10-08'], /^--from 2026-10-09 is after --to 2026-10-08/],
    [['export', 'all', '--from', '2026-02-30', '--to', '2026-03-01'], /^--from: "2026-02-30" is not a date/],
    [['export', 'all', '--period', '2026-10', '--format', 'xlsx'], /^--format: "xlsx" is none of csv, jsonl/],
    [
      ['export', 'all', '--period', '2026-10', '--out', '/dev/null/x'],
      /^--out: cannot write into \/dev\/null\/x \(\w+\)/,
    ],
    [['export', 'verify', '/nowhere'], /^\/nowhere: cannot be read \(ENOENT\)/],
  ])('%j', async (args, words) => {
    const { code, stderr, stdout } = await run(...args)
    expect({ code, stdout, lines: stderr.trim().split('\n').length }, stderr).toEqual({ code: 2, stdout: '', lines: 1 })
    expect(stderr).toMatch(words)
  })
})

it('export says what it wrote and what is missing, and verify judges it', async () => {
  await withFolder(async (folder) => {
    const written = await run('export', 'all', '--period', '2026-10', '--out', folder)
    expect(written.code, written.stderr).toBe(0)
    expect(written.stdout).toMatch(
      /transactions-2026-10\.csv {2}200 rows, 2026-10-01 to 2026-10-31 \(America\/Edmonton\)\n/,
    )
    expect(written.stdout).toMatch(/ {4}CAD {2}amount 2199\.00 · signed_amount 2199\.00\n/)
    expect(written.stderr).toMatch(
      /NOT COMPLETE transactions-2026-10\.csv: days not read completely after they were over: 2026-10-01 to 2026-1[01]-\d\d/,
    )
    expect((await readdir(folder)).length).toBe(20)
    const strict = await run(
      'export',
      'transactions',
      '--period',
      '2026-10',
      '--out',
      folder,
      '--require-complete',
      '--json',
    )
    expect(strict.code).toBe(1)
    expect(JSON.parse(strict.stdout)).toMatchObject([
      { path: join(folder, 'transactions-2026-10.csv'), isComplete: false },
    ])
    expect(await run('export', 'verify', folder)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('10 files'),
    })
    await database.pool.query(
      'update helcim.card_transactions set amount_minor = amount_minor + 1 where transaction_id = 1001',
    )
    await run('export', 'transactions', '--period', '2026-10', '--out', folder)
    const differing = await run('export', 'verify', folder)
    expect(differing.code).toBe(1)
    expect(differing.stdout).toMatch(
      /✗ transactions-2026-10\.csv: 2026-10-02 CAD VI net is \d+\.\d\d, in daily-sales-2026-10\.csv \d+\.\d\d/,
    )
  })
})
