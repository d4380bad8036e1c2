import { expect, test } from 'vitest'
import { coverDays, listUnreadDays } from '../../src/db/coverage.ts'
import { startOfDay, toBusinessDate } from '../../src/domain/calendar.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { HELCIM_ZONE } from '../../src/domain/helcim-time.ts'
import { withShop } from './support.ts'

const day = (text: string) => toBusinessDate(text)
const THE_13TH = { from: day('2026-10-13'), to: day('2026-10-13') }
const THE_14TH_BEGINS = startOfDay(day('2026-10-14'), HELCIM_ZONE)

test('a day that was read alone leaves the days around it missing', () =>
  withShop({ salesPerDay: 1 }, async ({ runtime }) => {
    const { db, clock, account } = runtime.services
    const key = { accountId: account.accountId, resource: 'card_transaction' }
    await coverDays(db, { ...key, ...THE_13TH, readAt: clock.now(), pullId: 1n })
    const range = { ...key, from: day('2026-10-11'), to: day('2026-10-15'), freshFrom: day('2026-10-15') }
    expect(await listUnreadDays(db, range)).toEqual([
      { from: '2026-10-11', to: '2026-10-12' },
      { from: '2026-10-14', to: '2026-10-15' },
    ])
  }))

test('a day is read by a reading that began when it was over; of fresh days any reading is enough', () =>
  withShop({ salesPerDay: 1 }, async ({ runtime }) => {
    const { db, account } = runtime.services
    const key = { accountId: account.accountId, resource: 'card_transaction' }
    const unread = (freshFrom: string, since: number | null = null) =>
      listUnreadDays(db, {
        ...key,
        ...THE_13TH,
        freshFrom: day(freshFrom),
        since: since === null ? null : toInstant(since),
      })
    await coverDays(db, { ...key, ...THE_13TH, readAt: toInstant(THE_14TH_BEGINS - 1), pullId: 1n })
    expect(await unread('2026-10-14')).toEqual([THE_13TH])
    expect(await unread('2026-10-13')).toEqual([])
    await coverDays(db, { ...key, ...THE_13TH, readAt: THE_14TH_BEGINS, pullId: 2n })
    expect(await unread('2026-10-14')).toEqual([])
    expect(await unread('2026-10-14', THE_14TH_BEGINS)).toEqual([])
    // Asked for again since then, what was read before is not enough, fresh or not.
    expect(await unread('2026-10-14', THE_14TH_BEGINS + 1)).toEqual([THE_13TH])
    expect(await unread('2026-10-13', THE_14TH_BEGINS + 1)).toEqual([THE_13TH])
  }))
