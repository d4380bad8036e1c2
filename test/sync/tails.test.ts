import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobContext } from '../../src/context.ts'
import { createPull, loadPull } from '../../src/db/pulls.ts'
import type { PullWindow } from '../../src/domain/pull.ts'
import { resourceOf } from '../../src/jobs/sync/resources.ts'
import { createRandom } from '../../src/sandbox/random.ts'
import { deafContext } from '../support/deaf-context.ts'
import { isLong } from '../support/long.ts'
import { ask, rest } from './support.ts'
import { differences, openWeek, type Week, withWeek } from './week.ts'

/** Small pages make a long batch of a hundred rows. */
const PAGE_SIZE = 20
const SOLD_FIRST = 90
const MINUTE_MS = 60_000
const SHOP = { scenario: { startsOn: '2026-10-12' }, historyDays: 2 } as const
const SEED = Number(process.env.SEED ?? 31)

/** How the rows of batches were read since then, in the order in which it was asked for: kind, state, calls. */
async function readsSince(week: Week, pullId: unknown): Promise<string[]> {
  const rows = await week.query(`select window_kind, state, count_calls from recon.pulls
    where pull_id > ${pullId} and window_kind like 'card_batch%' order by pull_id`)
  return rows.map(({ window_kind: kind, state, count_calls: calls }) => `${kind} ${state} ${calls}`)
}

/** One poll: how it read rows, and all calls that it took. */
async function poll(week: Week): Promise<{ reads: string[]; countCalls: number }> {
  const [last] = await week.query('select max(pull_id) as id from recon.pulls')
  week.clock.advance(5 * MINUTE_MS)
  const countCalls = await week.comesDue('poll')
  return { reads: await readsSince(week, last?.id), countCalls }
}

/** That a row was changed is told, and rightly: it is we who change them. */
const foundOfBatches = async (week: Week) => (await week.found()).filter(({ code }) => code.startsWith('card_batch'))

const orderOf = async (week: Week) =>
  (await week.query('select list_order, page_size from recon.list_orders')).map((row) => Object.values(row).join(' '))

const checkOf = async (week: Week, batchId: bigint) =>
  (
    await week.query(`select state, complete_up_to, rows_read_from::text, tail_read_from::text
    from recon.batch_checks where card_batch_id = ${batchId}`)
  )[0]

/** Sells so much that the open batch is many pages long. @returns the batch */
function fill(week: Week, count: number): bigint {
  let batchId = 0n
  for (let sold = 0; sold < count; sold += 1) batchId = week.sell(1_000n + BigInt(sold)).batchId
  return batchId
}

/** A row that comes to light now although its id lies deep in the batch. */
function addLate(week: Week, batchId: bigint, place: number): bigint {
  const rows = week.sandbox.state.merchant().transactionsOfBatch(batchId)
  for (let at = place; at < rows.length - 1; at += 1) {
    const row = rows[at]
    const next = rows[at + 1]
    if (!row || !next || next.id - row.id < 2n || week.sandbox.state.merchant().transaction(row.id + 1n)) continue
    week.sandbox.state.merchant().addTransaction({ ...row, amountMinor: row.amountMinor + 3n }, row.id + 1n)
    return row.id + 1n
  }
  throw new Error('the batch has no place for a late row')
}

const alter = (week: Week, batchId: bigint, place: number, byMinor: bigint) => {
  const row = week.sandbox.state.merchant().transactionsOfBatch(batchId)[place]
  if (!row) throw new Error(`the batch has no row ${place}`)
  week.sandbox.state.merchant().alterTransaction(row.id, { amountMinor: row.amountMinor + byMinor })
}

