import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runStatus } from '../../src/cli/status.ts'
import { runSync } from '../../src/cli/sync.ts'
import { readConfig } from '../../src/config.ts'
import { listUnprovedDays } from '../../src/db/coverage.ts'
import { countMissingDays } from '../../src/db/figures.ts'
import { addDays } from '../../src/domain/calendar.ts'
import { helcimDate } from '../../src/domain/helcim-time.ts'
import { printed } from '../support/printed.ts'
import { DAY_MS, FIRST_DAY, LAST_DAY, openWeek, type Week } from './week.ts'

const HOUR_MS = 3_600_000
/** The last day was read in its early afternoon. */
const MIDNIGHT_MS = 10 * HOUR_MS

let week: Awaited<ReturnType<typeof openWeek>>
beforeEach(async () => {
  week = await openWeek({ scenario: { salesPerDay: 2 } })
})
afterEach(() => week?.close())

describe('a day that was read while it lasted, and not since', () => {
  it('is read again once by the daemon that was away longer than its nights reach back, and is no day that was read until then', async () => {
    week.clock.advance(9 * DAY_MS)
    expect(await daysLine(week)).toBe('days not read completely: 2026-10-14 to 2026-10-22')
    expect(await metricOfMissing(week)).toBe(9)
    // Nothing was asked for in vain, which alone is a mismatch.
    await week.reconcileFully()
    expect(await incompleteDays(week)).toEqual([])

    await week.comesDue('recent')
    expect(await unproved(week)).toEqual([])
    expect(await daysLine(week)).toBe(`days: every day from ${FIRST_DAY} to 2026-10-22 was read completely`)
    expect(await readings(week, LAST_DAY)).toBe(2)

    week.clock.advance(HOUR_MS)
    await week.comesDue('recent')
    expect(await readings(week, LAST_DAY)).toBe(2)
  })

  it('is left to the night that reads it in any case, and is told all the same', async () => {
    week.clock.advance(5 * DAY_MS)
    await week.comesDue('recent')
    expect(await readings(week, LAST_DAY)).toBe(1)
    expect(await daysLine(week)).toBe(`days not read completely: ${LAST_DAY}`)
    expect(await metricOfMissing(week)).toBe(1)
    await week.comesDue('week')
    expect(await readings(week, LAST_DAY)).toBe(2)
    expect(await daysLine(week)).toBe(`days: every day from ${FIRST_DAY} to 2026-10-18 was read completely`)
  })

  it('costs no call beside the hourly reading where it ended a moment ago, and is not called read until then', async () => {
    week.clock.advance(MIDNIGHT_MS + 5 * 60_000)
    expect(await daysLine(week)).toBe(`days: every day from ${FIRST_DAY} to 2026-10-13 was read completely`)
    await week.comesDue('recent')
    const asked = await week.query(`select subject, call_class from recon.pulls
      where window_kind = 'days' and resource = 'card_transaction' and cause like 'due recent %' order by pull_id`)
    // Today was never read before, which is asked for as history; the day before is among the three days alone.
    expect(asked).toEqual([
      { subject: '2026-10-15..2026-10-15', call_class: 'backfill' },
      { subject: '2026-10-13..2026-10-15', call_class: 'detail' },
    ])
    expect(await daysLine(week)).toBe(`days: every day from ${FIRST_DAY} to ${LAST_DAY} was read completely`)
  })

  it('is told two hours after its end where nothing reads it', async () => {
    week.clock.advance(MIDNIGHT_MS + 3 * HOUR_MS)
    expect(await daysLine(week)).toBe(`days not read completely: ${LAST_DAY}`)
  })

  it('is read again once by "sync", which no other reading follows', async () => {
    week.clock.advance(DAY_MS)
    for (const expected of [2, 2]) {
      expect(await synced(week)).toBe(0)
      expect(await readings(week, LAST_DAY)).toBe(expected)
    }
    expect(await unproved(week)).toEqual([])
    // The day of that "sync" is read by the one of the next day.
    week.clock.advance(DAY_MS)
    expect(await daysLine(week)).toBe('days not read completely: 2026-10-15')
    expect(await synced(week)).toBe(0)
    expect(await unproved(week)).toEqual([])
  })
})

const configOf = ({ runtime, sandbox, clock }: Week) =>
  readConfig({
    DATABASE_URL: runtime.database.url,
    HELCIM_BASE_URL: sandbox.url,
    HELCIM_API_TOKEN: sandbox.token,
    HELCIM_LIMITS: 'concurrent=5,minute=100000,hour=1000000',
    TIEOUT_CLOCK: `${new Date(clock.now()).toISOString()}@1`,
    TIEOUT_HISTORY_DAYS: '9',
    LOG_LEVEL: 'silent',
  })

async function daysLine(on: Week): Promise<string | undefined> {
  const lines = (await printed(() => runStatus(configOf(on), {}))).split('\n').map((line) => line.trim())
  return lines.find((line) => line.startsWith('days'))
}

async function synced(on: Week): Promise<number> {
  let code = -1
  await printed(async () => {
    code = await runSync(configOf(on), { resource: ['card_transaction'] }, AbortSignal.timeout(60_000))
  })
  return code
}

async function metricOfMissing({ runtime, clock }: Week): Promise<number> {
  const { db, account } = runtime.services
  const { accountId, historyFrom } = account
  const now = clock.now()
  return countMissingDays(db, { accountId, history: { from: historyFrom, to: addDays(helcimDate(now), -1) }, now })
}

/** Days that exports call unproved. */
function unproved({ runtime, clock }: Week) {
  const { db, account } = runtime.services
  const { accountId, historyFrom: from } = account
  const to = addDays(helcimDate(clock.now()), -1)
  return listUnprovedDays(db, { accountId, resource: 'card_transaction', from, to })
}

async function incompleteDays({ query }: Week): Promise<string[]> {
  const rows = await query(`select period from recon.mismatches where code = 'pull_incomplete' and state <> 'resolved'
    and subject_id = 'card_transaction' order by period`)
  return rows.map(({ period }) => String(period))
}

/** How many readings of a day came to their end. */
async function readings({ query }: Week, day: string): Promise<number> {
  const [row] = await query(`select count(*)::int as count from recon.pulls where resource = 'card_transaction'
    and window_kind = 'days' and state = 'complete' and '${day}' between from_date and to_date`)
  return Number(row?.count)
}
