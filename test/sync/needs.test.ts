import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { insertDue } from '../../src/db/due-work.ts'
import { listInvoicesToRead, listUnknownCustomers } from '../../src/db/needs.ts'
import { createPull } from '../../src/db/pulls.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { askForNeeds } from '../../src/jobs/sync/ask-for-needs.ts'
import { resourceOf } from '../../src/jobs/sync/resources.ts'
import { chargedMinor } from '../../src/sandbox/records/recurring.ts'
import { ALL, type BilledShop, DAYS, openBilledShop, RECENT, read } from './billed-shop.ts'
import { rest } from './support.ts'

let shop: BilledShop
beforeAll(async () => {
  shop = await openBilledShop({ pageSizeMax: 1_000, invoicePageSize: 100 })
  await read(shop, 'card_terminal', ALL)
  await read(shop, 'card_batch', ALL)
  await read(shop, 'card_transaction', DAYS)
})
afterAll(() => shop?.close())

let countDue = 0

/** Does what is due each hour, with the queue of the daemon. @returns the paths that were called, and how it ended */
async function anHour(): Promise<{ paths: string[]; outcome: unknown; reason: unknown }> {
  const { look, context } = shop
  const { accountId } = context.account
  countDue += 1
  const plannedAt = toInstant(context.clock.now() - 60_000 + countDue)
  const key = { accountId, kind: 'lists', plannedAt } as const
  const countBefore = look.sandbox.calls().length
  await insertDue(context.db, { ...key, plannedAts: [plannedAt] })
  await look.runtime.enqueue.due(key)
  await rest(look)
  const [row] = await look.query(
    `select outcome, reason from recon.due_work where kind = 'lists' order by planned_at desc limit 1`,
  )
  const paths = look.sandbox
    .calls()
    .slice(countBefore)
    .map(({ path }) => String(path).replace(/^\/v2/, ''))
  return { paths, outcome: row?.outcome, reason: row?.reason }
}

/** As if everything had been read so long ago. */
const age = (hours: number) =>
  shop.look.query(`update recon.pulls set started_at = started_at - interval '${hours} hours';
    update recon.covered_days set read_at = read_at - interval '${hours} hours'
      where resource in ('invoice', 'ach_transaction')`)

const merchant = () => shop.look.sandbox.state.merchant()

const totalOf = async (table: string, minor = '0') =>
  (
    await shop.look.query(
      `select count(*)::int as count, coalesce(sum(${minor}), 0)::text as minor from helcim.${table}`,
    )
  )[0]

const sumOf = (minor: Readonly<Record<string, bigint>>) =>
  String(Object.values(minor).reduce((sum, each) => sum + each, 0n))

