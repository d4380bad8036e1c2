import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Enqueue } from '../../src/context.ts'
import { insertDue } from '../../src/db/due-work.ts'
import { listAllProofs } from '../../src/db/figures.ts'
import type { Instant } from '../../src/domain/clock.ts'
import { type DueKind, due } from '../../src/jobs/due.ts'
import { createLog } from '../../src/log.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { DAY_MS, openWeek, type Week, withWeek } from './week.ts'

let week: Awaited<ReturnType<typeof openWeek>>
beforeAll(async () => {
  week = await openWeek({})
})
afterAll(() => week?.close())

describe('due work that is not at its end when the day changes', () => {
  test.each(['poll', 'recent', 'week', 'lists'] as const)(
    '%s reads what it asked for, and nothing besides',
    async (kind) => {
      const plannedAt = await planNow(week, kind)
      const asked = await askFor(week, kind, plannedAt)
      expect(asked).not.toEqual([])
      week.clock.advance(DAY_MS)
      expect(await askFor(week, kind, plannedAt)).toEqual(asked)
    },
  )

  test('what comes due on the new day reads other days', async () => {
    const before = await askFor(week, 'recent', await planNow(week, 'recent'))
    week.clock.advance(DAY_MS)
    const after = await askFor(week, 'recent', await planNow(week, 'recent'))
    expect(after).not.toEqual([])
    expect(after.filter((subject) => before.includes(subject))).toEqual([])
  })
})

describe('days of invoices', () => {
  test.each([
    {
      title: 'a day that has just begun is read with the days before it, and not on its own',
      readAt: '2026-10-20 14:00',
      asked: {
        '2026-10-21 00:30': [],
        '2026-10-21 13:30': [],
        '2026-10-21 14:00': ['invoice 2026-10-19..2026-10-21'],
      },
    },
    {
      title: 'it does not wait for what comes due when it is over',
      readAt: '2026-10-20 23:30',
      asked: { '2026-10-21 00:30': ['invoice 2026-10-21..2026-10-21'] },
    },
  ])('$title', ({ readAt, asked }) =>
    withWeek({}, async (own) => {
      moveTo(own, readAt)
      await own.comesDue('lists')
      for (const [at, pulls] of Object.entries(asked)) {
        moveTo(own, at)
        const subjects = await askFor(own, 'lists', await planNow(own, 'lists'))
        expect(
          subjects.filter((subject) => subject.startsWith('invoice ')),
          at,
        ).toEqual(pulls)
      }
    }),
  )
})

