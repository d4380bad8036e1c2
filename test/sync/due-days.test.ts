import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Enqueue } from '../../src/context.ts'
import { insertDue } from '../../src/db/due-work.ts'
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
