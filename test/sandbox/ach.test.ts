import { describe, expect, it } from 'vitest'
import { addBankingDays, isBankingDay } from '../../src/sandbox/history/billing/due-dates.ts'
import { achTotals } from '../../src/sandbox/records/ach.ts'
import { READ_ONLY_PERMISSIONS } from '../../src/sandbox/tokens.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { asList, asObject, example, type Json, json, offences, shapeOf } from './contract.ts'
import { BILLED_SHOP, type Client, start, text } from './support.ts'

type Fields = { [key: string]: Json }
const zone = createZone('America/Edmonton')
/** Few sales beside the bank's, so that days are made up fast. */
const BANK_SHOP = {
  ...BILLED_SHOP,
  salesPerDay: 1,
  billing: { subscriptions: 120, invoicesPerDay: 8, returnShare: 0.1 },
} as const
const shop = (options: Parameters<typeof start>[0] = {}) =>
  start({ now: '2026-11-19T20:00:00Z', scenario: BANK_SHOP, ...options })

const named = (reply: { text: string }, name: string): Fields[] =>
  asList(asObject(json(reply))[name] ?? null).map(asObject)

async function allTransactions({ get }: Client, query = ''): Promise<Fields[]> {
  const rows: Fields[] = []
  for (let page = 1; page < 100; page += 1) {
    const read = named(await get(`/ach/transactions?page=${page}${query}`), 'transactions')
    rows.push(...read)
    if (read.length < 125) return rows
  }
  throw new Error('too many pages')
}

describe('ACH has the shapes that were documented and read live', () => {
  it('transactions, wrapped in the list and bare alone, or the reverse', async () => {
    const client = await shop()
    const [documented = null] = asList(
      asObject(example('ach-transactions', 'list as the live API sends it')).transactions ?? null,
    )
    const rows = await allTransactions(client)
    for (const row of rows) expect(shapeOf(row)).toEqual(shapeOf(documented))
    const [row] = rows
    expect(json(await client.get(`/ach/transactions/${row?.id}`))).toEqual(row)
    const other = await shop({ switches: { achEnvelope: 'bare', achSingle: 'wrapped', achBankKey: 'bankAccountL4l4' } })
    const bare = asList(json(await other.get('/ach/transactions'))).map(asObject)
    expect(bare).toHaveLength(125)
    for (const each of bare) {
      expect(offences(each, 'TransactionEft', 'openapi-billing')).toEqual([`orderId (unknown key): ${each.orderId}`])
    }
    const wrapped = asObject(json(await other.get(`/ach/transactions/${bare[0]?.id}`)))
    expect(wrapped).toEqual({ transaction: bare[0] })
    expect(Object.keys(asObject(example('ach-transactions', 'transaction object, wrapped as printed')))).toEqual([
      'transaction',
    ])
  })

  it('batches, with a reference or without', async () => {
    const client = await shop()
    const [documented = null] = asList(asObject(example('ach-batches', 'list')).batches ?? null)
    const batches = named(await client.get('/ach/batches'), 'batches')
    for (const { batchReference, ...row } of batches) {
      expect(shapeOf(row)).toEqual(shapeOf(documented))
      expect(offences(row, 'AchBatch', 'openapi-billing').filter((each) => !/^(amount|count)/.test(each))).toEqual([])
      if (batchReference !== undefined) expect(batchReference).toBe(`ach-${row.batchId}`)
    }
    expect(new Set(batches.map((row) => 'batchReference' in row))).toEqual(new Set([true, false]))
  })

  it('errors are messages, and a merchant without ACH has empty lists', async () => {
    const { get } = await shop()
    const documented = shapeOf(example('errors', 'ACH message'))
    const wrong = [
      'startDate=2026-10-06&endDate=2026-10-05',
      'amountMin=5&amountMax=4',
      'statusAuth=LATE',
      'startDate=soon',
    ]
    for (const path of [
      ...wrong.map((query) => `/ach/transactions?${query}`),
      '/ach/transactions/1',
      '/ach/transactions/x',
    ]) {
      const reply = await get(path)
      expect([reply.status, shapeOf(json(reply))]).toEqual([400, documented])
    }
    const till = await start()
    expect((await till.get('/ach/transactions')).text).toBe('{"transactions":[]}')
    expect((await till.get('/ach/batches')).text).toBe('{"batches":[]}')
  })
})

