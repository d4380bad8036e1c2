import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toInstant } from '../../src/domain/clock.ts'
import { createRandom } from '../../src/sandbox/random.ts'
import { countOf, mirrored, missed, served, wrong } from './support.ts'
import { DAY_MS, differences, LAST_DAY, openWeek, type Week, withWeek } from './week.ts'

const states = async ({ query }: Week, ...ids: readonly bigint[]) =>
  (
    await query(`select state from recon.batch_checks where card_batch_id in (${ids.join()}) order by card_batch_id`)
  ).map(({ state }) => state)

const HOUR_MS = 3_600_000

const SEED = Number(process.env.SEED ?? 19)
const CHANGES = 40

describe('what is easily missed is there', () => {
  let week: Awaited<ReturnType<typeof openWeek>>
  beforeAll(async () => {
    week = await openWeek({})
  })
  afterAll(() => week.close())

  it('a batch that was opened, filled and closed between two polls, and the one before it: after one poll', async () => {
    const merchant = week.sandbox.state.merchant()
    const closed: bigint[] = []
    for (const amountMinor of [901n, 902n]) {
      const { batchId } = week.sell(amountMinor)
      week.clock.advance(60_000)
      merchant.closeBatch(batchId, toInstant(Math.floor(week.clock.now() / 1_000) * 1_000))
      closed.push(batchId)
    }
    const { batchId } = week.sell(903n)
    expect(new Set([...closed, batchId]).size).toBe(3)
    expect((await differences(week)).length).toBe(3)
    const countCalls = await week.comesDue('poll')
    expect(await differences(week)).toEqual([])
    expect(await states(week, ...closed, batchId)).toEqual(['tied', 'tied', 'tied'])
    expect(await week.found()).toEqual([])
    console.info(`two batches closed between polls: missed 0 after a poll of ${countCalls} calls`)
  })

  it('a row in no batch (id 0), which no statistics show: after the hourly reading', async () => {
    week.add(week.row(0), { createdAt: week.clock.now(), batchId: 0n, status: 'declined' })
    await week.comesDue('poll')
    // The control: the poll alone cannot know.
    expect(await differences(week)).toHaveLength(1)
    const countCalls = await week.comesDue('recent')
    expect(await differences(week)).toEqual([])
    console.info(`a row in batch 0: missed 0 after an hourly reading of ${countCalls} calls`)
  })

  it('a late row of a closed batch: after one poll', async () => {
    const old = week.row(40)
    expect(week.sandbox.state.merchant().batch(old.batchId)?.closedAt).not.toBeNull()
    week.add(old, { amountMinor: old.amountMinor + 7n })
    expect(await differences(week)).toHaveLength(1)
    const countCalls = await week.comesDue('poll')
    expect(await differences(week)).toEqual([])
    expect(await states(week, old.batchId)).toEqual(['tied'])
    console.info(`a late row of a closed batch: missed 0 after a poll of ${countCalls} calls`)
  })

  it('equal counts with another amount: after one poll; amounts that only moved between rows: after the hourly reading', async () => {
    const merchant = week.sandbox.state.merchant()
    const sales = merchant.transactions().filter(({ type, status }) => type === 'purchase' && status === 'approved')
    const one = sales.at(-5)
    const two = sales.find(({ id, batchId }) => batchId === one?.batchId && id !== one.id)
    if (!one || !two) throw new Error('the batch has no two sales')
    merchant.alterTransaction(one.id, { amountMinor: one.amountMinor + 100n })
    expect(await differences(week)).toHaveLength(2)
    const countPoll = await week.comesDue('poll')
    expect(await differences(week)).toEqual([])

    merchant.alterTransaction(one.id, { amountMinor: one.amountMinor })
    merchant.alterTransaction(two.id, { amountMinor: two.amountMinor + 100n })
    await week.comesDue('poll')
    // The control: all eight figures stand, and nothing but the rows themselves tells.
    expect(await differences(week)).toHaveLength(4)
    const countRecent = await week.comesDue('recent')
    expect(await differences(week)).toEqual([])
    console.info(`moved amounts: missed 0 after ${countPoll} calls of a poll, ${countRecent} of an hourly reading`)
  })

  it(`fault 19: late rows, changed rows, rows moved between batches: after the night's reading missed 0 within the look-back of seven days (seed ${SEED})`, async () => {
    const random = createRandom(SEED, 'changes')
    const merchant = week.sandbox.state.merchant()
    const midnight = Date.parse(`${LAST_DAY}T12:00:00-06:00`)
    const rows = [...merchant.transactions()].filter(({ createdAt }) => createdAt >= midnight - 6 * DAY_MS)
    const touched = new Set<bigint>()
    const counts = { late: 0, changed: 0, moved: 0 }
    const untouched = () => random.pick(rows.filter(({ id }) => !touched.has(id)))
    for (let change = 0; change < CHANGES; change += 1) {
      const row = untouched()
      if (change % 3 === 0) {
        const createdAt = toInstant(midnight - random.integer(0, 7 * 24) * HOUR_MS)
        const batchId = random.chance(0.5) ? 0n : row.batchId
        touched.add(week.add(row, { createdAt, batchId, amountMinor: row.amountMinor + 1n }).id)
        counts.late += 1
      } else if (change % 3 === 1) {
        merchant.alterTransaction(row.id, { amountMinor: row.amountMinor + 1n })
        touched.add(row.id)
        counts.changed += 1
      } else {
        const { batchId } = untouched()
        merchant.alterTransaction(row.id, { batchId: batchId === row.batchId ? 0n : batchId })
        touched.add(row.id)
        counts.moved += 1
      }
    }
    const versions = `helcim.record_versions where resource = 'card_transaction' and changed is not null`
    const countBefore = await countOf(week, versions)
    // The control: the mirror does not know of them yet.
    expect((await differences(week)).length).toBeGreaterThan(CHANGES)
    const countCalls = await week.comesDue('week')
    const countMissed = (await differences(week)).length
    console.info(
      `fault 19, seed ${SEED}: ${counts.late} late, ${counts.changed} changed, ${counts.moved} moved; ` +
        `missed ${countMissed} after a night's reading of ${countCalls} calls`,
    )
    expect(countMissed).toBe(0)
    expect(await wrong(week)).toEqual([])
    expect(await mirrored(week)).toEqual(served(week))
    // What changed is told, and its former version kept.
    expect((await countOf(week, versions)) - countBefore).toBe(counts.changed + counts.moved)
  })
})

