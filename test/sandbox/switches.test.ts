import { describe, expect, it } from 'vitest'
import type { Switches } from '../../src/sandbox/options.ts'
import { READ_ONLY_PERMISSIONS } from '../../src/sandbox/tokens.ts'
import { type Row, SMALL_SHOP, start, text } from './support.ts'

const withSwitches = (switches: Partial<Switches>, more: Parameters<typeof start>[0] = {}) =>
  start({ ...more, switches })
const ids = (rows: readonly Row[]) => rows.map((row) => BigInt(text(row, 'transactionId')))
const isAscending = (list: readonly bigint[]) => list.every((id, at) => at === 0 || id > (list[at - 1] ?? 0n))

describe('order of lists', () => {
  const read = async (listOrder: Switches['listOrder']) => {
    const { get } = await withSwitches({ listOrder })
    return [ids((await get('/card-transactions')).rows()), ids((await get('/card-transactions')).rows())] as const
  }

  it('newest first, ascending, shuffled for good, shuffled each time', async () => {
    const [ascending] = await read('ascending')
    expect(isAscending(ascending)).toBe(true)
    expect((await read('newest-first'))[0]).toEqual(ascending.toReversed())
    const [stable, stableAgain] = await read('shuffled-stable')
    expect(isAscending(stable)).toBe(false)
    expect(stableAgain).toEqual(stable)
    const [shuffled, shuffledAgain] = await read('shuffled-each-time')
    expect(shuffledAgain).not.toEqual(shuffled)
    expect(new Set(shuffledAgain)).toEqual(new Set(ascending))
  })

  it('pages of a list shuffled for good are still disjoint', async () => {
    const { get } = await withSwitches({ listOrder: 'shuffled-stable' })
    const [first, second] = [
      await get('/card-transactions?limit=20&page=1'),
      await get('/card-transactions?limit=20&page=2'),
    ]
    expect(new Set([...ids(first.rows()), ...ids(second.rows())]).size).toBe(40)
  })
})

it('dateTo includes its day or not', async () => {
  const path = '/card-transactions?dateFrom=2026-10-05&dateTo=2026-10-06'
  const days = async (dateTo: Switches['dateTo']) =>
    new Set(
      (await (await withSwitches({ dateTo })).get(path)).rows().map((row) => text(row, 'dateCreated').slice(0, 10)),
    )
  expect(await days('inclusive')).toEqual(new Set(['2026-10-05', '2026-10-06']))
  expect(await days('exclusive')).toEqual(new Set(['2026-10-05']))
})

it('a page past the end is empty or the last one again', async () => {
  const empty = await withSwitches({})
  expect((await empty.get('/card-transactions?page=9')).text).toBe('[]')
  const repeating = await withSwitches({ pagePastEnd: 'repeat-last' })
  expect((await repeating.get('/card-transactions?page=9')).text).toBe((await repeating.get('/card-transactions')).text)
})

it('the list of batches is whole or the first hundred', async () => {
  const scenario = { ...SMALL_SHOP, startsOn: '2026-08-01', salesPerDay: 8 }
  const whole = (await (await withSwitches({}, { scenario })).get('/card-batches')).rows()
  expect(whole.length).toBeGreaterThan(100)
  const cut = (await (await withSwitches({ batchList: 'first-100' }, { scenario })).get('/card-batches')).rows()
  expect(cut).toEqual(whole.slice(0, 100))
})

it.each([
  ['400', 400, '{"errors":"Card Batch is already closed"}'],
  ['409', 409, '{"errors":"Card Batch is already closed"}'],
  ['200', 200, '"closed":true'],
] as const)('settling a closed batch answers %s', async (settleOfClosed, status, part) => {
  const { get, post } = await withSwitches({ settleOfClosed })
  const closed = (await get('/card-batches')).rows().find((row) => row.closed === true)
  const reply = await post(`/card-batches/${closed?.id}/settle`)
  expect(reply.status).toBe(status)
  expect(reply.text).toContain(part)
})

it('a settlement answers with or without statistics', async () => {
  const settle = async (settleAnswer: Switches['settleAnswer']) => {
    const { get, post } = await withSwitches({ settleAnswer })
    const open = (await get('/card-batches')).rows().find((row) => row.closed === false)
    return (await post(`/card-batches/${open?.id}/settle`)).row()
  }
  expect(await settle('without-statistics')).not.toHaveProperty('netSales')
  expect(await settle('with-statistics')).toHaveProperty('netSales')
})

