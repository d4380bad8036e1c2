import { describe, expect, it } from 'vitest'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { read } from './support.ts'
import { type Week, withWeek } from './week.ts'

const ZONE = createZone('America/Edmonton')
/** A refusal is not tried again by its job, only by what comes due next. */
const REFUSAL = { kind: 'answer', status: 400, body: JSON.stringify({ errors: 'Service unavailable' }) } as const

const jump = ({ clock }: Week, date: string, time: string) => clock.advance(ZONE.at(date, time) - clock.now())

/** From now on the list fails; ended by `faults.clear`. */
const fail = ({ sandbox }: Week, path: string) =>
  sandbox.faults.add({ match: { path, times: Number.POSITIVE_INFINITY }, act: REFUSAL })

const unread = async (week: Week) =>
  (await week.found()).filter(({ code }) => code === 'pull_incomplete').map(({ key }) => key)

const countOpened = async ({ query }: Week) =>
  (
    await query(`select count(*)::int as count from recon.mismatch_events join recon.mismatches using (mismatch_id)
    where code = 'pull_incomplete' and kind in ('opened', 'reopened')`)
  )[0]?.count

describe('days that are not read completely', () => {
  it('any more are told 6 h after they were asked for again, once however long it lasts, and resolved when they are', () =>
    withWeek({}, async (week) => {
      jump(week, '2026-10-15', '00:07')
      await week.comesDue('recent')
      fail(week, '/card-transactions')
      for (const time of ['01:07', '02:07', '06:07', '07:05']) {
        jump(week, '2026-10-15', time)
        await week.comesDue('recent')
        expect(await unread(week), time).toEqual([])
      }
      const outage = [
        ['2026-10-15', '07:10'],
        ['2026-10-15', '23:07'],
        ['2026-10-16', '07:10'],
        ['2026-10-17', '12:07'],
      ] as const
      for (const [date, time] of outage) {
        jump(week, date, time)
        await week.comesDue('recent')
        expect(await unread(week), `${date} ${time}`).toEqual(['resource card_transaction days'])
      }
      const [told] = await week.query(`select summary from recon.mismatches where code = 'pull_incomplete'`)
      expect(told?.summary).toMatch(/^The card transactions since 2026-10-15T06:07:\S+ have not been read completely: /)

      week.sandbox.faults.clear()
      jump(week, '2026-10-17', '13:07')
      await week.comesDue('recent')
      expect(await unread(week)).toEqual([])
      expect(await countOpened(week)).toBe(1)
    }))

  it('since they were over are told by themselves, though others are, until the night reads them', () =>
    withWeek({}, async (week) => {
      const day = toBusinessDate('2026-10-08')
      await week.query(`update recon.covered_days set read_at = '2026-10-08T07:00:00Z' where day = '${day}'`)
      const asked = fail(week, '/card-transactions')
      await read(week, { cause: 'alone', window: { kind: 'days', from: day, to: day } })
      asked.remove()
      const polled = async (time: string) => {
        jump(week, '2026-10-14', time)
        await week.comesDue('poll')
        return unread(week)
      }
      expect(await polled('19:59')).toEqual([])
      expect(await polled('20:01')).toEqual(['resource card_transaction days'])
      const [told] = await week.query(`select summary from recon.mismatches where code = 'pull_incomplete'`)
      expect(told?.summary).toMatch(/^The card transactions of 2026-10-08 have not been read completely: /)
      await week.comesDue('week')
      await week.comesDue('poll')
      expect(await unread(week)).toEqual([])
    }))

  it('because the daemon was away are read when it is back, also the day on which it left, and alarm nobody', () =>
    withWeek({}, async (week) => {
      jump(week, '2026-10-26', '12:05')
      await week.comesDue('poll')
      expect(await unread(week)).toEqual([])
      await week.comesDue('recent')
      expect(await unread(week)).toEqual([])
      const early = `read_at < (day + 1)::timestamp at time zone 'America/Edmonton'`
      expect(await week.query(`select day::text from recon.covered_days where ${early}`)).toEqual([
        { day: '2026-10-26' },
      ])
      expect(await countOpened(week)).toBe(0)
    }))
})

it('a list that is read once a day is told 6 h after the asking that failed, not with it', () =>
  withWeek({}, async (week) => {
    await week.comesDue('lists')
    fail(week, '/customers')
    for (const [time, expected] of [
      ['14:23', []],
      ['15:23', []],
      ['20:30', ['resource customer all']],
    ] as const) {
      jump(week, '2026-10-15', time)
      await week.comesDue('lists')
      expect(await unread(week), time).toEqual(expected)
    }
    week.sandbox.faults.clear()
    jump(week, '2026-10-15', '21:23')
    await week.comesDue('lists')
    expect(await unread(week)).toEqual([])
  }))