describe('what is due each hour', () => {
  test('reads at first all there is: counts and money are those that Helcim holds, to the cent', async () => {
    const { paths, outcome } = await anHour()
    expect(outcome).toBe('done')
    const totals = shop.look.sandbox.totals()
    for (const [table, minor, { count, minor: expected }] of [
      ['customers', '0', totals.customers],
      ['customer_cards', '0', totals.cards],
      ['invoices', 'amount_minor', totals.invoices],
      ['payment_plans', 'recurring_minor', totals.paymentPlans],
      ['add_ons', 'amount_minor', totals.addOns],
      ['subscriptions', 'recurring_minor', totals.subscriptions],
      ['ach_transactions', 'amount_minor', totals.achTransactions],
      ['ach_batches', '0', totals.achBatches],
    ] as const) {
      expect(await totalOf(table, minor), table).toEqual({ count, minor: sumOf(expected) })
      expect(count, table).toBeGreaterThan(0)
    }
    // A waiting payment says what it will be; those that were charged say what they were.
    const charged = merchant()
      .records.subscriptions.all()
      .flatMap(({ payments }) => payments.filter(({ status }) => status !== 'waiting'))
      .reduce((sum, payment) => sum + chargedMinor(payment), 0n)
    const [paid] = await shop.look.query(
      `select sum(amount_minor)::text as minor from helcim.subscription_payments where status <> 'waiting'`,
    )
    expect(paid?.minor).toBe(String(charged))
    expect(await totalOf('subscription_payments')).toMatchObject({ count: totals.subscriptionPayments.count })
    // Lists in one call each, a call for each subscription.
    const countOf = (path: RegExp) => paths.filter((each) => path.test(each)).length
    expect(countOf(/^\/customers/)).toBe(1)
    expect(countOf(/^\/subscriptions\/\d+/)).toBe(totals.subscriptions.count)
  })

  test('costs nothing while nothing is due, and an hour later one call for the subscriptions', async () => {
    expect((await anHour()).paths).toEqual([])
    await age(1)
    expect((await anHour()).paths.map((path) => path.split('?')[0])).toEqual(['/subscriptions'])
  })

  test('reads the payments of just those subscriptions that the list shows changed', async () => {
    const { subscriptions } = merchant().records
    const [first] = subscriptions.all()
    if (!first) throw new Error('no subscription')
    subscriptions.alter(first.id, { billsOn: '2027-02-01' })
    await age(1)
    const { paths } = await anHour()
    expect(paths.filter((path) => /\d/.test(path.split('?')[0] ?? '')).map((path) => path.split('?')[0])).toEqual([
      `/subscriptions/${first.id}`,
    ])
  })

  test('reads a customer and an invoice that a payment names and we do not have, one call each and once', async () => {
    const { context, look } = shop
    const { accountId } = context.account
    const from = RECENT.from
    const [row] = await look.query(`select t.customer_code as code, t.invoice_number as number
      from helcim.card_transactions t join helcim.customers c using (account_id, customer_code)
      join helcim.invoices i using (account_id, invoice_number) where t.created_on >= '${from}'
        and t.created_at < now() and t.type = 'purchase' order by t.transaction_id limit 1`)
    await look.query(`delete from helcim.customers where customer_code = '${row?.code}';
      delete from helcim.invoices where invoice_number = '${row?.number}';
      update helcim.card_transactions set created_at = created_at - interval '1 day'`)
    const need = { accountId, now: context.clock.now(), limit: 10 }
    expect(await listUnknownCustomers(context.db, { ...need, from })).toEqual([row?.code])
    const setOfInvoice = (change: string) =>
      look.query(`update helcim.card_transactions set ${change} where invoice_number = '${row?.number}'`)
    await setOfInvoice(`type = 'verify'`)
    expect(await listInvoicesToRead(context.db, { ...need, from })).toEqual([])
    await setOfInvoice(`type = 'purchase'`)
    expect(await listInvoicesToRead(context.db, { ...need, from })).toEqual([row?.number])
    const { paths, outcome } = await anHour()
    expect(outcome).toBe('done')
    expect(paths.map((path) => path.split('?')[0]).sort()).toEqual(['/customers', '/invoices'])
    expect(
      await look.query(`select count(*)::int as count from helcim.customers where customer_code = '${row?.code}'`),
    ).toEqual([{ count: 1 }])
    expect((await anHour()).paths).toEqual([])
  })

  test('reads an open invoice of days ago that was paid today, though nothing of today was read, unless its own day was since', async () => {
    const { context, look } = shop
    const { accountId } = context.account
    const [row] = await look.query(`select i.invoice_number as number, i.created_on::text as day, t.transaction_id as id
      from helcim.invoices i, helcim.card_transactions t
      where i.created_on < '${RECENT.from}' and t.created_on >= '${RECENT.from}' and t.type = 'purchase'
      order by i.invoice_id, t.transaction_id desc limit 1`)
    const asked: string[][] = []
    const looking = context.db.transaction(async (tx) => {
      const change = (text: string) => tx.execute(sql.raw(text))
      await change(
        `update helcim.invoices set status = 'DUE', observed_at = '2026-01-01' where invoice_number = '${row?.number}'`,
      )
      await change(
        `update helcim.card_transactions set invoice_number = '${row?.number}' where transaction_id = ${row?.id}`,
      )
      await change(`delete from recon.covered_days where resource = 'invoice' and day >= '${RECENT.from}'`)
      const needed = () => listInvoicesToRead(tx, { accountId, from: RECENT.from, now: context.clock.now(), limit: 10 })
      await change(
        `update recon.covered_days set read_at = '2026-01-01' where resource = 'invoice' and day = '${row?.day}'`,
      )
      asked.push(await needed())
      await change(
        `update recon.covered_days set read_at = '2027-01-01' where resource = 'invoice' and day = '${row?.day}'`,
      )
      asked.push(await needed())
      await change(`delete from recon.covered_days where resource = 'invoice' and day = '${row?.day}'`)
      asked.push(await needed())
      throw new Error('undone')
    })
    await expect(looking).rejects.toThrow('undone')
    expect(asked).toEqual([[row?.number], [], [row?.number]])
  })

  test('looks for invoices of older payments where it asks first, and on where some were asked for', async () => {
    const { context, look } = shop
    const { accountId } = context.account
    const [row] = await look.query(`select t.invoice_number as number
      from helcim.card_transactions t join helcim.invoices i using (account_id, invoice_number)
      where t.created_on < '${RECENT.from}'::date - 2 and t.outcome = 'approved' and t.type = 'purchase' limit 1`)
    await look.query(`delete from helcim.invoices where invoice_number = '${row?.number}'`)
    const earlier = {
      subscription: { kind: 'one', id: 1n },
      invoice: { kind: 'code', code: 'INVOTHER' },
    } as const
    const askedAfter = async (resources: (keyof typeof earlier)[]) => {
      const ask = { accountId, cause: `after ${resources}`, now: context.clock.now() }
      for (const resource of resources) {
        const { pageLimit } = resourceOf(resource)
        const window = earlier[resource]
        await createPull(context.db, { ...ask, resource, window, callClass: 'detail', pageLimit })
      }
      const pulls = await context.db.transaction((tx) => askForNeeds(tx, ask, { resources: ['invoice'] }))
      await look.query(`delete from recon.pulls where cause = '${ask.cause}'`)
      return pulls.map(({ window }) => window)
    }
    const needed = [{ kind: 'code', code: row?.number }]
    expect(await askedAfter([])).toEqual(needed)
    expect(await askedAfter(['subscription'])).toEqual([])
    expect(await askedAfter(['subscription', 'invoice'])).toEqual(needed)
    expect((await anHour()).paths.map((path) => path.split('?')[0])).toEqual(['/invoices'])
    expect((await anHour()).paths).toEqual([])
  })

  test('asks once a day and no more for a customer that Helcim does not have either', async () => {
    const { query } = shop.look
    await query(`update helcim.card_transactions set customer_code = 'CSTNOBODY'
      where transaction_id = (select max(transaction_id) from helcim.card_transactions)`)
    expect((await anHour()).paths).toHaveLength(1)
    expect((await anHour()).paths).toEqual([])
  })
})

