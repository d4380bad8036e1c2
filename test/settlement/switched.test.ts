import { expect, onTestFinished, test } from 'vitest'
import { readAccounts } from '../../src/accounts-file.ts'
import { openRuntime } from '../../src/cli/runtime.ts'
import { readConfig } from '../../src/config.ts'
import { createLog } from '../../src/log.ts'
import { createHandClock } from '../schedule/support.ts'
import { createTestDatabase } from '../support/database.ts'

const HOUR_MS = 3_600_000

test('switched on, from a dry run or by another cron, a daemon begins with the next cut-off; what it was away for it makes up', async () => {
  const database = await createTestDatabase()
  onTestFinished(() => database.drop())
  const clock = createHandClock('2026-06-01T08:00:00Z')
  /** Starts a daemon with these settings and stops it; what it planned to settle until then. */
  const startWith = async (settings: Record<string, string>) => {
    const config = readConfig({
      DATABASE_URL: database.url,
      HELCIM_API_TOKEN: 'none',
      HELCIM_BASE_URL: 'http://127.0.0.1:1/v2',
      TIEOUT_TIMEZONE: 'UTC',
      SETTLE_MODE: 'on',
      SETTLE_CRON: '30 16 * * *',
      ...settings,
    })
    const runtime = await openRuntime(config, { log: createLog({ level: 'silent', isPretty: false }), clock })
    try {
      const [account] = readAccounts(config)
      if (account === undefined) throw new Error('the settings name no account')
      await (await runtime.add(account)).schedule()
    } finally {
      await runtime.close({ deadlineMs: 1_000 })
    }
    return plannedHours()
  }
  const plannedHours = async () => {
    const rows = await database.rows(`select to_char(planned_at at time zone 'UTC', 'DD"T"HH24:MI') as hour, reason
      from recon.due_work where kind = 'settle' order by planned_at`)
    return rows.map(({ hour, reason }) => `${hour} ${reason ?? 'due'}`)
  }

  expect(await startWith({})).toEqual([])
  clock.move(9 * HOUR_MS)
  const first = '01T16:30'
  expect(await startWith({})).toEqual([`${first} due`])
  // Of what waited, nothing is left once it is off.
  expect(await startWith({ SETTLE_MODE: 'off' })).toEqual([`${first} it was switched off`])
  clock.move(24 * HOUR_MS)
  const off = `${first} it was switched off`
  expect(await startWith({})).toEqual([off])
  clock.move(24 * HOUR_MS)
  expect(await startWith({})).toEqual([off, '03T16:30 due'])
  const changed = '03T16:30 its schedule was changed after it'
  expect(await startWith({ SETTLE_CRON: '30 9 * * *' })).toEqual([off, changed])
  expect(await startWith({ SETTLE_CRON: '30 16 * * *', TIEOUT_TIMEZONE: 'America/Edmonton' })).toEqual([off, changed])
  clock.move(24 * HOUR_MS)
  expect(await startWith({ SETTLE_MODE: 'dry-run' })).toEqual([off, changed])
  clock.move(24 * HOUR_MS)
  expect(await startWith({})).toEqual([off, changed])
  expect(clock.now()).toBe(Date.parse('2026-06-05T17:00:00Z'))
})
