import { expect, it } from 'vitest'
import { parseMinor } from '../../src/domain/money.ts'
import { asList, asObject, type Json, json } from './contract.ts'
import { BILLED_SHOP, type Client, start } from './support.ts'

type Fields = { [key: string]: Json }

/** A complete read of a list, by whatever way it is cut. */
async function readAll({ get }: Client, path: string, name?: string): Promise<Fields[]> {
  const rows: Fields[] = []
  const glue = path.includes('?') ? '&' : '?'
  for (let page = 1; page < 200; page += 1) {
    const reply = await get(`${path}${glue}page=${page}&offset=${rows.length}`)
    if (reply.status === 204) return rows
    const body = json(reply)
    const read = asList(name === undefined ? body : (asObject(body)[name] ?? null)).map(asObject)
    const known = new Set(rows.map((row) => JSON.stringify(row)))
    const fresh = read.filter((row) => !known.has(JSON.stringify(row)))
    if (fresh.length === 0) return rows
    rows.push(...fresh)
  }
  throw new Error('too many pages')
}

const sumOf = (rows: readonly Fields[], key: string, currencyOf: (row: Fields) => string) => {
  const sums: Record<string, bigint> = {}
  for (const row of rows) {
    const minor = parseMinor(String(row[key]), 2)
    if (minor === undefined) throw new Error(`no amount: ${row[key]}`)
    sums[currencyOf(row)] = (sums[currencyOf(row)] ?? 0n) + minor
  }
  return sums
}

it.each([1, 2])('a complete read of every resource comes to the totals, seed %i', async (seed) => {
  const client = await start({
    seed,
    now: '2026-11-15T20:00:00Z',
    scenario: BILLED_SHOP,
    switches: { subObjectsOnList: true },
  })
  const hidden = client.sandbox.state.merchant().records.invoices.all()[5]
  if (hidden) client.sandbox.state.merchant().records.invoices.hide(hidden.id)
  const totals = client.sandbox.totals()
  const own = (row: Fields) => String(row.currency)

  const customers = await readAll(client, '/customers?includeCards=yes')
  expect(customers).toHaveLength(totals.customers.count)
  expect(customers.flatMap((row) => asList(row.cards ?? null))).toHaveLength(totals.cards.count)
  const transactions = await readAll(client, '/card-transactions')
  expect({ count: transactions.length, minor: sumOf(transactions, 'amount', own) }).toEqual(totals.cardTransactions)
  expect(await readAll(client, '/card-batches')).toHaveLength(totals.cardBatches.count)
  expect(await readAll(client, '/card-terminals')).toHaveLength(totals.cardTerminals.count)
  const invoices = await readAll(client, '/invoices')
  expect({ count: invoices.length, minor: sumOf(invoices, 'amount', own) }).toEqual(totals.invoices)
  const plans = await readAll(client, '/payment-plans', 'data')
  expect({ count: plans.length, minor: sumOf(plans, 'recurringAmount', own) }).toEqual(totals.paymentPlans)
  expect(await readAll(client, '/add-ons', 'data')).toHaveLength(totals.addOns.count)
  const currencies = new Map(plans.map(({ id, currency }) => [id, String(currency)]))
  const byPlan = (row: Fields) => currencies.get(row.paymentPlanId ?? null) ?? ''
  const subscriptions = await readAll(client, '/subscriptions?includeSubObjects=true', 'data')
  expect({ count: subscriptions.length, minor: sumOf(subscriptions, 'recurringAmount', byPlan) }).toEqual(
    totals.subscriptions,
  )
  const payments: Fields[] = subscriptions.flatMap((row) =>
    asList(row.payments ?? null).map((each) => ({ ...asObject(each), paymentPlanId: row.paymentPlanId ?? null })),
  )
  expect(payments).toHaveLength(totals.subscriptionPayments.count)
  const charged = payments.filter((row) => row.status !== 'waiting')
  expect(sumOf(charged, 'amount', byPlan)).toEqual(totals.subscriptionPayments.minor)
  const ach = await readAll(client, '/ach/transactions', 'transactions')
  const coded = (row: Fields) => (row.currency === 1 ? 'CAD' : 'USD')
  expect({ count: ach.length, minor: sumOf(ach, 'amount', coded) }).toEqual(totals.achTransactions)
  expect(await readAll(client, '/ach/batches', 'batches')).toHaveLength(totals.achBatches.count)
  expect(Object.values(totals).every(({ count }) => count > 0)).toBe(true)
})
