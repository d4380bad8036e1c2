import { describe, expect, it } from 'vitest'
import { parseMinor } from '../../src/domain/money.ts'
import { asList, asObject, example, type Json, json, shapeOf } from './contract.ts'
import { BILLED_SHOP, type Client, start } from './support.ts'

type Fields = { [key: string]: Json }
/** Few sales beside the subscriptions, so that days are made up fast. */
const QUIET_SHOP = { ...BILLED_SHOP, salesPerDay: 1 } as const
const shop = (options: Parameters<typeof start>[0] = {}) =>
  start({ now: '2026-11-20T20:00:00Z', scenario: QUIET_SHOP, ...options })

const dataOf = (reply: { text: string }): Json => asObject(json(reply)).data ?? null
const listOf = (reply: { status: number; text: string }): Fields[] =>
  reply.status === 204 ? [] : asList(dataOf(reply)).map(asObject)

async function everyOne({ get }: Client, path: string, query = ''): Promise<Fields[]> {
  const rows: Fields[] = []
  for (let offset = 0; offset < 5000; offset += 100) {
    const read = listOf(await get(`${path}?limit=100&offset=${offset}${query}`))
    rows.push(...read)
    if (read.length < 100) return rows
  }
  throw new Error('too many')
}

const single = async ({ get }: Client, id: Json | undefined) =>
  asObject(dataOf(await get(`/subscriptions/${id}?includeSubObjects=true`)))
/** Without the keys that the reference names and the guide does not print. */
const printed = (row: Fields, unprinted = ['setupAmount', 'maxCycles', 'paymentMethod']) =>
  Object.fromEntries(Object.entries(row).filter(([key]) => !unprinted.includes(key)))

describe('the Recurring API answers in the documented shapes', () => {
  it('subscriptions, with sub-objects by id and without them in the list', async () => {
    const client = await shop()
    const documented = asObject(example('subscriptions', 'subscription object with sub-objects'))
    const { payments, subscriptionAddOns, ...bare } = documented
    const rows = await everyOne(client, '/subscriptions')
    for (const row of rows) {
      expect(shapeOf(printed(row))).toEqual(shapeOf(bare))
      const one = await single(client, row.id)
      expect(shapeOf(printed(one))).toEqual(shapeOf(documented))
      for (const payment of asList(one.payments ?? null)) {
        expect(shapeOf(payment)).toEqual(shapeOf(asList(payments ?? null)[0] ?? null))
      }
      for (const addOn of asList(one.subscriptionAddOns ?? null)) {
        expect(shapeOf(addOn)).toEqual(shapeOf(asList(subscriptionAddOns ?? null)[0] ?? null))
      }
      expect(asObject(dataOf(await client.get(`/subscriptions/${row.id}`)))).toEqual(row)
    }
    expect(rows.length).toBeGreaterThan(40)
  })

  it('plans and add-ons, each also alone', async () => {
    const client = await shop()
    for (const [path, file, name] of [
      ['/payment-plans', 'payment-plans', 'payment plan object'],
      ['/add-ons', 'add-ons', 'add-on object'],
    ] as const) {
      const rows = await everyOne(client, path)
      expect(rows.length).toBeGreaterThan(2)
      for (const row of rows) {
        expect(shapeOf(printed(row, ['billSetupImmediately', 'isProrated']))).toEqual(shapeOf(example(file, name)))
        expect(dataOf(await client.get(`${path}/${row.id}`))).toEqual(row)
      }
    }
  })

  it('in an envelope with a timestamp of nine digits and an offset', async () => {
    const documented = asObject(example('subscriptions', 'collection'))
    const { get } = await shop()
    const served = asObject(json(await get('/subscriptions?limit=1')))
    expect(shapeOf(served)).toEqual(shapeOf(documented))
    expect(served.timestamp).toMatch(/^2026-11-20T13:00:00\.\d{9}-07:00$/)
    expect(String(documented.timestamp)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}-0\d:00$/)
  })

  it('nothing found is 204 without a body, and what makes no sense has a list of errors', async () => {
    const { get } = await shop()
    for (const path of [
      '/subscriptions?customerCode=NOSUCH',
      '/subscriptions?offset=5000',
      '/subscriptions/1',
      '/add-ons/1',
    ]) {
      expect(await get(path)).toMatchObject({ status: 204, text: '' })
    }
    const reply = await get('/subscriptions?dateBilling=soon')
    const documented = asObject(example('errors', 'recurring API envelope'))
    expect(reply.status).toBe(400)
    expect(shapeOf(json(reply))).toEqual(shapeOf(documented))
    const [error] = asList(asObject(asObject(json(reply)).errors ?? null).ERR_VALIDATION_FAILED ?? null)
    expect(error).toMatchObject({ code: 'ERR_VALIDATION_FAILED', source: 'dateBilling' })
  })

  it('are empty for a merchant who has a till and nothing else', async () => {
    const { get } = await start()
    for (const path of ['/subscriptions', '/payment-plans', '/add-ons']) expect((await get(path)).status).toBe(204)
  })
})