describe('the last three days of card transactions', () => {
  const lastDays = (asked: readonly string[]) => asked.filter((subject) => subject.startsWith('card_transaction '))
  const askNow = async (own: Week) => lastDays(await askFor(own, 'recent', await planNow(own, 'recent')))
  /** As if there were so many that their reading took these calls. */
  async function takeCalls(own: Week, calls: number): Promise<void> {
    const ofDays = `resource = 'card_transaction' and window_kind = 'days'`
    await own.query(
      `update recon.pulls set count_rows = ${calls} * page_limit * (to_date - from_date + 2) / 4 where ${ofDays}`,
    )
    await listBatches(own, 101)
  }
  /** As if a poll had just found so many. */
  const listBatches = ({ clock, query }: Week, count: number) =>
    query(`update recon.pulls set count_rows = ${count}, largest_page = ${count}, started_at = to_timestamp(${clock.now() / 1_000})
      where resource = 'card_batch' and window_kind = 'all'`)
  async function pollAt(own: Week, local: string): Promise<void> {
    moveTo(own, local)
    await listBatches(own, 101)
  }
  async function readAt(own: Week, local: string, calls: number): Promise<void> {
    moveTo(own, local)
    await own.comesDue('recent')
    await takeCalls(own, calls)
  }

  test('are read each hour where that takes forty calls, and more rarely where it takes more', () =>
    withWeek({}, async (own) => {
      await readAt(own, '2026-10-20 09:07', 40)
      moveTo(own, '2026-10-20 10:07')
      expect(await own.comesDue('recent')).toBeGreaterThan(0)
      // Seven hours.
      await takeCalls(own, 270)
      for (const at of ['11:07', '13:07', '16:07']) {
        await pollAt(own, `2026-10-20 ${at}`)
        expect(await askNow(own), at).toEqual([])
      }
      await pollAt(own, '2026-10-20 17:07')
      expect(await askNow(own)).toEqual(['card_transaction 2026-10-18..2026-10-20'])
    }))

  test.each([
    [
      'nobody polls',
      (own: Week) => own.query(`update recon.pulls set started_at = started_at - interval '61 minutes'`),
    ],
    ['the list of batches may be cut short', (own: Week) => listBatches(own, 100)],
  ])('are read each hour however many they are where %s', (_what, spoil) =>
    withWeek({}, async (own) => {
      await readAt(own, '2026-10-20 09:07', 270)
      await pollAt(own, '2026-10-20 10:07')
      expect(await askNow(own)).toEqual([])
      await spoil(own)
      expect(await askNow(own)).toEqual(['card_transaction 2026-10-18..2026-10-20'])
    }),
  )

  test('are not proved by today, which is read by itself when it has begun', () =>
    withWeek({}, async (own) => {
      await readAt(own, '2026-10-20 20:07', 270)
      const provedAt = async () => {
        const { db, account } = own.runtime.services
        const proofs = await listAllProofs(db, account.accountId)
        return proofs.find(({ resource }) => resource === 'card_transaction')?.provedAt
      }
      const before = await provedAt()
      await pollAt(own, '2026-10-21 00:07')
      await own.comesDue('recent')
      const read = await own.query(
        `select subject from recon.pulls where resource = 'card_transaction' and to_date = '2026-10-21'`,
      )
      expect(read).toEqual([{ subject: '2026-10-21..2026-10-21' }])
      expect(await provedAt()).toBe(before)
      // The control: where each hour reads them, so does this one.
      await takeCalls(own, 40)
      expect(await provedAt()).toBeGreaterThan(before ?? 0)
    }))

  test('are not asked for while the week is being read, and the hour after it was given up', () =>
    withWeek({}, async (own) => {
      await readAt(own, '2026-10-20 09:07', 270)
      moveTo(own, '2026-10-21 02:02')
      expect(lastDays(await askFor(own, 'week', await planNow(own, 'week')))).toEqual([
        'card_transaction 2026-10-15..2026-10-21',
      ])
      await pollAt(own, '2026-10-21 03:07')
      // A day that has just begun is a day of the history that was never read.
      expect(await askNow(own)).not.toContain('card_transaction 2026-10-19..2026-10-21')
      await own.query(`update recon.pulls set state = 'incomplete', finished_at = started_at where state = 'running'`)
      await pollAt(own, '2026-10-21 04:07')
      expect(await askNow(own)).toContain('card_transaction 2026-10-19..2026-10-21')
    }))
})

function moveTo({ clock }: Week, local: string): void {
  const [date = '', hourMinute = ''] = local.split(' ')
  clock.advance(createZone('America/Edmonton').at(date, hourMinute) - clock.now())
}

async function planNow({ clock, runtime }: Week, kind: DueKind): Promise<Instant> {
  const { db, account } = runtime.services
  const plannedAt = clock.now()
  await insertDue(db, { accountId: account.accountId, kind, plannedAts: [plannedAt] })
  return plannedAt
}

/** Runs the work once, none of its pages being read. @returns all that it asked for until now */
async function askFor({ runtime, query }: Week, kind: DueKind, plannedAt: Instant): Promise<string[]> {
  const { services } = runtime
  const payload = { accountId: services.account.accountId, kind, plannedAt }
  const signal = new AbortController().signal
  await due.run(payload, {
    ...services,
    enqueue: NOWHERE,
    log: SILENT,
    signal,
    isLastAttempt: false,
  })
  const rows = await query(`select resource || ' ' || subject as pull from recon.pulls
    where cause = 'due ${kind} ${new Date(plannedAt).toISOString()}' order by pull_id`)
  return rows.map(({ pull }) => String(pull))
}

const SILENT = createLog({ level: 'silent', isPretty: false })

/** A queue that hands out nothing. */
const NOWHERE: Enqueue = {
  pullPage: async () => {},
  reconcile: async () => {},
  postBooks: async () => {},
  due: async () => {},
  settleBatch: async () => {},
  confirmAttempt: async () => {},
  alert: async () => {},
}