describe('bank payments', () => {
  it('begin as pending in no batch, are approved into the open one, and clear after three or four banking days', async () => {
    const client = await shop()
    const { customers, achTransactions, achBatches } = client.sandbox.state.merchant().records
    const customer = customers.all()[0]
    const ach = client.sandbox.state.billing?.ach
    if (!customer || !ach) throw new Error('no bank')
    const order = { at: client.clock.now(), type: 'WITHDRAWAL', amountMinor: 1000n, currency: 'CAD' } as const
    const made = Array.from({ length: 30 }, () => ach.start({ ...order, customer, invoiceNumber: 'INV9' }).id)
    const seen = async () => made.map((id) => achTransactions.need(id))
    const served = (await client.get(`/ach/transactions/${made[0]}`)).row()
    expect(served).toMatchObject({ statusAuth: '5', statusClearing: '0', batchId: '0', statusBatch: '1' })
    client.clock.advance(3 * 3_600_000)
    client.sandbox.state.merchant()
    const approved = (await seen()).filter(({ statusAuth }) => statusAuth === 'APPROVED')
    expect(approved.length).toBeGreaterThan(20)
    expect(approved.every(({ batchId }) => achBatches.need(batchId).closedAt === null)).toBe(true)
    client.clock.set('2026-11-20T00:00:05Z')
    expect((await client.get(`/ach/transactions/${approved[0]?.id}`)).row()).toMatchObject({
      statusBatch: '2',
      dateClosed: '2026-11-19 17:00:03',
    })
    // A Thursday: three banking days on is Tuesday, four is Wednesday.
    client.clock.set('2026-11-24T12:59:00Z')
    client.sandbox.state.merchant()
    expect((await seen()).filter(({ statusClearing }) => statusClearing !== 'OPENED')).toEqual([])
    client.clock.set('2026-11-25T20:00:00Z')
    client.sandbox.state.merchant()
    const end = (await seen()).filter(({ statusAuth }) => statusAuth === 'APPROVED')
    expect(end.some(({ statusClearing }) => statusClearing === 'CLEARED')).toBe(true)
    expect(end.every(({ statusClearing }) => statusClearing !== 'OPENED')).toBe(true)
  })

  it.each([1, 2, 3])('every state occurs, and returns come days after clearing, seed %i', async (seed) => {
    const rows = await allTransactions(await shop({ seed }))
    const states = new Set(rows.map((row) => `${row.transactionType} ${row.statusAuth} ${row.statusClearing}`))
    for (const state of ['1 1 0', '1 1 1', '1 1 4', '1 2 0', '2 1 1']) expect(states).toContain(state)
    for (const row of rows) {
      if (row.statusAuth !== 1) expect([row.batchId, row.approvalCode]).toEqual([0, ''])
      else expect([Number(row.batchId) > 0, row.approvalCode]).toEqual([true, 'HCMAPPRV'])
      const isFollower = row.transactionType === 4 || row.transactionType === 5
      expect(Number(row.originalTransactionId) > 0).toBe(isFollower)
    }
  })

  it.each([1, 2, 3])('each batch is of one currency, states its rows, and closed at 17:00, seed %i', async (seed) => {
    const client = await shop({ seed })
    const { achTransactions, achBatches } = client.sandbox.state.merchant().records
    for (const batch of achBatches.all()) {
      const rows = achTransactions.by('batchId', String(batch.id))
      expect(new Set(rows.map(({ currency }) => currency))).toEqual(new Set([batch.currency]))
      expect(achTotals(rows).count.Withdrawals).toBe(rows.filter(({ type }) => type === 'WITHDRAWAL').length)
      if (batch.closedAt === null) expect(zone.date(batch.createdAt) >= '2026-11-18').toBe(true)
      else expect(zone.text(batch.closedAt)).toMatch(/ 17:00:03$/)
    }
    const served = named(await client.get('/ach/batches'), 'batches')
    const withdrawn = served.reduce((sum, row) => sum + Number(row.countWithdrawals), 0)
    expect(withdrawn).toBe(
      (await allTransactions(client)).filter((row) => row.transactionType === 1 && row.statusAuth === 1).length,
    )
    const early = await shop({ seed, switches: { achClosesAt: '15:45' } })
    const closed = named(await early.get('/ach/batches'), 'batches').filter(({ statusBatch }) => statusBatch === 2)
    expect(closed.every(({ dateClosed }) => / 15:45:03$/.test(String(dateClosed)))).toBe(true)
  })

  it('banks rest on weekends and two holidays', () => {
    expect(addBankingDays('2026-11-19', 3)).toBe('2026-11-24')
    expect(addBankingDays('2026-12-24', 1)).toBe('2026-12-28')
    expect(isBankingDay('2027-01-01')).toBe(false)
    expect(addBankingDays('2026-12-31', 1)).toBe('2027-01-04')
  })
})

