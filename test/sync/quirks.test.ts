import { describe, expect, onTestFinished, test } from 'vitest'
import type { Pull } from '../../src/db/pulls.ts'
import type { Switches } from '../../src/sandbox/options.ts'
import { ALL, type BilledShop, DAYS, openBilledShop, PAGE_SIZE, read, readDetails } from './billed-shop.ts'

/** Every other answer to what the documents leave open, in as few worlds as can be. */
const WORLDS: readonly { readonly title: string; readonly switches: Partial<Switches> }[] = [
  {
    title: 'counts from 1, repeats the last page, shows sub-objects in lists, writes names, texts and bare lists',
    switches: {
      recurringOffsetBase: 1,
      pagePastEnd: 'repeat-last',
      subObjectsOnList: true,
      subscriptionAddOnsKey: 'addOns',
      recurringNothing: 'empty-data',
      hasFailedPayments: 'number',
      achEnvelope: 'bare',
      achCodes: 'names',
      achBankKey: 'bankAccountL4l4',
      amountTypes: 'four-decimals',
      dateEnd: 'exclusive',
      cellphoneKey: 'cellPhone',
    },
  },
  {
    title: 'listens to page numbers, wraps all lists by name and the Recurring API not at all',
    switches: {
      recurringPaging: 'page',
      recurringEnvelope: 'bare',
      envelope: 'named',
      amountTypes: 'string',
      hasFailedPayments: 'boolean',
      listOrder: 'ascending',
      waitingParts: 'filled',
    },
  },
]

const LISTS = ['customer', 'payment_plan', 'add_on', 'subscription', 'ach_batch'] as const

async function openShop(switches: Partial<Switches>): Promise<BilledShop> {
  const shop = await openBilledShop(switches)
  onTestFinished(() => shop.close())
  return shop
}

async function readAll(shop: BilledShop): Promise<Pull[]> {
  const pulls: Pull[] = []
  for (const resource of LISTS) pulls.push(await read(shop, resource, ALL))
  for (const resource of ['invoice', 'ach_transaction']) pulls.push(await read(shop, resource, DAYS))
  return pulls
}

const countOf = async ({ look }: BilledShop, table: string) =>
  Number((await look.query(`select count(*) as count from helcim.${table}`))[0]?.count)

describe('a Helcim that', () => {
  test.each(WORLDS)('$title is mirrored just as completely', async ({ switches }) => {
    const shop = await openShop(switches)
    const pulls = await readAll(shop)
    expect(pulls.filter(({ state }) => state !== 'complete' && state !== 'split')).toEqual([])
    const countDetails = await readDetails(shop)
    const totals = shop.look.sandbox.totals()
    // What a list already shows costs no call.
    expect(countDetails).toBe(switches.subObjectsOnList ? 0 : totals.subscriptions.count)
    expect({
      customers: await countOf(shop, 'customers'),
      cards: await countOf(shop, 'customer_cards'),
      invoices: await countOf(shop, 'invoices'),
      plans: await countOf(shop, 'payment_plans'),
      addOns: await countOf(shop, 'add_ons'),
      subscriptions: await countOf(shop, 'subscriptions'),
      payments: await countOf(shop, 'subscription_payments'),
      ach: await countOf(shop, 'ach_transactions'),
      achBatches: await countOf(shop, 'ach_batches'),
      unreadable: await countOf(shop, 'undecoded_records'),
    }).toEqual({
      customers: totals.customers.count,
      cards: totals.cards.count,
      invoices: totals.invoices.count,
      plans: totals.paymentPlans.count,
      addOns: totals.addOns.count,
      subscriptions: totals.subscriptions.count,
      payments: totals.subscriptionPayments.count,
      ach: totals.achTransactions.count,
      achBatches: totals.achBatches.count,
      unreadable: 0,
    })
    const [sums] = await shop.look.query(`select (select sum(amount_minor) from helcim.invoices)::text as invoices,
      (select sum(amount_minor) from helcim.ach_transactions)::text as ach,
      (select sum(recurring_minor) from helcim.subscriptions)::text as subscriptions,
      (select count(*)::int from helcim.invoices where unknown_values is not null) as unknown`)
    const sumOf = (minor: Readonly<Record<string, bigint>>) =>
      String(Object.values(minor).reduce((sum, each) => sum + each, 0n))
    expect(sums).toEqual({
      invoices: sumOf(totals.invoices.minor),
      ach: sumOf(totals.achTransactions.minor),
      subscriptions: sumOf(totals.subscriptions.minor),
      unknown: 0,
    })
  })

  test('knows no paging of the Recurring API shows the first rows of a long list: told, and never taken for all', async () => {
    const shop = await openShop({ recurringPaging: 'none', filtersIgnored: ['dateStart', 'dateEnd'] })
    const lists = [await read(shop, 'subscription', ALL), await read(shop, 'subscription', ALL)]
    for (const list of lists) expect(list).toMatchObject({ state: 'incomplete', failCode: 'PAGES_UNSTABLE' })
    // What came is kept, what did not come is not taken for gone.
    expect(await countOf(shop, 'subscriptions')).toBeGreaterThan(0)
    expect(await countOf(shop, 'subscriptions where vanished_at is not null')).toBe(0)
    // And a filter of dates that is ignored is seen at once.
    const { from } = DAYS
    expect(await read(shop, 'invoice', { kind: 'days', from, to: from })).toMatchObject({
      state: 'incomplete',
      failCode: 'FILTER_IGNORED',
    })
    expect(await shop.look.query('select day from recon.covered_days')).toEqual([])
  })

  test.each([
    { resource: 'customer', table: 'customers', whole: ALL },
    { resource: 'invoice', table: 'invoices', whole: DAYS },
  ])(
    'takes a code for the beginning of one: $resource, told as gone only when all that begin with it were seen',
    async ({ resource, table, whole }) => {
      const shop = await openShop({ codeFilter: 'beginning', listOrder: 'newest-first' })
      const record = beginAlike(shop, resource)
      await read(shop, resource, whole)
      const vanished = () => countOf(shop, `${table} where vanished_at is not null`)
      // A full page of others comes first.
      const found = await read(shop, resource, { kind: 'code', code: 'AB' })
      expect(await vanished()).toBe(0)
      expect(found).toMatchObject({ state: 'complete', countCalls: 2 })
      expect(found.countRows).toBeGreaterThan(PAGE_SIZE)
      record.hide(true)
      expect(await read(shop, resource, { kind: 'code', code: 'AB' })).toMatchObject({ state: 'complete' })
      expect(await vanished()).toBe(1)
      record.hide(false)
      await read(shop, resource, { kind: 'code', code: 'AB' })
      expect(await vanished()).toBe(0)
    },
  )
})

/** From now on the codes of all begin like that of the oldest, which comes last. @returns the oldest */
function beginAlike({ look }: BilledShop, resource: string): { hide(isHidden: boolean): void } {
  const { customers, invoices } = look.sandbox.state.merchant().records
  const ids = (resource === 'customer' ? customers : invoices).all().map(({ id }) => id)
  const [oldest = 0n, ...others] = ids.slice(-PAGE_SIZE - 3)
  const rename = (id: bigint, code: string) =>
    resource === 'customer' ? customers.alter(id, { code }) : invoices.alter(id, { number: code })
  rename(oldest, 'AB')
  for (const id of others) rename(id, `AB${id}`)
  return {
    hide: (isHidden) => (resource === 'customer' ? customers.hide(oldest, isHidden) : invoices.hide(oldest, isHidden)),
  }
}
