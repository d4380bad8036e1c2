import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Merchant } from '../../src/sandbox/merchant.ts'
import type { TransactionRow } from '../../src/sandbox/rows.ts'
import { DAYS, read } from './support.ts'
import { differences, forget, openWeek, type Week, withWeek } from './week.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** What may happen to a row of a closed batch; Helcim's statistics of the batch follow at once. */
const MOVES: Readonly<Record<string, (merchant: Merchant, row: TransactionRow) => void>> = {
  'another amount': (merchant, { id, amountMinor }) =>
    void merchant.alterTransaction(id, { amountMinor: amountMinor + 1_000n }),
  'another batch': (merchant, { id, batchId }) => {
    const other = merchant.batches().find((batch) => batch.closedAt !== null && batch.id !== batchId)
    merchant.alterTransaction(id, { batchId: other?.id ?? 0n })
  },
  'a row that came late': (merchant, row) => void merchant.addTransaction(row),
  'a row that is gone': (merchant, { id }) => merchant.removeTransaction(id),
}

describe('a row that a reading of its day brings is no difference to statistics that were read before', () => {
  let week: Awaited<ReturnType<typeof openWeek>>
  beforeAll(async () => {
    week = await openWeek({})
  })
  afterAll(() => week.close())

  it.each(Object.entries(MOVES))('%s', async (name, move) => {
    await happens(week, move)
    await read(week, { resource: 'card_transaction', window: DAYS, cause: name })
    expect(await differences(week)).toEqual([])
    expect(await differencesTold(week)).toEqual([])
    // What the day brought is held against what the batch says now: one call each.
    const waiting = "select card_batch_id from recon.batch_checks where state not in ('tied')"
    expect(await week.query(waiting)).toEqual([])
  })

  it('and is one where nobody notes that it moved: the control', async () => {
    await forget(week, 'recon.marks', 'moved_at')
    await happens(week, (merchant, { id, amountMinor }) => {
      merchant.alterTransaction(id, { amountMinor: amountMinor + 1_000n })
    })
    await read(week, { resource: 'card_transaction', window: DAYS, cause: 'control' })
    expect(await differencesTold(week)).not.toEqual([])
  })
})

describe('a row that its closed batch does not return any more is found by the poll that misses it', () => {
  it.each([
    ['another batch', 'record_changed'],
    ['a row that is gone', 'record_disappeared'],
  ])('%s', async (name, code) => {
    await withWeek({}, async (week) => {
      week.clock.advance(HOUR_MS)
      await week.comesDue('poll')
      const row = saleOfClosedBatch(week)
      MOVES[name]?.(week.sandbox.state.merchant(), row)
      week.clock.advance(HOUR_MS)
      const countCalls = await week.comesDue('poll')
      expect(await differences(week)).toEqual([])
      expect(await differencesTold(week)).toEqual([])
      expect(await week.query(`select code from recon.mismatches where subject_id = '${row.id}'`)).toEqual([{ code }])
      const lookedFor = await week.query("select from recon.pulls where cause like 'lost by %'")
      console.info(`${name}: found by a poll of ${countCalls} calls, ${lookedFor.length} of them of its day`)
    })
  })
})

it('a row that only its day returns is looked for once, and then told as a difference of its batch', async () => {
  await withWeek({}, async (week) => {
    week.clock.advance(HOUR_MS)
    await week.comesDue('poll')
    const row = saleOfClosedBatch(week)
    const other = week.sandbox.state
      .merchant()
      .batches()
      .find(({ id, closedAt }) => closedAt !== null && id !== row.batchId)
    // As if Helcim named another batch in the row than the one that returns it.
    await week.query(
      `update helcim.card_transactions set card_batch_id = ${other?.id} where transaction_id = ${row.id}`,
    )
    await week.query(`update recon.batch_checks set state = 'waiting', is_final = false, rows_read_from = null,
      rows_read_until = null, complete_up_to = null where card_batch_id = ${other?.id}`)
    for (let poll = 0; poll < 3; poll += 1) {
      week.clock.advance(HOUR_MS)
      await week.comesDue('poll')
    }
    const told = (await differencesTold(week)).map(({ subject_id: id }) => String(id).split(':')[0])
    expect(told).toContain(String(other?.id))
    const [lookedFor] = await week.query("select count(*)::int as count from recon.pulls where cause like 'lost by %'")
    expect(lookedFor?.count).toBe(1)
  })
})

/** To a row of a batch that is proved by its rows between two readings of its statistics. */
async function happens(week: Week, move: (merchant: Merchant, row: TransactionRow) => void): Promise<void> {
  // Long after the last sale: no list lags its statistics any more.
  week.clock.advance(HOUR_MS)
  await week.comesDue('poll')
  await week.query(`update recon.batch_checks set statistics_until = read_at, rows_read_from = read_at, rows_read_until = read_at
    from (select to_timestamp(${week.clock.now() / 1_000}) as read_at)`)
  move(week.sandbox.state.merchant(), saleOfClosedBatch(week))
  week.clock.advance(MINUTE_MS)
  expect((await differences(week)).length).toBeGreaterThan(0)
}

function saleOfClosedBatch({ sandbox }: Week): TransactionRow {
  const merchant = sandbox.state.merchant()
  const row = merchant.transactions().findLast(({ type, status, batchId }) => {
    const isClosed = (merchant.batch(batchId)?.closedAt ?? null) !== null
    return type === 'purchase' && status === 'approved' && isClosed
  })
  if (!row) throw new Error('no closed batch has a sale')
  return row
}

const differencesTold = ({ query }: Week) =>
  query(`select code, subject_id from recon.mismatches
    where code in ('card_batch_total_differs', 'card_batch_count_differs')`)