/** More batches than a list that is capped shows. */
const MANY_BATCHES = { historyDays: 65, scenario: { startsOn: '2026-08-12', salesPerDay: 6 } } as const

/** Of an hour. */
const POLLS = 3

// At the same time, and each with a runtime of its own.
describe.concurrent('nor is anything missed of a list that', () => {
  it('lags its statistics by a minute: nothing is alarmed, and the rows are there at the next poll', async () => {
    await withWeek({ switches: { lagSeconds: 60 } }, async (week) => {
      await week.comesDue('poll')
      const { batchId } = week.sell(1_001n)
      week.sell(1_002n)
      const countLagging = await week.comesDue('poll')
      // The control: they were counted and could not be read.
      expect(await missed(week)).toHaveLength(2)
      expect(await states(week, batchId)).not.toEqual(['tied'])
      week.clock.advance(5 * 60_000)
      const countNext = await week.comesDue('poll')
      expect(await differences(week)).toEqual([])
      expect(await states(week, batchId)).toEqual(['tied'])
      const open = await week.query(`select code from recon.mismatches where state <> 'resolved'`)
      expect(open).toEqual([])
      console.info(`lagging rows: missed 0 after the next poll (${countLagging} calls, then ${countNext})`)
    })
  })

  it.each(['newest-first', 'ascending'] as const)(
    'is capped at 100 batches (%s): those left out and their new rows are there after the hourly reading at the latest',
    async (listOrder) => {
      await withWeek({ ...MANY_BATCHES, switches: { batchList: 'first-100', listOrder } }, async (week) => {
        const merchant = week.sandbox.state.merchant()
        await week.comesDue('poll')
        expect(merchant.batches().length).toBeGreaterThan(100)
        const known = await countOf(week, 'helcim.card_batches')
        week.sell(1_101n)
        const countPoll = await week.comesDue('poll')
        const countMissedByPoll = (await differences(week)).length
        // The control: oldest first the cap hides just what is new.
        expect(countMissedByPoll).toBe(listOrder === 'ascending' ? 1 : 0)
        const countRecent = await week.comesDue('recent')
        expect(await differences(week)).toEqual([])
        const withRows = new Set(merchant.transactions().flatMap(({ batchId }) => (batchId === 0n ? [] : [batchId])))
        expect(await countOf(week, 'helcim.card_batches')).toBe(withRows.size)
        console.info(
          `a batch list capped at 100 of ${withRows.size}, ${listOrder}: ${known} batches by list and by id, missed 0; ` +
            `${countPoll} calls of a poll, ${countRecent} of an hourly reading`,
        )
      })
    },
  )

  it('is capped and does not show open batches: their sales are followed, and that they closed and were proved', async () => {
    await withWeek({ ...MANY_BATCHES, switches: { batchList: 'first-100', listOrder: 'ascending' } }, async (week) => {
      const merchant = week.sandbox.state.merchant()
      const { batchId } = week.sell(1_201n)
      const open = merchant.batches().filter(({ closedAt }) => closedAt === null)
      const poll = () => {
        week.clock.advance(HOUR_MS / POLLS)
        return week.comesDue('poll')
      }
      const pollHour = async () => {
        let countCalls = 0
        for (let time = 0; time < POLLS; time += 1) countCalls += await poll()
        return countCalls
      }
      const stored = (...ids: readonly bigint[]) =>
        week.query(`select is_closed, count_total::int as counted, state, is_final from helcim.card_batches
          join recon.batch_checks using (account_id, card_batch_id) where card_batch_id in (${ids.join()})`)
      const countOfRows = () => merchant.transactionsOfBatch(batchId).length
      await week.comesDue('recent')
      // While sales fall on it, each poll asks for it: a call, and one for their rows.
      await poll()
      week.sell(1_202n)
      const countMoving = await poll()
      expect(await differences(week)).toEqual([])
      const tied = { is_closed: false, state: 'tied', is_final: false, counted: countOfRows() }
      expect(await stored(batchId)).toEqual([tied])
      // Once all stand still, one call an hour for each of them.
      await poll()
      const countStill = await pollHour()
      expect(countStill).toBe(POLLS + open.length)

      const closedAt = toInstant(Math.floor(week.clock.now() / 1_000) * 1_000)
      for (const { id } of open) merchant.closeBatch(id, closedAt)
      await pollHour()
      await pollHour()
      const proved = { is_closed: true, state: 'tied', is_final: true, counted: countOfRows() }
      expect(await stored(batchId)).toEqual([proved])
      const states = (await stored(...open.map(({ id }) => id))).map((row) => row.is_closed && row.is_final)
      expect(states).toEqual(open.map(() => true))
      // Then there is nothing to ask.
      expect(await pollHour()).toBe(POLLS)
      expect(await week.found()).toEqual([])
      console.info(
        `${open.length} open batches behind a capped list: ${countMoving} calls of a poll with a sale, ${countStill} of an hour without`,
      )
    })
  })
})