describe('the list of bank payments', () => {
  it('filters by names, several at once, by amounts, dates, customer, invoice, and search', async () => {
    const client = await shop()
    const rows = await allTransactions(client)
    const only = async (query: string, keep: (row: Fields) => boolean) => {
      const expected = rows.filter(keep)
      expect(expected.length).toBeGreaterThan(0)
      expect(await allTransactions(client, `&${query}`)).toEqual(expected)
    }
    await only('statusAuth=APPROVED', (row) => row.statusAuth === 1)
    await only('statusAuth=PENDING&statusAuth=DECLINED', (row) => row.statusAuth === 5 || row.statusAuth === 2)
    await only('statusClearing[]=RETURNED', (row) => row.statusClearing === 4)
    await only('statusClearing=RETURNED,REJECTED', (row) => row.statusClearing === 4 || row.statusClearing === 2)
    await only('amountMin=40&amountMax=120', (row) => Number(row.amount) >= 40 && Number(row.amount) <= 120)
    await only('users=0', () => true)
    expect(await allTransactions(client, '&users=5')).toEqual([])
    const on = (row: Fields, from: string, to: string) =>
      String(row.dateCreated).slice(0, 10) >= from && String(row.dateCreated).slice(0, 10) <= to
    await only('startDate=2026-11-02&endDate=2026-11-04', (row) => on(row, '2026-11-02', '2026-11-04'))
    const [sample] = client.sandbox.state.merchant().records.achTransactions.all()
    expect((await allTransactions(client, `&invoiceNumber=${sample?.invoiceNumber}`)).map(({ id }) => id)).toContain(
      Number(sample?.id),
    )
    expect((await allTransactions(client, `&customerCode=${sample?.customerCode}`)).map(({ id }) => id)).toContain(
      Number(sample?.id),
    )
    await only(`search=${sample?.bankLastFours}`, (row) => row.bankAccountL4L4 === Number(sample?.bankLastFours))
    const exclusive = await shop({ switches: { dateEnd: 'exclusive' } })
    const days = await allTransactions(exclusive, '&startDate=2026-11-02&endDate=2026-11-04')
    expect(days).toEqual(rows.filter((row) => on(row, '2026-11-02', '2026-11-03')))
  })

  it('writes codes as numbers or names, and amounts as texts', async () => {
    const { get } = await shop({ switches: { achCodes: 'names', amountTypes: 'string' } })
    const [row] = named(await get('/ach/transactions?statusAuth=APPROVED'), 'transactions')
    expect(row).toMatchObject({ statusAuth: 'APPROVED', transactionType: expect.stringMatching(/^[A-Z]+$/) })
    expect(row?.amount).toMatch(/^\d+\.\d\d$/)
    expect((await get('/ach/transactions?limit=9')).text.match(/"id":/g)).toHaveLength(9)
  })
})

