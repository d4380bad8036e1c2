import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { toInstant } from '../../src/domain/clock.ts'
import { demoScenario } from '../../src/sandbox/sandbox.ts'
import { findInOneLook, look } from './oracle.ts'
import { type Client, type Row, SMALL_SHOP, start, text } from './support.ts'

const NOW = '2026-10-12T20:00:00Z'

async function everything(client: Client): Promise<string> {
  const { terminals, batches, transactions } = await look(client)
  // A hash, so that a difference does not print a month of sales.
  return createHash('sha256')
    .update(JSON.stringify([terminals, batches, transactions]))
    .digest('hex')
}

describe('history is a function of seed and clock', () => {
  it('a restart serves the same bytes', async () => {
    const scenario = { ...SMALL_SHOP, defects: 'labelled' } as const
    const first = await everything(await start({ scenario }))
    expect(await everything(await start({ scenario }))).toBe(first)
    expect(await everything(await start({ scenario, seed: 8 }))).not.toBe(first)
  })

  // The hashes are of 0.1.0, so that what is built beside the till leaves the till's days alone.
  it.each([
    [7, 'none', 'a068bb65ad329b8e4452584a9ba492ed71395c253129130c5689d3d107c8b765'],
    [3, 'labelled', '53076f4a7d81bcee72f817d79e366dfb84b6aa0edb6f2ee5bdb5af976d925aa4'],
  ] as const)(
    'card data without billing are those of the first version, seed %i, defects %s',
    async (seed, defects, hash) => {
      const scenario = { ...SMALL_SHOP, defects }
      expect(await everything(await start({ seed, now: '2026-11-10T19:30:00Z', scenario }))).toBe(hash)
    },
  )

  it('it is the same however often one looked on the way', async () => {
    const often = await start({ now: '2026-10-01T07:00:00Z' })
    while (often.clock.now() < Date.parse(NOW) - 5 * 3_600_000) {
      await often.get('/card-batches')
      often.clock.advance(5 * 3_600_000)
    }
    often.clock.set(NOW)
    expect(await everything(often)).toBe(await everything(await start({ now: NOW })))
  })

  it('later looks see the same rows and more', async () => {
    const client = await start({ now: NOW })
    const before = await client.all('/card-transactions')
    client.clock.advance(36 * 3_600_000)
    const after = await client.all('/card-transactions')
    expect(after.length).toBeGreaterThan(before.length)
    expect(after.slice(after.length - before.length)).toEqual(before)
  })

  it('after its end nothing is sold, and what is open still closes', async () => {
    const client = await start({ now: NOW, scenario: { ...SMALL_SHOP, endsAt: toInstant(Date.parse(NOW)) } })
    const before = await client.all('/card-transactions')
    client.clock.advance(5 * 86_400_000)
    expect(await client.all('/card-transactions')).toEqual(before)
    expect((await client.get('/card-batches')).rows().every(({ closed }) => closed === true)).toBe(true)
  })
})

describe('over twenty seeds', () => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'the figures of every batch are those of its rows, seed %i',
    async (seed) => {
      const client = await start({
        seed,
        now: '2026-11-03T20:00:00Z',
        switches: { refundRow: 'with-parent' },
        scenario: { ...SMALL_SHOP, startsOn: '2026-10-22' },
      })
      const seen = await look(client)
      expect([...findInOneLook(seen, '2026-11-03 13:00:00')]).toEqual([])
      expect(seen.batches.length).toBeGreaterThanOrEqual(24)
      const ids = seen.transactions.map((row) => BigInt(text(row, 'transactionId')))
      expect(ids.every((id, at) => at === 0 || id < (ids[at - 1] ?? 0n))).toBe(true)
    },
  )
})

describe('batches live as documented', () => {
  it('one is open per terminal, closed at 17:00 Mountain Time whatever the season', async () => {
    const client = await start({ now: '2026-11-06T20:00:00Z', scenario: { ...SMALL_SHOP, startsOn: '2026-10-28' } })
    const { batches, transactions } = await look(client)
    for (const batch of batches) {
      const rows = transactions.filter((row) => row.cardBatchId === batch.id)
      const dates = rows.map((row) => text(row, 'dateCreated')).sort()
      expect(text(batch, 'dateCreated') <= (dates[0] ?? '')).toBe(true)
      if (batch.closed === false) continue
      expect(text(batch, 'dateClosed')).toMatch(/ 17:00:0\d$/)
      expect((dates.at(-1) ?? '') <= text(batch, 'dateClosed')).toBe(true)
    }
    for (const terminalId of ['54181', '54182']) {
      const own = batches.filter((batch) => batch.terminalId === terminalId)
      expect(own.filter(({ closed }) => closed === false)).toHaveLength(1)
      const numbers = own.map((batch) => Number(batch.batchNumber))
      expect(numbers).toEqual(numbers.map((_, at) => (numbers[0] ?? 0) - at))
    }
  })

  it('an open one was updated a second after its last transaction', async () => {
    const client = await start()
    const { batches, transactions } = await look(client)
    for (const batch of batches.filter(({ closed }) => closed === false)) {
      const last = transactions.find((row) => row.cardBatchId === batch.id)
      const gapMs = Date.parse(`${batch.dateUpdated}Z`) - Date.parse(`${last?.dateCreated}Z`)
      expect(gapMs).toBe(1000)
    }
  })

  it('after a settlement the next payment opens the next batch', async () => {
    const client = await start({ now: NOW })
    const open = (await client.get('/card-batches?terminalId=54181')).rows().find(({ closed }) => closed === false)
    await client.post(`/card-batches/${open?.id}/settle`)
    client.clock.advance(6 * 3_600_000)
    const rows = (await client.get('/card-batches?terminalId=54181')).rows()
    expect(rows.find(({ id }) => id === open?.id)?.dateClosed).toBe('2026-10-12 14:00:00')
    expect(rows.map(({ batchNumber }) => Number(batchNumber))).toContain(Number(open?.batchNumber) + 1)
  })
})