describe('of a batch whose list is known to come newest first', () => {
  let week: Awaited<ReturnType<typeof openWeek>>
  let batchId: bigint
  beforeAll(async () => {
    week = await openWeek({ ...SHOP, switches: { pageSizeMax: PAGE_SIZE } })
    batchId = fill(week, SOLD_FIRST)
  })
  afterAll(() => week.close())

  it('all rows are read once, which shows the order', async () => {
    await week.query('delete from recon.list_orders')
    const { reads } = await poll(week)
    expect(reads).toEqual([expect.stringMatching(/^card_batch complete [5-9]$/)])
    expect(await orderOf(week)).toEqual([`descending ${PAGE_SIZE}`])
    expect(await differences(week)).toEqual([])
  })

  it('then only the newest page, which says nothing of the rest', async () => {
    const before = await checkOf(week, batchId)
    fill(week, 5)
    expect(await differences(week)).toHaveLength(5)
    const { reads, countCalls } = await poll(week)
    expect(reads).toEqual(['card_batch_tail complete 1'])
    expect(countCalls).toBe(2)
    expect(await differences(week)).toEqual([])
    const after = await checkOf(week, batchId)
    expect(after).toMatchObject({ state: 'tied', rows_read_from: before?.rows_read_from })
    expect(Number(after?.complete_up_to)).toBeGreaterThan(Number(before?.complete_up_to))
  })

  it('nothing but the list of batches, while nothing is sold', async () => {
    expect(await poll(week)).toEqual({ reads: [], countCalls: 1 })
    expect(await poll(week)).toEqual({ reads: [], countCalls: 1 })
  })

  it('a webhook has stored its newest page before: the tail goes on to what was last complete', async () => {
    fill(week, 2 * PAGE_SIZE + 3)
    const newest = week.sandbox.state.merchant().transactionsOfBatch(batchId).slice(-PAGE_SIZE)
    for (const { id } of newest) {
      const one = { resource: 'card_transaction', window: { kind: 'one', id }, cause: `webhook ${id}` } as const
      await week.runtime.enqueue.pullPage(await ask(week, one))
    }
    await rest(week)
    // The control: a walk that ended at the first known row would miss them.
    expect(await differences(week)).toHaveLength(PAGE_SIZE + 3)
    const { reads } = await poll(week)
    expect(reads).toEqual(['card_batch_tail complete 3'])
    expect(await differences(week)).toEqual([])
  })

  it('killed when its first page was stored: the same reading goes on, and the next one begins anew', async () => {
    const sold = PAGE_SIZE + 5
    const tailNow = async (): Promise<PullWindow> => {
      const aboveId = BigInt(String((await checkOf(week, batchId))?.complete_up_to))
      return { kind: 'card_batch_tail', cardBatchId: batchId, aboveId, firstPage: 1 }
    }
    fill(week, sold)
    const context = deafContext(week.runtime.services)
    const goesOn = await begin(context, await tailNow(), 'goes on')
    await resourceOf('card_transaction').readPage(context, goesOn)
    expect((await differences(week)).length).toBe(sold - PAGE_SIZE)
    // Its job comes once more, then the next page's.
    await resourceOf('card_transaction').readPage(context, goesOn)
    const left = await loadPull(context.db, goesOn)
    if (!left) throw new Error('the pull is gone')
    expect(left).toMatchObject({ state: 'running', nextPage: 2 })
    await resourceOf('card_transaction').readPage(context, left)
    expect(await loadPull(context.db, goesOn)).toMatchObject({ state: 'complete', countCalls: 2 })
    expect(await differences(week)).toEqual([])

    // Of another one nothing is left but what its first page stored: no job ever takes it up.
    fill(week, sold)
    const lost = await begin(context, await tailNow(), 'is lost')
    await resourceOf('card_transaction').readPage(context, lost)
    await week.query(`update recon.pulls set state = 'incomplete' where pull_id = ${lost.pullId}`)
    expect((await differences(week)).length).toBe(sold - PAGE_SIZE)
    const { reads } = await poll(week)
    expect(reads).toEqual([expect.stringMatching(/^card_batch_tail complete [23]$/)])
    expect(await differences(week)).toEqual([])
  })

  it('what its newest rows do not explain has all of it read, in the same poll: a late row, another amount', async () => {
    week.clock.advance(20 * MINUTE_MS)
    addLate(week, batchId, 10)
    const late = await poll(week)
    expect(late.reads).toEqual([
      'card_batch_tail complete 1',
      expect.stringMatching(/^card_batch complete (?:[89]|1\d)$/),
    ])
    expect(await differences(week)).toEqual([])
    week.clock.advance(20 * MINUTE_MS)
    alter(week, batchId, 12, 5n)
    const altered = await poll(week)
    expect(altered.reads).toHaveLength(2)
    expect(await differences(week)).toEqual([])
    expect(await checkOf(week, batchId)).toMatchObject({ state: 'tied' })
    console.info(`a late row deep in a batch: missed 0 after a poll of ${late.countCalls} calls`)
  })

  it('but not at each poll while it is in motion: at most a quarter of an hour later', async () => {
    await poll(week)
    alter(week, batchId, 12, 5n)
    // Counted as of now, and updated with each sale: the list may be late.
    week.clock.advance(5 * MINUTE_MS)
    fill(week, 1)
    await week.comesDue('poll')
    alter(week, batchId, 14, 5n)
    const polls: string[][] = []
    for (let count = 0; count < 3; count += 1) {
      week.clock.advance(5 * MINUTE_MS)
      fill(week, 1)
      const [last] = await week.query('select max(pull_id) as id from recon.pulls')
      await week.comesDue('poll')
      polls.push(await readsSince(week, last?.id))
    }
    expect(await differences(week)).toEqual([])
    const countWhole = polls.flat().filter((read) => read.startsWith('card_batch complete')).length
    expect(countWhole).toBe(1)
    expect(await foundOfBatches(week)).toEqual([])
  })

  it('moved amounts, which no figure shows, wait for the hourly reading as they did', async () => {
    alter(week, batchId, 3, 7n)
    alter(week, batchId, 4, -7n)
    await poll(week)
    expect(await differences(week)).toHaveLength(4)
    await week.comesDue('recent')
    expect(await differences(week)).toEqual([])
  })

  it('an order that holds no longer has all of it read at once, and is forgotten', async () => {
    await week.query(`update recon.list_orders set list_order = 'ascending'`)
    fill(week, 3)
    const { reads } = await poll(week)
    expect(reads).toEqual([
      expect.stringMatching(/^card_batch_tail split 1$/),
      expect.stringMatching(/^card_batch complete/),
    ])
    expect(await differences(week)).toEqual([])
    // The whole reading has shown the true one.
    expect(await orderOf(week)).toEqual([`descending ${PAGE_SIZE}`])
    expect(await foundOfBatches(week)).toEqual([])
  })
})