it.each([
  ['json', 'application/json', null],
  ['html', 'text/html', null],
  ['json-with-retry-after', 'application/json', '61'],
] as const)('a 429 comes as %s', async (tooManyRequests, type, retryAfter) => {
  const { get } = await withSwitches({ tooManyRequests }, { limits: { concurrent: 5, minute: 1, hour: 100 } })
  await get('/connection-test')
  const { status, headers } = await get('/connection-test')
  expect([status, headers.get('content-type'), headers.get('retry-after')]).toEqual([429, type, retryAfter])
})

it('the hour header stands still or falls', async () => {
  const second = async (hourHeader: Switches['hourHeader']) => {
    const { get } = await withSwitches({ hourHeader }, { limits: { concurrent: 5, minute: 100, hour: 3000 } })
    await get('/connection-test')
    return (await get('/connection-test')).headers.get('hour-limit-remaining')
  }
  expect(await second('constant')).toBe('3000')
  expect(await second('falling')).toBe('2999')
})

it('refused calls fill the windows or do not', async () => {
  const afterTheFirst = async (refusedCallsCount: boolean) => {
    const { get, clock } = await withSwitches(
      { refusedCallsCount },
      { limits: { concurrent: 5, minute: 1, hour: 100 } },
    )
    await get('/connection-test')
    clock.advance(30_000)
    await get('/connection-test')
    clock.advance(31_000)
    return (await get('/connection-test')).status
  }
  expect(await afterTheFirst(false)).toBe(200)
  expect(await afterTheFirst(true)).toBe(429)
})

it('times and date filters follow the zone served', async () => {
  const first = async (zone: Switches['zone']) =>
    (await (await withSwitches({ zone, listOrder: 'ascending' })).get('/card-transactions')).rows()
  const [edmonton, fixed] = [await first('America/Edmonton'), await first('-07:00')]
  const shiftMs = Date.parse(`${edmonton[0]?.dateCreated}Z`) - Date.parse(`${fixed[0]?.dateCreated}Z`)
  expect(shiftMs).toBe(3_600_000)
  const { get } = await withSwitches({ zone: '-07:00' })
  const day = (await get('/card-transactions?dateFrom=2026-10-05&dateTo=2026-10-05')).rows()
  expect(day.every((row) => text(row, 'dateCreated').startsWith('2026-10-05'))).toBe(true)
  expect(day.length).toBe(fixed.filter((row) => text(row, 'dateCreated').startsWith('2026-10-05')).length)
})

it.each([
  ['mixed', /"netSales":-?\d[\d.]*,"totalSales":"\d+\.\d{4}".*"countTotal":\d+,"countApproved":"\d+"/],
  ['numbers', /"netSales":-?\d[\d.]*,"totalSales":\d[\d.]*,.*"countTotal":\d+,"countApproved":\d+/],
  ['strings', /"netSales":"-?\d+\.\d{4}","totalSales":"\d+\.\d{4}".*"countTotal":"\d+","countApproved":"\d+"/],
] as const)('statistics are %s', async (statisticsTypes, pattern) => {
  const { get } = await withSwitches({ statisticsTypes })
  expect((await get('/card-batches?collect-stats=true')).text).toMatch(pattern)
})

it('approvals are spelt in one way or in both', async () => {
  const spellings = async (statusSpelling: Switches['statusSpelling']) =>
    new Set(
      (await (await withSwitches({ statusSpelling })).get('/card-transactions')).rows().map(({ status }) => status),
    )
  expect(await spellings('mixed')).toEqual(new Set(['APPROVED', 'APPROVAL', 'DECLINED']))
  expect(await spellings('APPROVED')).toEqual(new Set(['APPROVED', 'DECLINED']))
  expect(await spellings('APPROVAL')).toEqual(new Set(['APPROVAL', 'DECLINED']))
})

it('refund rows name invoice and customer, or nothing, or their parent as well', async () => {
  const refund = async (refundRow: Switches['refundRow']) => {
    const { get } = await withSwitches({ refundRow })
    const rows = (await get('/card-transactions')).rows()
    const row = rows.find(({ type }) => type === 'refund')
    if (!row) throw new Error('no refund')
    return { row, get }
  }
  const named = (await refund('original-invoice')).row
  expect(named.invoiceNumber).toMatch(/^INV\d+$/)
  expect(named).not.toHaveProperty('originalTransactionId')
  const empty = await refund('empty')
  expect([empty.row.invoiceNumber, empty.row.customerCode]).toEqual(['', ''])
  const found = (await empty.get(`/card-transactions?invoiceNumber=${named.invoiceNumber}`)).rows()
  expect(found.every(({ type }) => type !== 'refund')).toBe(true)
  const parented = (await refund('with-parent')).row
  expect(Object.keys(parented)).toEqual([...Object.keys(named), 'originalTransactionId'])
})