describe('what is wrong with a record', () => {
  test('is found whatever its resource: unreadable, unknown value, gone; and over when it is right again', async () => {
    const { look } = shop
    const { invoices, subscriptions, addOns, achTransactions } = merchant().records
    const ids = [invoices, subscriptions, addOns, achTransactions].map((records) => records.all().at(-1)?.id ?? 0n)
    const [invoiceId = 0n, subscriptionId = 0n, addOnId = 0n, achId = 0n] = ids
    invoices.disguise(invoiceId, 'amount', '"12.345"')
    subscriptions.disguise(subscriptionId, 'status', '"dormant"')
    addOns.hide(addOnId)
    achTransactions.disguise(achId, 'statusClearing', '9')
    const readAll = async () => {
      await read(shop, 'invoice', DAYS)
      await read(shop, 'subscription', ALL)
      await read(shop, 'add_on', ALL)
      await read(shop, 'ach_transaction', DAYS)
      await look.reconcileFully()
      return aboutRecords()
    }
    // What subscriptions and charges disagree about is another matter.
    const aboutRecords = async () =>
      (await look.found())
        .filter(({ code }) => /^(record|value)_/.test(code))
        .map(({ code, key }) => `${code} ${key}`)
        .sort()
    const before = await aboutRecords()
    const expected = [
      `record_undecodable invoice ${invoiceId}`,
      `value_unknown subscription ${subscriptionId}`,
      `record_disappeared add_on ${addOnId}`,
      `value_unknown ach_transaction ${achId}`,
    ]
    expect(await readAll()).toEqual([...before, ...expected].sort())
    // What could not be read stands as it was read last.
    expect(
      await look.query(`select count(*)::int as count from helcim.invoices where invoice_id = ${invoiceId}`),
    ).toEqual([{ count: 1 }])
    invoices.disguise(invoiceId, 'amount', undefined)
    subscriptions.disguise(subscriptionId, 'status', undefined)
    addOns.hide(addOnId, false)
    achTransactions.disguise(achId, 'statusClearing', undefined)
    expect(await readAll()).toEqual(before)
  })
})

test('a token that may not read subscriptions: coverage says so, it is no alarm, and the others go on', async () => {
  const { look } = shop
  look.sandbox.tokens.refuse('default', ['/subscriptions'])
  await age(48)
  const { paths, outcome, reason } = await anHour()
  expect({ outcome, reason }).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/^subscription: /) })
  expect(paths.map((path) => path.split('?')[0]).sort()).toEqual(
    expect.arrayContaining([
      '/ach/batches',
      '/ach/transactions',
      '/add-ons',
      '/customers',
      '/invoices',
      '/payment-plans',
    ]),
  )
  await look.reconcileFully()
  const [mismatch] = await look.query(
    `select severity, period, subject_id from recon.mismatches where code = 'pull_incomplete' and state <> 'resolved'`,
  )
  expect(mismatch).toEqual({ severity: 'low', period: 'not permitted', subject_id: 'subscription' })
  const countBefore = look.sandbox.calls().length
  await read(shop, 'subscription', ALL)
  expect(look.sandbox.calls().length).toBe(countBefore)
  expect(resourceOf('subscription').rhythm).not.toBeNull()
})