describe.concurrent('of a list that comes', () => {
  it('oldest first, the page of the last known row is where the tail begins', async () => {
    await withWeek({ ...SHOP, switches: { pageSizeMax: PAGE_SIZE, listOrder: 'ascending' } }, async (week) => {
      const batchId = fill(week, SOLD_FIRST)
      await poll(week)
      expect(await orderOf(week)).toEqual([`ascending ${PAGE_SIZE}`])
      fill(week, 5)
      const first = await poll(week)
      expect(first.reads).toEqual([expect.stringMatching(/^card_batch_tail complete [12]$/)])
      expect(await differences(week)).toEqual([])
      fill(week, 2 * PAGE_SIZE + 5)
      const second = await poll(week)
      expect(second.reads).toEqual([expect.stringMatching(/^card_batch_tail complete [34]$/)])
      expect(await differences(week)).toEqual([])
      // Rows that go make the list shorter than we count: where the known row is not, all is read.
      const merchant = week.sandbox.state.merchant()
      for (const { id } of merchant.transactionsOfBatch(batchId).slice(0, PAGE_SIZE + 1)) {
        merchant.alterTransaction(id, { batchId: 0n })
      }
      fill(week, PAGE_SIZE)
      const third = await poll(week)
      expect(third.reads).toContainEqual(expect.stringMatching(/^card_batch complete/))
      await week.comesDue('recent')
      expect(await differences(week)).toEqual([])
    })
  })

  it('in no order, all of it is read', async () => {
    await withWeek({ ...SHOP, switches: { pageSizeMax: PAGE_SIZE, listOrder: 'shuffled-stable' } }, async (week) => {
      fill(week, SOLD_FIRST)
      await poll(week)
      expect(await orderOf(week)).toEqual([`none ${PAGE_SIZE}`])
      fill(week, 5)
      const { reads } = await poll(week)
      expect(reads).toEqual([expect.stringMatching(/^card_batch complete/)])
      expect(await differences(week)).toEqual([])
    })
  })

  it('newest first, 3,000 rows of an open batch cost two calls a poll', async () => {
    await withWeek(SHOP, async (week) => {
      const batchId = fill(week, 3_050)
      await poll(week)
      expect(week.sandbox.state.merchant().transactionsOfBatch(batchId).length).toBeGreaterThan(3_000)
      fill(week, 40)
      const after = await poll(week)
      expect(await differences(week)).toEqual([])
      await week.query('delete from recon.list_orders')
      fill(week, 40)
      const before = await poll(week)
      console.info(
        `a poll of an open batch of 3,000 rows: ${before.countCalls} calls whole, ${after.countCalls} by its tail`,
      )
      expect([before.countCalls, after.countCalls]).toEqual([5, 2])
    })
  })
})

