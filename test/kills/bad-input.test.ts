import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { type CliEnd, runCli } from './cli-process.ts'
import { openShop } from './shop.ts'

const folder = mkdtempSync(join(tmpdir(), 'tieout-bad-input-'))
// A file in the place of a folder cannot be written into, not even by root.
const notAFolder = join(folder, 'file')
writeFileSync(notAFolder, '')
const taken = createServer().listen(0, '127.0.0.1')
let takenPort = 0
let database: TestDatabase
let shop: { sandbox: Sandbox; env: Record<string, string> }

beforeAll(async () => {
  if (!taken.listening) await once(taken, 'listening')
  const address = taken.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  takenPort = address.port
  database = await createTestDatabase()
  shop = await openShop({ seed: 5, historyDays: 5, salesPerDay: 5, pageSizeMax: 1000, serviceTimeMs: 1 })
})

afterAll(async () => {
  taken.close()
  await shop.sandbox.close()
  await database.drop()
  rmSync(folder, { recursive: true })
})

interface Case {
  readonly title: string
  readonly args: readonly string[]
  readonly env: () => Record<string, string>
  readonly code: number
  readonly says: RegExp
}

const CASES: readonly Case[] = [
  {
    title: 'an unknown option',
    args: ['sync', '--fast'],
    env: () => ({}),
    code: 2,
    says: /unknown option '--fast'/,
  },
  { title: 'an unknown command', args: ['sink'], env: () => ({}), code: 2, says: /unknown command 'sink'/ },
  {
    title: 'a date that is none',
    args: ['sync', '--from', 'yesterday'],
    env: () => ({ HELCIM_API_TOKEN: 'x' }),
    code: 2,
    says: /^--from: "yesterday" is not a date/,
  },
  {
    title: 'a first day of the sandbox that is none',
    args: ['sandbox', '--port', '0', '--from', 'tomorrow'],
    env: () => ({}),
    code: 2,
    says: /^--from: "tomorrow" is not a date/,
  },
  {
    title: 'a variable that cannot be read',
    args: ['start'],
    env: () => ({ HELCIM_API_TOKEN: 'x', TIEOUT_TIMEZONE: 'Mars/Olympus' }),
    code: 2,
    says: /^TIEOUT_TIMEZONE: /,
  },
  { title: 'no token', args: ['start'], env: () => ({}), code: 2, says: /^HELCIM_API_TOKEN: set it to / },
  {
    title: 'a database that cannot be reached',
    args: ['start'],
    env: () => ({ HELCIM_API_TOKEN: 'x', DATABASE_URL: `postgres://me:hunter2@127.0.0.1:1/none` }),
    code: 1,
    says: /^DATABASE_URL: cannot use PostgreSQL at 127\.0\.0\.1:1\/none: .*ECONNREFUSED/,
  },
  {
    title: 'a port that is in use',
    args: ['sandbox', '--port', 'TAKEN'],
    env: () => ({}),
    code: 1,
    says: /^--port: port \d+ is in use/,
  },
  {
    title: 'a data folder that cannot be written',
    args: ['status'],
    env: () => ({ TIEOUT_DATA_DIR: join(notAFolder, 'data') }),
    code: 2,
    says: /^The data directory .* can't be used, .*: set TIEOUT_DATA_DIR to another directory/,
  },
]

test.each(CASES)('$title: one clear line and exit code $code', async ({ args, env, code, says }) => {
  const words = args.map((word) => (word === 'TAKEN' ? String(takenPort) : word))
  const end = await runCli(words, { env: env(), cwd: folder })
  expect(end.code).toBe(code)
  expect(end.stderr).toMatch(says)
  expectNoNoise(end)
})

test('a wrong token: sync exits 1 and says that Helcim does not accept it', async () => {
  const wrong = { ...shop.env, HELCIM_API_TOKEN: 'not-the-token', DATABASE_URL: database.url }
  const end = await runCli(['sync'], { env: wrong, cwd: folder })
  expect(end.code).toBe(1)
  expect(`${end.stdout}${end.stderr}`).toMatch(/Helcim does not accept the token/)
  expectNoNoise(end)
  expect(`${end.stdout}${end.stderr}`).not.toContain('not-the-token')
  // Dead credentials are not hammered: the account stops after the third refusal.
  expect(shop.sandbox.calls().length).toBeLessThanOrEqual(5)

  // Nothing is lost by it: with the right token the same database works.
  const right = await runCli(['sync'], { env: { ...shop.env, DATABASE_URL: database.url }, cwd: folder })
  expect(right, right.stderr).toMatchObject({ code: 0 })
})

function expectNoNoise({ stdout, stderr }: CliEnd) {
  expect(`${stdout}${stderr}`).not.toMatch(/^ {4}at /m)
  expect(`${stdout}${stderr}`).not.toContain('hunter2')
  // What was meant, perhaps, and where to look may follow the line.
  const hints = stderr.trim().split('\n').slice(1).filter(Boolean)
  expect(hints.filter((line) => !/^\(.*\)$/.test(line))).toEqual([])
}
