import { expect, test } from 'vitest'
import { coverDays, listUncoveredDays } from '../../src/db/coverage.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { withShop } from './support.ts'

test('a day that was read alone leaves the days around it missing', () =>
  withShop({ salesPerDay: 1 }, async ({ runtime }) => {
    const { db, clock, account } = runtime.services
    const key = { accountId: account.accountId, resource: 'card_transaction' }
    const day = (text: string) => toBusinessDate(text)
    await coverDays(db, {
      ...key,
      from: day('2026-10-13'),
      to: day('2026-10-13'),
      readAt: clock.now(),
      pullId: 1n,
    })
    expect(await listUncoveredDays(db, { ...key, from: day('2026-10-11'), to: day('2026-10-15') })).toEqual([
      { from: '2026-10-11', to: '2026-10-12' },
      { from: '2026-10-14', to: '2026-10-15' },
    ])
  }))