/** What may happen to a batch, and how often beside the others. */
const HAPPENINGS = ['sell', 'sell', 'sellMany', 'late', 'alter', 'move', 'webhook', 'wait'] as const
const ORDERS = ['newest-first', 'ascending', 'shuffled-stable'] as const
const LAGS = [0, 45] as const

describe.concurrent(`whatever happens, seed ${SEED}`, { timeout: 900_000 }, () => {
  const cases = ORDERS.flatMap((listOrder) => LAGS.map((lagSeconds) => ({ listOrder, lagSeconds })))
  it.each(isLong ? cases : cases.slice(0, 1))(
    'nothing is called tied of which rows are missing, and the hour brings all ($listOrder, lag $lagSeconds s)',
    async ({ listOrder, lagSeconds }) => {
      await withWeek({ ...SHOP, switches: { pageSizeMax: PAGE_SIZE, listOrder, lagSeconds } }, async (week) => {
        const random = createRandom(SEED, 'tails', listOrder, lagSeconds)
        const batchId = fill(week, SOLD_FIRST)
        const counts = { polls: 0, tails: 0, wholes: 0, open: 0 }
        for (let hour = 0; hour < (isLong ? 2 : 1); hour += 1) {
          for (let count = 0; count < (isLong ? 8 : 5); count += 1) {
            for (let event = random.integer(0, 3); event > 0; event -= 1) await happen(week, batchId, random)
            const { reads } = await poll(week)
            counts.polls += 1
            counts.tails += reads.filter((read) => read.startsWith('card_batch_tail')).length
            counts.wholes += reads.filter((read) => read.startsWith('card_batch ')).length
            if ((await differences(week)).length === 0) continue
            counts.open += 1
            expect(await checkOf(week, batchId)).not.toMatchObject({ state: 'tied' })
          }
          week.clock.advance(5 * MINUTE_MS)
          await week.comesDue('recent')
          expect(await differences(week)).toEqual([])
        }
        await poll(week)
        expect(await foundOfBatches(week)).toEqual([])
        console.info(`${listOrder}, lag ${lagSeconds} s: ${JSON.stringify(counts)}`)
      })
    },
  )

  async function happen(week: Week, batchId: bigint, random: ReturnType<typeof createRandom>): Promise<void> {
    const rows = week.sandbox.state.merchant().transactionsOfBatch(batchId)
    const place = random.integer(0, rows.length - 30)
    switch (random.pick(HAPPENINGS)) {
      case 'sell':
        fill(week, random.integer(1, 4))
        return
      case 'sellMany':
        fill(week, random.integer(PAGE_SIZE, 2 * PAGE_SIZE + 5))
        return
      case 'late':
        addLate(week, batchId, place)
        return
      case 'alter':
        alter(week, batchId, place, BigInt(random.integer(1, 50)))
        return
      case 'move': {
        const row = rows[place]
        if (row) week.sandbox.state.merchant().alterTransaction(row.id, { batchId: 0n })
        return
      }
      case 'webhook': {
        const id = rows.at(-1)?.id ?? 0n
        const window = { kind: 'one' as const, id }
        await week.runtime.enqueue.pullPage(await ask(week, { window, cause: `webhook ${id} ${week.clock.now()}` }))
        return
      }
      case 'wait':
        week.clock.advance(random.integer(1, 5) * MINUTE_MS)
    }
  }
})

async function begin({ db, account, clock }: JobContext, window: PullWindow, cause: string) {
  const asked = {
    accountId: account.accountId,
    resource: 'card_transaction',
    window,
    cause,
    callClass: 'fresh' as const,
  }
  return (await createPull(db, { ...asked, pageLimit: 1_000, listOrder: 'descending', now: clock.now() })).pull
}