it('new rows can be read after their lag; statistics know them at once', async () => {
  const { get, clock, sandbox } = await withSwitches({ lagSeconds: 90 })
  const customer = sandbox.state.customers[0]
  if (!customer) throw new Error('no customer')
  const merchant = sandbox.state.merchant()
  const row = sandbox.state.payments.purchase({ at: clock.now(), customer, amountMinor: 1234n })
  const path = `/card-transactions/${row.id}`
  const listed = async () => (await get(`/card-transactions?cardBatchId=${row.batchId}`)).rows().length
  const counted = async () => Number((await get(`/card-batches/${row.batchId}?collect-stats=true`)).row().countTotal)
  expect((await get(path)).status).toBe(404)
  expect(await listed()).toBeLessThan(await counted())
  clock.advance(90_000)
  expect((await get(path)).status).toBe(200)
  expect(merchant.transaction(row.id)).toBe(row)
})

it.each([
  ['number', /"amount":\d+(\.\d?[1-9])?,/],
  ['string', /"amount":"\d+\.\d{2}",/],
  ['four-decimals', /"amount":"\d+\.\d{4}",/],
] as const)('amounts are written as %s', async (amountTypes, pattern) => {
  const { get } = await withSwitches({ amountTypes })
  const amounts = (await get('/card-transactions')).text.match(/"amount":[^,]*,/g) ?? []
  expect(amounts.length).toBeGreaterThan(100)
  for (const amount of amounts) expect(amount).toMatch(pattern)
})

it('the counts of a batch leave out what they are told to', async () => {
  const totals = async (batchCounts: Switches['batchCounts']) => {
    const { get } = await withSwitches({ batchCounts })
    return (await get('/card-batches?collect-stats=true')).rows().reduce((sum, row) => sum + Number(row.countTotal), 0)
  }
  const { all } = await withSwitches({})
  const rows = (await all('/card-transactions')).filter(({ cardBatchId }) => cardBatchId !== '0')
  const count = (...types: string[]) => rows.filter(({ type }) => !types.includes(String(type))).length
  expect(await totals('all')).toBe(count())
  expect(await totals('without-verify')).toBe(count('verify'))
  expect(await totals('without-preauth-and-verify')).toBe(count('verify', 'preauth'))
  expect(count('verify', 'preauth')).toBeLessThan(count('verify'))
  expect(count('verify')).toBeLessThan(count())
})

it('lists come bare, under data, or under their name', async () => {
  const bodies = async (envelope: Switches['envelope']) => {
    const { get } = await withSwitches({ envelope })
    return Promise.all(['/card-transactions', '/card-batches'].map(async (path) => (await get(path)).text.slice(0, 17)))
  }
  expect((await bodies('bare')).every((body) => body.startsWith('[{'))).toBe(true)
  expect((await bodies('data')).every((body) => body.startsWith('{"data":[{'))).toBe(true)
  const [transactions, batches] = await bodies('named')
  expect(transactions).toBe('{"transactions":[')
  expect(batches).toMatch(/^\{"batches":\[/)
})

it('a filter can be ignored, and a limit overruled', async () => {
  const { get } = await withSwitches({ filtersIgnored: ['customerCode'], pageSizeMax: 25 })
  const codes = new Set(
    (await get('/card-transactions?customerCode=CST1000&limit=1000')).rows().map((row) => row.customerCode),
  )
  expect(codes.size).toBeGreaterThan(1)
  expect((await get('/card-transactions?limit=1000')).rows()).toHaveLength(25)
  expect((await get('/card-transactions?limit=10')).rows()).toHaveLength(10)
})

it('refusals for want of permission or token come with either status', async () => {
  const tokens = [{ token: 'reads', name: 'reader', permissions: READ_ONLY_PERMISSIONS }]
  const { get, post } = await withSwitches({ noPermission: 401, unauthorized: 403 }, { tokens })
  const open = (await get('/card-batches')).rows().find(({ closed }) => closed === false)
  const refused = await post(`/card-batches/${open?.id}/settle`)
  expect([refused.status, refused.text]).toEqual([401, '{"errors":"No access permission"}'])
  expect((await get('/connection-test', 'wrong')).status).toBe(403)
})
