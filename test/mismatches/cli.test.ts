import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { withFolder } from '../exports/support.ts'
import { runCli } from '../kills/cli-process.ts'
import { createDatabase, START, type TestDatabase, totalDiffers } from './support.ts'

let database: TestDatabase
/** Of account `north`. */
let id: string

beforeAll(async () => {
  database = await createDatabase()
  const north = await database.openBooks('north')
  const south = await database.openBooks('south')
  await north.run([totalDiffers(1, 9_000)])
  await south.run([totalDiffers(2, 8_000)])
  id = (await north.only()).mismatchId
})

afterAll(() => database.drop())

const run = (...args: string[]) =>
  runCli(args, {
    env: {
      DATABASE_URL: database.url,
      HELCIM_BASE_URL: 'http://127.0.0.1:1/v2',
      TIEOUT_CLOCK: `${new Date(START).toISOString()}@1`,
    },
  })

describe('options after a verb are its own, where several accounts are in one database', () => {
  const until = '2030-01-01T00:00:00Z'
  it.each([
    [['mismatches', '--json', '--account', 'north']],
    [['mismatches', 'show', 'ID', '--json', '--account', 'north']],
    [['mismatches', 'acknowledge', 'ID', '--account', 'north']],
    [['mismatches', 'assign', 'ID', '--to', 'ann', '--account', 'north']],
    [['mismatches', 'note', 'ID', '--note', 'seen', '--account', 'north']],
    [['mismatches', 'resolve', 'ID', '--as', 'accepted', '--note', 'a test', '--account', 'north']],
    [['mismatches', 'reopen', 'ID', '--note', 'a test', '--account', 'north']],
    [['silence', 'add', '--code', 'record_changed', '--until', until, '--reason', 'a test', '--account', 'north']],
    [['silence', '--json', '--account', 'north']],
    [['silence', 'end', '1', '--account', 'north']],
  ])('%j', async (words) => {
    const end = await run(...words.map((word) => (word === 'ID' ? id : word)))
    expect({ code: end.code, stderr: end.stderr }).toEqual({ code: 0, stderr: '' })
    if (words.includes('--json')) expect(() => JSON.parse(end.stdout)).not.toThrow()
  })

  it('and without the account it says which there are', async () => {
    const end = await run('mismatches', 'show', id, '--json')
    expect({ code: end.code, stdout: end.stdout }).toEqual({ code: 2, stdout: '' })
    expect(end.stderr).toBe('--account: this database holds north, south; name one of them\n')
    expect((await run('mismatches', 'show', id, '--account', 'nosuch')).code).toBe(2)
  })

  it('verify prints JSON when that is asked for', async () => {
    await withFolder(async (folder) => {
      const written = await run('export', 'mismatches', '--period', '2026-10', '--out', folder, '--account', 'north')
      expect(written.code, written.stderr).toBe(0)
      const verified = await run('export', 'verify', folder, '--json')
      expect(JSON.parse(verified.stdout)).toMatchObject({ differences: [] })
    })
  })
})