describe('the changes of clocks', () => {
  const busy = { ...SMALL_SHOP, customers: 400, salesPerDay: 200 }

  it('the hour that occurs twice in November has sales in both of its turns', async () => {
    const client = await start({ now: '2026-11-02T12:00:00Z', scenario: { ...busy, startsOn: '2026-10-31' } })
    const rows = (await client.get('/card-transactions?dateFrom=2026-11-01&dateTo=2026-11-01')).rows().reverse()
    const times = rows.map((row) => text(row, 'dateCreated').slice(11)).filter((time) => time < '03')
    expect(times.some((time, at) => at > 0 && time < (times[at - 1] ?? ''))).toBe(true)
    expect(times.filter((time) => time.startsWith('01')).length).toBeGreaterThan(1)
  })

  it('no sale has a time in the hour that March leaves out', async () => {
    const client = await start({ now: '2027-03-15T12:00:00Z', scenario: { ...busy, startsOn: '2027-03-13' } })
    const rows = (await client.get('/card-transactions?dateFrom=2027-03-14&dateTo=2027-03-14')).rows()
    const hours = new Set(rows.map((row) => text(row, 'dateCreated').slice(11, 13)))
    expect(hours).not.toContain('02')
    expect(hours).toContain('03')
  })
})

describe('innocents that look odd', () => {
  const isApproved = ({ status }: Row) => status === 'APPROVED' || status === 'APPROVAL'

  it('are all there in a month', async () => {
    const client = await start({
      now: '2026-11-05T20:00:00Z',
      switches: { refundRow: 'with-parent' },
      scenario: { ...demoScenario('2026-10-01'), defects: 'none' },
    })
    const { transactions } = await look(client)
    const byId = new Map(transactions.map((row) => [String(row.transactionId), row]))
    const original = (row: Row) => byId.get(String(row.originalTransactionId))
    const refunds = transactions.filter(({ type }) => type === 'refund')
    const reverses = transactions.filter(({ type }) => type === 'reverse')
    expect(refunds.every((row) => row.cardBatchId !== original(row)?.cardBatchId)).toBe(true)
    expect(refunds.some((row) => row.amount !== original(row)?.amount)).toBe(true)
    expect(reverses.every((row) => row.cardBatchId === original(row)?.cardBatchId)).toBe(true)
    expect(new Set(reverses.map((row) => original(row)?.type))).toEqual(new Set(['purchase', 'preauth', 'refund']))
    expect(new Set(transactions.map(({ status }) => status))).toEqual(new Set(['APPROVED', 'APPROVAL', 'DECLINED']))
    for (const type of ['preauth', 'verify', 'capture']) {
      expect(transactions.some((row) => row.type === type && row.cardBatchId !== '0')).toBe(true)
    }
    const twins = new Map<string, number>()
    for (const row of transactions.filter((each) => isApproved(each) && each.type === 'purchase')) {
      const key = `${row.cardNumber} ${row.amount} ${text(row, 'dateCreated').slice(0, 10)}`
      twins.set(key, (twins.get(key) ?? 0) + 1)
    }
    expect([...twins.values()].some((count) => count > 1)).toBe(true)
    const isEqualPair = (row: Row) =>
      transactions.some(
        (other) =>
          other.type === 'refund' &&
          row.type === 'purchase' &&
          other.cardBatchId === row.cardBatchId &&
          other.cardNumber === row.cardNumber &&
          other.amount === row.amount &&
          reverses.some((reverse) => original(reverse) === other || original(reverse) === row),
      )
    expect(transactions.some(isEqualPair)).toBe(true)
  })

  it('twins keep more than ten minutes apart', async () => {
    const client = await start({ scenario: { ...SMALL_SHOP, customers: 10, salesPerDay: 150 } })
    const sales = (await client.all('/card-transactions')).filter((row) => isApproved(row) && row.type === 'purchase')
    const lastByKey = new Map<string, number>()
    for (const row of sales.reverse()) {
      const key = `${row.cardToken} ${row.amount}`
      const at = Date.parse(`${row.dateCreated}Z`)
      expect(at - (lastByKey.get(key) ?? 0)).toBeGreaterThan(600_000)
      lastByKey.set(key, at)
    }
  })
})

it('the demo hides six defects of different codes', async () => {
  const now = '2026-11-05T20:00:00Z'
  const scenario = demoScenario('2026-10-01')
  const { defects, counts } = (await start({ now, scenario })).sandbox.truth()
  const untouched = (await start({ now, scenario: { ...scenario, defects: 'none' } })).sandbox.truth().defects
  // Of their own subscriptions have prices of their own, declines and cards that end.
  const known = new Set(untouched.map(({ code }) => code))
  const hidden = defects.filter(({ code, isConsequence }) => !isConsequence && !known.has(code))
  expect(new Set(hidden.map(({ code }) => code)).size).toBe(6)
  expect(counts.transactions).toBeGreaterThan(35 * 60)
  expect(counts.batches).toBeGreaterThanOrEqual(70)
})