describe('settling an ACH batch', () => {
  const KEY = '3f1c0a52-6d0e-4b6a-9d1b-6f6f0f4f9b11'
  const settle = async ({ sandbox }: Client, id: Json | undefined, key?: string, token = sandbox.token) => {
    const headers = { 'api-token': token, ...(key === undefined ? {} : { 'idempotency-key': key }) }
    const response = await fetch(`${sandbox.url}/ach/batches/${id}/settle`, { method: 'PUT', headers })
    return { status: response.status, body: await response.json() }
  }

  it('needs a key and an open batch, closes it, and answers with a message', async () => {
    const tokens = [
      { token: 'all', name: 'all' },
      { token: 'reads', name: 'reader', permissions: READ_ONLY_PERMISSIONS },
    ]
    const client = await shop({ tokens })
    const open = async () =>
      named(await client.get('/ach/batches'), 'batches').filter(({ statusBatch }) => statusBatch === 1)
    const [batch] = await open()
    expect(await settle(client, batch?.batchId)).toEqual({ status: 400, body: { message: 'Missing idempotency key' } })
    expect((await settle(client, batch?.batchId, 'short')).status).toBe(400)
    expect((await settle(client, batch?.batchId, KEY, 'reads')).status).toBe(403)
    const done = await settle(client, batch?.batchId, KEY)
    expect(done).toEqual({ status: 200, body: { message: `Successfully settled ACH batch ID #${batch?.batchId}.` } })
    expect((await open()).map(({ batchId }) => batchId)).not.toContain(batch?.batchId)
    const again = await settle(client, batch?.batchId, KEY)
    expect(again).toEqual({ status: 400, body: example('ach-batches', 'settle, not eligible') })
    client.clock.advance(36 * 3_600_000)
    expect((await client.get('/ach/batches')).status).toBe(200)
  })
})

it('a test can change, move, date back, hide and remove bank payments, and make a batch lie', async () => {
  const client = await shop()
  const { achTransactions, achBatches } = client.sandbox.state.merchant().records
  const [from, to] = achBatches.all().filter(({ currency }) => currency === 'CAD')
  const row = from && achTransactions.by('batchId', String(from.id)).find(({ type }) => type === 'WITHDRAWAL')
  if (!to || !row) throw new Error('no two batches')
  const stated = async (id: bigint) => {
    const batches = (await client.get('/ach/batches')).text
    return Number(/"countWithdrawals":(\d+)/.exec(batches.slice(batches.indexOf(`"batchId":${id},`)))?.[1])
  }
  const [before, beforeTo] = [await stated(from.id), await stated(to.id)]
  achTransactions.alter(row.id, { batchId: to.id })
  expect([await stated(from.id), await stated(to.id)]).toEqual([before - 1, beforeTo + 1])
  achBatches.alter(from.id, { lie: { minor: {}, count: { Withdrawals: 3 } } })
  expect(await stated(from.id)).toBe(before + 2)
  const weekAgo = client.clock.now() - 7 * 86_400_000
  const late = achTransactions.add((id) => ({ ...row, id, createdAt: row.createdAt }))
  expect(late.createdAt).toBeLessThan(weekAgo)
  expect(text((await client.get(`/ach/transactions/${late.id}`)).row(), 'dateCreated')).toBe(zone.text(row.createdAt))
  achTransactions.hide(late.id)
  expect((await client.get(`/ach/transactions/${late.id}`)).status).toBe(400)
  achTransactions.remove(row.id)
  expect((await client.get(`/ach/transactions/${row.id}`)).status).toBe(400)
})
