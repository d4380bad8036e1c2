import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { runReplay } from '../../src/cli/replay.ts'
import { readConfig } from '../../src/config.ts'
import { RESOURCES, resourceOf } from '../../src/jobs/sync/resources.ts'
import { ALL, type BilledShop, DAYS, openBilledShop, read, readDetails } from './billed-shop.ts'

let shop: BilledShop
beforeAll(async () => {
  shop = await openBilledShop()
  for (const { name, rhythm } of RESOURCES.values()) {
    await read(shop, name, name === 'card_transaction' || rhythm?.kind === 'days' ? DAYS : ALL)
  }
  await readDetails(shop)
})
afterAll(() => shop?.close())

const TABLES = [
  ...[
    'card_terminals',
    'card_batches',
    'card_transactions',
    'customers',
    'customer_cards',
    'invoices',
    'invoice_lines',
  ],
  ...['payment_plans', 'add_ons', 'subscriptions', 'subscription_details', 'subscription_payments'],
  ...['subscription_add_ons', 'ach_transactions', 'ach_batches', 'record_versions'],
]

/** Every row, times and digests included. */
async function everything(): Promise<Map<string, string[]>> {
  const all = new Map<string, string[]>()
  for (const table of TABLES) {
    const rows = await shop.look.query(`select to_jsonb(t)::text as row from helcim.${table} t order by 1`)
    all.set(
      table,
      rows.map(({ row }) => String(row)),
    )
  }
  return all
}

async function replay(resource: string) {
  const { db, account } = shop.context
  const request = { accountId: account.accountId, signal: new AbortController().signal }
  const results = []
  for (const one of resourceOf(resource).replays) results.push(await one(db, request))
  return results
}

const replayAll = async () => (await Promise.all([...RESOURCES.keys()].map(replay))).flat()

/** As a decoder of another version might have left it. */
const DAMAGE = [
  `update helcim.card_transactions set amount_minor = -1, customer_code = null, outcome = 'unknown'`,
  `update helcim.card_batches set net_minor = null, closed_at = null`,
  `update helcim.card_terminals set currency = '?', unknown_values = '[]'`,
  `update helcim.customers set contact_name = 'older', updated_at_text = ''`,
  `update helcim.customer_cards set card_expiry = null where position = 0`,
  'delete from helcim.invoice_lines where invoice_id % 2 = 0',
  'update helcim.invoices set amount_minor = amount_minor * 100, created_on = null',
  `update helcim.payment_plans set billing_period = 'older'`,
  'update helcim.add_ons set amount_minor = 0',
  'update helcim.subscriptions set billing_on = null, has_failed_payments = not has_failed_payments',
  `update helcim.subscription_payments set status = 'older', amount_minor = 0`,
  `insert into helcim.subscription_payments
     (account_id, subscription_id, position, payment_id, payment_number, status, amount_minor, processed_at_text)
     select account_id, subscription_id, 999, 1, 999, 'ghost', 1, '' from helcim.subscription_details`,
  `update helcim.ach_transactions set status_clearing = '1', currency = '1'`,
  `update helcim.ach_batches set status = '2'`,
]

test('columns as an older decoder left them are rebuilt from what was received, with no call; versions and times stay', async () => {
  const before = await everything()
  for (const [table, rows] of before) if (table !== 'record_versions') expect(rows.length, table).toBeGreaterThan(0)
  for (const statement of DAMAGE) await shop.look.query(statement)
  // The control: every table but those without columns of their own is another now.
  const damaged = await everything()
  const whole = TABLES.filter((table) => damaged.get(table)?.join() === before.get(table)?.join())
  expect(whole).toEqual(['subscription_details', 'subscription_add_ons', 'record_versions'])

  const countCalls = shop.look.sandbox.calls().length
  const results = await replayAll()
  expect(results.flatMap(({ unreadableIds }) => unreadableIds)).toEqual([])
  const after = await everything()
  for (const table of TABLES) expect(after.get(table), table).toEqual(before.get(table))
  expect(shop.look.sandbox.calls().length).toBe(countCalls)
  // What reads differently is judged again.
  const [marks] = await shop.look.query(`select count(*) as count from recon.marks where subject_kind = 'card_batch'`)
  expect(Number(marks?.count)).toBeGreaterThan(0)
})

test('replayed again nothing changes, and no row is written', async () => {
  const stamps = () =>
    shop.look.query(
      'select xmin::text from helcim.invoices union all select xmin::text from helcim.customer_cards order by 1',
    )
  const before = await stamps()
  const results = await replayAll()
  expect(results.filter(({ countChanged }) => countChanged > 0)).toEqual([])
  expect(await stamps()).toEqual(before)
})

test('a record that this version cannot read is named and stays as it was', async () => {
  const { query } = shop.look
  const [row] = await query(
    'select add_on_id as id, raw::text as raw, amount_minor from helcim.add_ons order by 1 limit 1',
  )
  const raw = String(row?.raw).replace(/"amount":[^,]+/, '"amount":"free"')
  await query(`update helcim.add_ons set raw = '${raw}' where add_on_id = ${row?.id}`)
  const [result] = await replay('add_on')
  expect(result?.unreadableIds).toEqual([BigInt(String(row?.id))])
  expect(await query(`select amount_minor from helcim.add_ons where add_on_id = ${row?.id}`)).toEqual([
    { amount_minor: row?.amount_minor },
  ])
})

test('the command replays what it is asked for, and exits 1 where a record cannot be read', async () => {
  const config = readConfig({ DATABASE_URL: shop.look.runtime.database.url })
  const told: string[] = []
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    told.push(String(text))
    return true
  })
  try {
    const { signal } = new AbortController()
    expect(await runReplay(config, { resource: ['customers', 'payment-plans'], json: true }, signal)).toBe(0)
    expect(await runReplay(config, { resource: ['add_on'] }, signal)).toBe(1)
  } finally {
    write.mockRestore()
  }
  expect(JSON.parse(told[0] ?? '')).toMatchObject([
    { account: 'default', resource: 'customer', table: 'helcim.customers', countChanged: 0, unreadableIds: [] },
    { resource: 'payment_plan' },
  ])
  expect(told.join('')).toMatch(/helcim\.add_ons: this version cannot read \d+; left as it was/)
})

test('tokens of cards and invoices stand in their columns, and in nothing else that is kept', async () => {
  const { query } = shop.look
  const rows = await query(`select card_token as token from helcim.customer_cards
    union select invoice_token from helcim.invoices`)
  const tokens = rows.map(({ token }) => String(token))
  expect(tokens.length).toBeGreaterThan(10)
  const kept: string[] = []
  for (const table of TABLES) {
    const others = await query(
      `select (to_jsonb(t) - 'card_token' - 'invoice_token')::text as row from helcim.${table} t`,
    )
    kept.push(...others.map(({ row }) => String(row)))
  }
  const text = kept.join('\n')
  expect(tokens.filter((token) => text.includes(token))).toEqual([])
})

test('while readings and replays of one resource run at once, both end and the newest reading stands', async () => {
  const { records } = shop.look.sandbox.state.merchant()
  const [customer] = records.customers.all()
  if (!customer) throw new Error('no customer')
  records.customers.alter(customer.id, { contactName: 'Newest' })
  await Promise.all([replay('customer'), read(shop, 'customer', ALL), replay('customer')])
  await replay('customer')
  const rows = await shop.look.query(`select contact_name from helcim.customers where customer_id = ${customer.id}`)
  expect(rows).toEqual([{ contact_name: 'Newest' }])
})
