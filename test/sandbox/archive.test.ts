import { expect, it } from 'vitest'
import { findInOneLook, look } from './oracle.ts'
import { type Row, SMALL_SHOP, start, text } from './support.ts'

const ARCHIVED = { ...SMALL_SHOP, archive: { from: '2026-09-11', transactionsPerDay: 120 } } as const
const shop = (options: Parameters<typeof start>[0] = {}) =>
  start({ scenario: ARCHIVED, switches: { refundRow: 'with-parent' }, ...options })

it.each([1, 2, 3])('days before history tie out as those of history do, seed %i', async (seed) => {
  const client = await shop({ seed })
  const seen = await look(client)
  expect([...findInOneLook(seen, '2026-10-12 14:00:00')]).toEqual([])
  expect(seen.transactions.length).toBe(client.sandbox.truth().counts.transactions)
  expect(client.sandbox.totals().cardTransactions.count).toBe(seen.transactions.length)
  const old = seen.transactions.filter(({ invoiceNumber }) =>
    text({ invoiceNumber: invoiceNumber ?? '' }, 'invoiceNumber').startsWith('OLD'),
  )
  expect(old).toHaveLength(20 * 120)
  expect(new Set(old.map(({ type }) => type))).toEqual(new Set(['purchase', 'refund', 'reverse']))
  const ids = seen.transactions.map((row) => BigInt(text(row, 'transactionId')))
  expect(ids.every((id, at) => at === 0 || id < (ids[at - 1] ?? 0n))).toBe(true)
  const followed = old.map((row) => row.originalTransactionId).filter((id) => id !== undefined)
  expect(new Set(followed).size).toBe(followed.length)
})

it('a row of theirs is the same in pages, dates, batches, alone, and by what it names', async () => {
  const client = await shop()
  const all = await client.all('/card-transactions')
  const paged: Row[] = []
  for (let page = 1; paged.length < all.length; page += 1) {
    paged.push(...(await client.get(`/card-transactions?limit=333&page=${page}`)).rows())
  }
  expect(paged).toEqual(all)
  const within = (from: string, to: string) =>
    all.filter((row) => text(row, 'dateCreated').slice(0, 10) >= from && text(row, 'dateCreated').slice(0, 10) <= to)
  for (const [from, to] of [
    ['2026-09-20', '2026-09-21'],
    ['2026-09-29', '2026-10-02'],
    ['2026-08-01', '2026-09-11'],
  ] as const) {
    const read = (await client.get(`/card-transactions?dateFrom=${from}&dateTo=${to}`)).rows()
    expect(read.length).toBeGreaterThan(0)
    expect(read).toEqual(within(from, to))
  }
  const row = within('2026-09-20', '2026-09-20')[7]
  expect((await client.get(`/card-transactions/${row?.transactionId}`)).row()).toEqual(row)
  for (const key of ['cardBatchId', 'customerCode', 'invoiceNumber', 'cardToken']) {
    const read = (await client.get(`/card-transactions?${key}=${row?.[key]}`)).rows()
    expect(read).toEqual(all.filter((each) => each[key] === row?.[key]))
  }
  const rising = await shop({ switches: { refundRow: 'with-parent', listOrder: 'ascending' } })
  expect(await rising.all('/card-transactions')).toEqual(all.toReversed())
  expect((await client.get('/card-transactions?page=99')).text).toBe('[]')
})

it('history itself is the same with them and without, but for the numbers of batches', async () => {
  const [one, other] = [await shop(), await shop({ scenario: SMALL_SHOP })]
  const since = '/card-transactions?dateFrom=2026-10-01'
  expect((await one.get(since)).text).toBe((await other.get(since)).text)
})

it('costs neither time nor memory until it is read: the last page of ten million rows', async () => {
  const archive = { from: '2026-03-15', transactionsPerDay: 50_000 }
  const client = await shop({ scenario: { ...SMALL_SHOP, archive } })
  const { length = 0 } = client.sandbox.state.merchant().archive() ?? {}
  expect(length).toBe(10_000_000)
  const read = (await client.get('/card-transactions?limit=1000&page=10000')).rows()
  expect(read).toHaveLength(1000)
  expect(
    (await client.get('/card-transactions?dateFrom=2026-05-01&dateTo=2026-05-01&page=50')).rows().length,
  ).toBeGreaterThan(0)
  await expect(shop({ scenario: { ...SMALL_SHOP, archive: { ...archive, from: '2026-10-01' } } })).rejects.toThrow(
    /no room/,
  )
})
