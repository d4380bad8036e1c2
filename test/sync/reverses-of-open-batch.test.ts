import { describe, expect, it } from 'vitest'
import { reversesSql } from '../../src/db/movements/reverses.ts'
import { DAYS, read } from './support.ts'
import { differences, type Week, withWeek } from './week.ts'

const HOUR_MS = 3_600_000
const CENTS = 12_345n

describe.each(['preauth', 'refund'])('a reverse of a sale beside a %s, read before Helcim states it', (other) => {
  it('is told of nowhere until the next figures say what it voided', async () => {
    await withWeek({}, async (week) => {
      const reverseId = await happens(week, other)
      expect(await kindOf(week, reverseId)).toBeNull()
      expect(await told(week)).toEqual([])
      week.clock.advance(HOUR_MS)
      await week.comesDue('poll')
      expect(await kindOf(week, reverseId)).toBe('sale')
      expect(await told(week)).toEqual([])
    })
  })
})

describe('the control: where nobody knows how far the figures reach', () => {
  it.each([
    ['preauth', 'it is said to have voided no money, which adds up', 'preauth', []],
    ['refund', 'nothing adds up, and it is told', null, ['reverse_without_original']],
  ])('beside a %s %s', async (other, _, kind, codes) => {
    await withWeek({}, async (week) => {
      await week.query(`create function recon.forget() returns trigger language plpgsql as
        'begin new.reverses_up_to = null; return new; end'`)
      await week.query(`create trigger forget before insert or update on recon.batch_checks
        for each row execute function recon.forget()`)
      expect(await kindOf(week, await happens(week, other))).toBe(kind)
      expect(await told(week)).toEqual(codes)
    })
  })
})

/** @returns the reverse, read by its day, in an open batch whose figures agree with all rows but it */
async function happens(week: Week, other: string): Promise<bigint> {
  // One card and one amount in one batch: the reverse may be of either.
  const sale = week.sell(CENTS)
  week.add(sale, { type: other })
  week.clock.advance(HOUR_MS)
  await week.comesDue('poll')
  expect(await differences(week)).toEqual([])
  week.clock.advance(HOUR_MS)
  const { id } = week.add(sale, { type: 'reverse', originalId: sale.id, createdAt: week.clock.now() })
  await read(week, { resource: 'card_transaction', window: DAYS, cause: 'the reverse' })
  expect(await differences(week)).toEqual([])
  const [state] = await week.query(`select c.state from recon.batch_checks c
    join helcim.card_transactions t using (account_id, card_batch_id) where t.transaction_id = ${id}`)
  expect(state).toEqual({ state: 'tied' })
  return id
}

const told = async ({ query }: Week) =>
  (await query(`select distinct code from recon.mismatches where code like 'reverse%'`)).map(({ code }) => code)

async function kindOf({ query }: Week, reverseId: bigint): Promise<unknown> {
  const [row] = await query(`${reversesSql(null)} select kind from reverse_kinds where transaction_id = ${reverseId}`)
  return row?.kind
}
