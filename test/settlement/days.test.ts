import { expect, test } from 'vitest'
import { READ_ONLY_PERMISSIONS } from '../../src/sandbox/tokens.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { createJumpingClock } from '../days/jumping-clock.ts'
import { type Look, withRuntime } from '../days/support.ts'
import { until } from '../kills/cli-process.ts'

/** Far from Mountain Time, and with a half hour: 20:00 there is 16:30 where Helcim closes at 17:00. */
const ZONE = 'America/St_Johns'
const zone = createZone('America/Edmonton')
/** Clocks go back on Sunday the 1st, between two months. */
const DAYS = ['2026-10-29', '2026-10-30', '2026-10-31', '2026-11-01', '2026-11-02', '2026-11-03']
const SUNDAY = '2026-11-01'
const REST_MS_MAX = 60_000

test('a daemon settles each batch once per business date, leaves a day off to Helcim, by a token of its own (fault 11)', async () => {
  const startsAt = zone.at('2026-10-29', '09:00')
  const clock = createJumpingClock(startsAt)
  await withRuntime(
    {
      seed: 3,
      now: new Date(startsAt).toISOString(),
      historyDays: 3,
      scenario: { startsOn: '2026-10-27', customers: 20, salesPerDay: 12 },
      clock,
      tokens: [
        { token: 'reads', name: 'reader', permissions: READ_ONLY_PERMISSIONS },
        { token: 'settles', name: 'settler' },
      ],
      env: {
        TIEOUT_TIMEZONE: ZONE,
        HELCIM_SETTLE_API_TOKEN: 'settles',
        SETTLE_MODE: 'on',
        SETTLE_CRON: '0 20 * * *',
        SETTLE_DAYS_OFF: 'sun',
        // A day may have more refunds than sales.
        SETTLE_NET_MIN: '-100000',
      },
    },
    async (look) => {
      const { runtime, sandbox, query } = look
      await look.pullMissing()
      await runtime.schedule()
      const openAt = new Map<string, number>()
      const leftOpen = new Map<string, number>()
      for (const day of DAYS) {
        const cutOffAt = zone.at(day, '16:30')
        clock.set(new Date(cutOffAt + 2_000).toISOString())
        await until(`the cut-off of ${day}`, () => isDone(look, cutOffAt), REST_MS_MAX)
        const batches = sandbox.state.merchant().batches()
        const ofToday = batches.filter(
          ({ createdAt, closedAt }) => createdAt <= cutOffAt && (closedAt === null || closedAt >= cutOffAt),
        )
        openAt.set(day, ofToday.length)
        leftOpen.set(day, ofToday.filter(({ closedAt }) => closedAt === null).length)
        // Past Helcim's own close.
        clock.set(zone.at(day, '17:05'))
        await until(`the evening of ${day}`, async () => await isPolled(look, zone.at(day, '17:05')), REST_MS_MAX)
      }
      const attempts = await query(`select business_date::text as day, state, closed_by, count(*)::int as count
        from recon.settlement_attempts group by 1, 2, 3 order by 1`)
      const worked = DAYS.filter((day) => day !== SUNDAY)
      expect(attempts).toEqual(
        worked.map((day) => ({ day, state: 'confirmed', closed_by: 'tieout', count: openAt.get(day) })),
      )
      expect(DAYS.map((day) => leftOpen.get(day))).toEqual(DAYS.map((day) => (day === SUNDAY ? openAt.get(day) : 0)))
      expect(openAt.get(SUNDAY)).toBeGreaterThan(0)
      const skipped = await query(`select distinct reasons->0->>'code' as code from recon.settlement_decisions
        where business_date = '${SUNDAY}'`)
      expect(skipped).toEqual([{ code: 'day_off' }])
      const posts = sandbox.calls().filter(({ method }) => method === 'POST')
      expect(posts.length).toBe(worked.reduce((sum, day) => sum + (openAt.get(day) ?? 0), 0))
      expect(new Set(posts.map(({ path }) => path)).size).toBe(posts.length)
      expect(new Set(posts.map(({ tokenName }) => tokenName))).toEqual(new Set(['settler']))
      expect(sandbox.calls().filter(({ tokenName, method }) => tokenName === 'settler' && method === 'GET')).toEqual([])
      // What was settled is read until it stands still, proved for good, and not told as anything.
      await look.pullAgain()
      const unproved = await query(`select c.* from recon.settlement_attempts a
        join recon.batch_checks c using (account_id, card_batch_id)
        where a.business_date < '${DAYS.at(-1)}' and not (c.is_final and c.state = 'tied')`)
      expect(unproved).toEqual([])
      expect(await query(`select resource, fail_code, fail_words from recon.pulls where state = 'incomplete'`)).toEqual(
        [],
      )
      expect(await look.found()).toEqual([])
    },
  )
})

async function isDone({ query }: Look, at: number): Promise<boolean> {
  const [row] = await query(`select count(*)::int as count from recon.due_work
    where kind = 'settle' and planned_at = to_timestamp(${at / 1_000}) and finished_at is not null`)
  return row?.count === 1
}

async function isPolled({ query }: Look, at: number): Promise<boolean> {
  const [row] = await query(`select count(*)::int as count from recon.due_work
    where kind = 'poll' and planned_at <= to_timestamp(${at / 1_000}) and finished_at >= to_timestamp(${at / 1_000})
      and outcome = 'done'`)
  // The clock jumps next: no list may be half read then.
  const [open] = await query(`select (select count(*) from recon.marks) + (select count(*) from recon.pulls
    where state = 'running') + (select count(*) from recon.due_work where finished_at is null) as count`)
  return Number(row?.count) > 0 && Number(open?.count) === 0
}