describe('lists of the Recurring API', () => {
  it('start at an offset, are sorted, and hold at most a hundred', async () => {
    const client = await shop({ scenario: { ...QUIET_SHOP, billing: { subscriptions: 130 } } })
    const rows = await everyOne(client, '/subscriptions', '&sort=id.asc')
    const ids = rows.map(({ id }) => Number(id))
    expect(ids).toEqual(ids.toSorted((a, b) => a - b))
    expect(ids.length).toBe(client.sandbox.state.merchant().records.subscriptions.all().length)
    expect(listOf(await client.get('/subscriptions?limit=500'))).toHaveLength(100)
    expect(listOf(await client.get('/subscriptions?limit=3&offset=5&sort=id.asc')).map(({ id }) => id)).toEqual(
      ids.slice(5, 8),
    )
    const dates = listOf(await client.get('/subscriptions?sort=dateBilling.desc')).map((row) => String(row.dateBilling))
    expect(dates).toEqual(dates.toSorted().toReversed())
    expect(listOf(await client.get('/subscriptions?sort=nothing.asc'))).toEqual(
      listOf(await client.get('/subscriptions')),
    )
  })

  it('are filtered by each documented field', async () => {
    const client = await shop()
    const rows = await everyOne(client, '/subscriptions')
    const sample = rows.find((row) => row.hasFailedPayments === 'yes')
    const keys = ['id', 'dateActivated', 'dateBilling', 'status', 'paymentPlanId', 'customerCode', 'timesBilled']
    for (const key of [...keys, 'recurringAmount', 'freeTrialPeriod', 'hasFailedPayments']) {
      const expected = rows.filter((row) => row[key] === sample?.[key])
      expect(await everyOne(client, '/subscriptions', `&${key}=${sample?.[key]}`)).toEqual(expected)
    }
    const plans = await everyOne(client, '/payment-plans')
    for (const key of [
      'name',
      'type',
      'status',
      'currency',
      'billingPeriod',
      'billingPeriodIncrements',
      'dateBilling',
    ]) {
      const found = await everyOne(client, '/payment-plans', `&${key}=${encodeURIComponent(String(plans[3]?.[key]))}`)
      expect(found).toEqual(plans.filter((plan) => plan[key] === plans[3]?.[key]))
    }
  })

  it('listen to other names of paging, or to none', async () => {
    const ids = async (options: Parameters<typeof start>[0], query: string) =>
      listOf(await (await shop(options)).get(`/subscriptions?sort=id.asc&${query}`)).map(({ id }) => id)
    const all = (await everyOne(await shop(), '/subscriptions', '&sort=id.asc')).map(({ id }) => id)
    expect(await ids({ switches: { recurringOffsetBase: 1 } }, 'limit=3&offset=1')).toEqual(all.slice(0, 3))
    const paged = { switches: { recurringPaging: 'page' } } as const
    expect(await ids(paged, 'limit=4&page=2')).toEqual(all.slice(4, 8))
    expect(await ids(paged, 'limit=4&offset=4')).toEqual(all.slice(0, 4))
    expect(await ids({ switches: { recurringPaging: 'none' } }, 'limit=4&offset=4')).toEqual(all.slice(0, 100))
    expect(await ids({ switches: { pageSizeMax: 6 } }, 'limit=50&offset=6')).toEqual(all.slice(6, 12))
    const last = await ids({ switches: { pagePastEnd: 'repeat-last' } }, 'limit=10&offset=5000')
    expect(last).toEqual(all.slice(Math.floor((all.length - 1) / 10) * 10))
  })

  it('take sub-objects along where the switch says so, and say nothing in other ways', async () => {
    const listed = await shop({ switches: { subObjectsOnList: true, subscriptionAddOnsKey: 'addOns' } })
    for (const row of await everyOne(listed, '/subscriptions', '&includeSubObjects=true')) {
      expect(row).toEqual(await single(listed, row.id))
      expect(row).toHaveProperty('addOns')
    }
    const bare = await shop({ switches: { recurringEnvelope: 'bare', recurringNothing: 'empty-data' } })
    expect((await bare.get('/add-ons')).text).toMatch(/^\[\{"id":/)
    expect(await bare.get('/add-ons?id=1')).toMatchObject({ status: 200, text: '[]' })
    const spoken = await shop({ switches: { recurringStatusWord: 'success', recurringNothing: '404-for-id' } })
    expect((await spoken.get('/add-ons')).text).toContain('"status":"success"')
    expect((await spoken.get('/add-ons/1')).status).toBe(404)
    expect((await spoken.get('/add-ons?id=1')).status).toBe(204)
  })

  it.each([
    ['yes-no', ['yes', 'no']],
    ['true-false', ['true', 'false']],
    ['boolean', [true, false]],
  ] as const)('say of failed payments %s', async (hasFailedPayments, words) => {
    const rows = await everyOne(await shop({ switches: { hasFailedPayments } }), '/subscriptions')
    expect(new Set<Json | undefined>(rows.map((row) => row.hasFailedPayments))).toEqual(new Set<Json>(words))
  })

  it('count failed payments where they are numbers, and write amounts as texts where told so', async () => {
    const rows = await everyOne(
      await shop({ switches: { hasFailedPayments: 'number', amountTypes: 'four-decimals' } }),
      '/subscriptions',
    )
    expect(rows.some(({ hasFailedPayments }) => Number(hasFailedPayments) > 0)).toBe(true)
    expect(rows.every(({ recurringAmount }) => /^\d+\.\d{4}$/.test(String(recurringAmount)))).toBe(true)
  })

  it('date changes by people, everything, or nothing', async () => {
    const changed = async (subscriptionDateUpdated: 'edits' | 'everything' | 'never') =>
      (await everyOne(await shop({ switches: { subscriptionDateUpdated } }), '/subscriptions')).filter(
        ({ dateUpdated }) => dateUpdated !== '0000-00-00 00:00:00',
      ).length
    const [edits, everything] = [await changed('edits'), await changed('everything')]
    expect(await changed('never')).toBe(0)
    expect(edits).toBeGreaterThan(0)
    expect(everything).toBeGreaterThan(edits)
  })

  it('say of a payment the sum charged, that before tax, or the recurring part', async () => {
    const parts = async (subscriptionAmount: 'charged' | 'before-tax' | 'recurring') => {
      const client = await shop({ switches: { subscriptionAmount, waitingParts: 'filled' } })
      const { subscriptions } = client.sandbox.state.merchant().records
      const taxed = subscriptions.all().find(({ payments }) => (payments[0]?.taxMinor ?? 0n) > 0n)
      const payments = asList((await single(client, String(taxed?.id))).payments ?? null).map(asObject)
      const [first] = payments
      const minor = (key: string) => parseMinor(String(first?.[key]), 2) ?? 0n
      const waiting = payments.find(({ status }) => status === 'waiting')
      if (waiting) expect(waiting.recurringAmount).toBe(waiting.amount)
      const base = minor('setupAmount') + minor('recurringAmount') + minor('addOnAmount')
      return [minor('amount'), base, minor('taxAmount'), minor('recurringAmount')] as const
    }
    const [charged, base, tax, recurring] = await parts('charged')
    expect(tax).toBeGreaterThan(0n)
    expect(charged).toBe(base + tax)
    expect((await parts('before-tax'))[0]).toBe(base)
    expect((await parts('recurring'))[0]).toBe(recurring)
  })
})
