import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fillHistory } from '../exports/history.ts'
import { withFolder } from '../exports/support.ts'
import { runCli } from '../kills/cli-process.ts'
import { createDatabase, type TestDatabase } from '../mismatches/support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createDatabase()
  const { accountId } = await database.openBooks('default')
  await fillHistory(database, accountId, 200)
  await database.pool.query(`update recon.accounts set created_at = '2026-10-30', versions_since = '2026-10-30'`)
})

afterAll(() => database.drop())

/** With a clock of the second of November; a simulated one is for Helcim on this machine. */
const run = (...args: string[]) =>
  runCli(args, {
    env: {
      DATABASE_URL: database.url,
      HELCIM_BASE_URL: 'http://127.0.0.1:1/v2',
      TIEOUT_CLOCK: '2030-11-02T17:00:00Z@1',
    },
  })

it('a month is closed, handed out and reopened by command, with one line for each slip', async () => {
  await withFolder(async (folder) => {
    const slips: readonly (readonly [string[], number, RegExp])[] = [
      [['close', '2026-10', '--force'], 2, /^--reason: say why it is closed although something is missing$/],
      [['export', '2026-10'], 1, /^2026-10 was never closed: see "tieout period list"$/],
    ]
    await Promise.all(
      slips.map(async ([args, code, words]) => {
        const end = await run('period', ...args)
        expect({ code: end.code, stdout: end.stdout }, end.stderr).toEqual({ code, stdout: '' })
        expect(end.stderr.trim()).toMatch(words)
      }),
    )
    const lacking = await run('period', 'close', '2026-10')
    expect(lacking.code, lacking.stderr).toBe(1)
    expect(lacking.stdout).toMatch(/✗ days not read completely after they were over: 2026-10-01 to/)
    expect(lacking.stdout).toMatch(/✗ the list of card batches was not read since the period ended/)
    const forced = await run('period', 'close', '2026-10', '--force', '--reason', 'a test', '--by', 'ann')
    expect(forced.code, forced.stderr).toBe(0)
    expect(forced.stdout).toMatch(/✓ 2026-10 is closed as revision 1: 32 files, SHA-256/)
    expect(forced.stderr).toMatch(/MISSING the list of card batches/)
    const handed = await run('export', 'certificate', '--period', '2026-10', '--out', folder)
    expect(handed.code, handed.stderr).toBe(0)
    expect(await readFile(join(folder, 'certificate-2026-10.txt'), 'utf8')).toMatch(/^BY FORCE {5}a test$/m)
    expect((await run('period', 'reopen', '2026-10', '--reason', 'wrong', '--by', 'ben')).code).toBe(0)
    const listed = JSON.parse((await run('period', 'list', '--json')).stdout)
    expect(listed.find(({ month }: { month: string }) => month === '2026-10')).toMatchObject({
      state: 'reopened',
      revision: 1,
      revisions: [{ revision: 1, closedBy: 'ann', forcedReason: 'a test' }],
      events: [
        { kind: 'closed', actor: 'ann', reason: 'a test' },
        { kind: 'reopened', actor: 'ben', reason: 'wrong' },
      ],
    })
  })
})
