import { describe, expect, it } from 'vitest'
import { reversesSql } from '../../src/db/movements/reverses.ts'
import { DAYS, read } from './support.ts'
import { differences, forget, type Week, withWeek } from './week.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
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
      await forget(week, 'recon.batch_checks', 'reverses_up_to')
      expect(await kindOf(week, await happens(week, other))).toBe(kind)
      expect(await told(week)).toEqual(codes)
    })
  })
})

it('one that may have voided a repeated sale, or an authorization, is told, and the sale is not said to be repeated', async () => {
  await withWeek({}, async (week) => {
    const { payments, customers } = week.sandbox.state
    const [one, ...others] = customers.map((customer) =>
      payments.purchase({ at: week.clock.now(), customer, amountMinor: CENTS }),
    )
    const other = others.find(({ batchId, card }) => batchId === one?.batchId && card.number !== one.card.number)
    if (!one || !other) throw new Error('no two customers buy at one terminal')
    week.add(one, { type: 'preauth' })
    const authorized = week.add(other, { type: 'preauth' })
    week.clock.advance(2 * MINUTE_MS)
    const again = week.add(one, { createdAt: week.clock.now() })
    week.clock.advance(MINUTE_MS)
    // Of equal amounts, one as sale and one as preauth: Helcim's sums do not say of which card.
    for (const voided of [again, authorized])
      week.add(voided, { type: 'reverse', originalId: voided.id, createdAt: week.clock.now() })
    week.clock.advance(HOUR_MS)
    await week.comesDue('poll')
    expect(await differences(week)).toEqual([])
    expect(await told(week)).toEqual(['reverse_without_original'])
    // What repeats is judged once it is known that no subscription expects it.
    await week.pullLists()
    await week.reconcileFully()
    expect(await week.query("select code from recon.mismatches where code = 'transaction_duplicated'")).toEqual([])
  })
})

it('what was said of a sale stays said while it is not told yet what a reverse beside it voided', async () => {
  await withWeek({}, async (week) => {
    // A sale, the same again, and an authorization of that amount, which was voided.
    const sale = week.sell(CENTS)
    const authorized = week.add(sale, { type: 'preauth' })
    week.clock.advance(2 * MINUTE_MS)
    week.add(sale, { createdAt: week.clock.now() })
    week.add(authorized, { type: 'reverse', originalId: authorized.id, createdAt: week.clock.now() })
    week.clock.advance(HOUR_MS)
    await week.comesDue('poll')
    await week.pullLists()
    await week.reconcileFully()
    const events = () =>
      week.query(`select e.kind from recon.mismatch_events e join recon.mismatches m using (account_id, mismatch_id)
        where m.code = 'transaction_duplicated' order by event_id`)
    expect(await events()).toEqual([{ kind: 'opened' }])
    // Figures are read before rows, and rows before figures, of which one is a reverse that may be of either.
    for (let turn = 1; turn <= 3; turn += 1) {
      week.clock.advance(5 * MINUTE_MS)
      week.add(sale, { createdAt: week.clock.now(), amountMinor: CENTS + BigInt(turn) })
      await week.comesDue('poll')
      const other = week.add(sale, { type: 'preauth', createdAt: week.clock.now(), amountMinor: CENTS + BigInt(turn) })
      week.clock.advance(MINUTE_MS)
      week.add(other, { type: 'reverse', originalId: other.id, createdAt: week.clock.now() })
      await read(week, { resource: 'card_transaction', window: DAYS, cause: `turn ${turn}` })
    }
    expect(await events()).toEqual([{ kind: 'opened' }])
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
