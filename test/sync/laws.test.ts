import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PullWindow } from '../../src/domain/pull.ts'
import { RESOURCES, resourceOf } from '../../src/jobs/sync/resources.ts'
import type { Merchant } from '../../src/sandbox/merchant.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { ALL, type BilledShop, begin, DAYS, goOn, openBilledShop, RECENT, read, readDetails } from './billed-shop.ts'

interface Law {
  readonly resource: string
  /** Reads all there is. */
  readonly full: PullWindow
  /** Reads again what may have changed. */
  readonly again: PullWindow
  /** The table of the resource first, then those that belong to it, by the column of its id. */
  readonly tables: readonly string[]
  readonly idColumn: string
  /** Something changes at Helcim, something is new and something goes. */
  readonly change: (merchant: Merchant, sandbox: Sandbox) => void | Promise<void>
}

/** The last of a list: it lies within the days that are read again. */
function lastOf<R>(rows: readonly R[]): R {
  const row = rows.at(-1)
  if (row === undefined) throw new Error('there is none')
  return row
}

interface Changing<R> {
  all(): readonly R[]
  alter(id: bigint, change: Partial<Omit<R, 'id'>>): R
  add(make: (id: bigint) => R): R
  remove(id: bigint): void
}

/** Alters the last record, adds a copy of it and removes the one before. */
function stir<R extends { readonly id: bigint }>(records: Changing<R>, change: Partial<Omit<R, 'id'>>): void {
  const last = lastOf(records.all())
  const before = lastOf(records.all().slice(0, -1))
  records.alter(last.id, change)
  records.add((id) => ({ ...last, id }))
  records.remove(before.id)
}

/** The sandbox's terminals stand for good: from now on its list tells of one that is new and one that was renamed, and lacks one. */
async function exchangeTerminals({ url, token, faults }: Sandbox): Promise<void> {
  const path = '/card-terminals'
  const answer = await fetch(`${url}${path}`, { headers: { 'api-token': token } })
  const [first, second] = (await answer.json()) as { id: number }[]
  if (!first || !second) throw new Error('too few terminals')
  const body = JSON.stringify([
    { ...first, nickname: 'At the door' },
    { ...second, id: second.id + 1 },
  ])
  faults.add({ match: { path, times: Number.POSITIVE_INFINITY }, act: { kind: 'answer', status: 200, body } })
}

const LAWS: readonly Law[] = [
  {
    resource: 'card_terminal',
    full: ALL,
    again: ALL,
    tables: ['card_terminals'],
    idColumn: 'terminal_id',
    change: (_, sandbox) => exchangeTerminals(sandbox),
  },
  {
    resource: 'card_batch',
    full: ALL,
    again: ALL,
    tables: ['card_batches'],
    idColumn: 'card_batch_id',
    change: (merchant) => {
      const { id, amountMinor } = lastOf(merchant.transactions().filter(({ status }) => status === 'approved'))
      merchant.alterTransaction(id, { amountMinor: amountMinor + 100n })
    },
  },
  {
    resource: 'card_transaction',
    full: DAYS,
    again: RECENT,
    tables: ['card_transactions'],
    idColumn: 'transaction_id',
    change: (merchant) => {
      const rows = merchant.transactions()
      const last = lastOf(rows)
      merchant.alterTransaction(last.id, { amountMinor: last.amountMinor + 1n })
      merchant.removeTransaction(lastOf(rows.slice(0, -1)).id)
    },
  },
  {
    resource: 'customer',
    full: ALL,
    again: ALL,
    tables: ['customers', 'customer_cards'],
    idColumn: 'customer_id',
    change: ({ records }) => stir(records.customers, { contactName: 'Somebody Else', cards: [] }),
  },
  {
    resource: 'invoice',
    full: DAYS,
    again: RECENT,
    tables: ['invoices', 'invoice_lines'],
    idColumn: 'invoice_id',
    change: ({ records }) => stir(records.invoices, { status: 'CANCELLED', amountMinor: 4_321n }),
  },
  {
    resource: 'payment_plan',
    full: ALL,
    again: ALL,
    tables: ['payment_plans'],
    idColumn: 'payment_plan_id',
    change: ({ records }) => records.plans.alter(lastOf(records.plans.all()).id, { recurringMinor: 9_999n }),
  },
  {
    resource: 'add_on',
    full: ALL,
    again: ALL,
    tables: ['add_ons'],
    idColumn: 'add_on_id',
    change: ({ records }) => stir(records.addOns, { amountMinor: 777n }),
  },
  {
    resource: 'subscription',
    full: ALL,
    again: ALL,
    tables: ['subscriptions', 'subscription_details', 'subscription_payments', 'subscription_add_ons'],
    idColumn: 'subscription_id',
    change: ({ records }) => {
      const { payments } = lastOf(records.subscriptions.all())
      const paid = payments.map((payment) => ({ ...payment, status: 'approved' as const }))
      stir(records.subscriptions, { payments: paid, billsOn: '2027-01-31', recurringMinor: 1_234n })
    },
  },
  {
    resource: 'ach_transaction',
    full: DAYS,
    again: RECENT,
    tables: ['ach_transactions'],
    idColumn: 'ach_transaction_id',
    change: ({ records }) => stir(records.achTransactions, { statusClearing: 'RETURNED' }),
  },
  {
    resource: 'ach_batch',
    full: ALL,
    again: ALL,
    tables: ['ach_batches'],
    idColumn: 'ach_batch_id',
    change: ({ records }) => stir(records.achBatches, { reference: 'another' }),
  },
]

let shop: BilledShop
beforeAll(async () => {
  shop = await openBilledShop()
})
afterAll(() => shop?.close())

test('every resource has its laws', () => {
  expect(LAWS.map(({ resource }) => resource).sort()).toEqual([...RESOURCES.keys()].sort())
})

describe.each(LAWS)('$resource', (law) => {
  const { resource, tables } = law

  test('two full reads in a row give the same, and the second writes nothing', async () => {
    const first = await readWith(law.full)
    expect(first).toMatchObject({ state: 'complete' })
    expect(first.countRows).toBeGreaterThan(0)
    const before = await stored(law, { withVersions: true })
    expect(await readWith(law.full)).toMatchObject({ state: 'complete', countChanged: 0, countRows: first.countRows })
    expect(await stored(law, { withVersions: true })).toEqual(before)
  })

  test('an incremental read after a full one gives nothing new', async () => {
    const before = await stored(law, { withVersions: true })
    expect(await read(shop, resource, law.again)).toMatchObject({ state: 'complete', countChanged: 0 })
    if (resource === 'subscription') expect(await readDetails(shop)).toBe(0)
    expect(await stored(law, { withVersions: true })).toEqual(before)
  })

  test('stopped after any page, and with each page asked for twice, it ends as if it had never stopped', async () => {
    await forget()
    const { countCalls: countPages } = await readWith(law.again)
    const whole = await stored(law)
    for (let page = 1; page < Math.max(2, countPages); page += 1) {
      await forget()
      const stopped = await goOn(shop, await begin(shop, resource, law.again), page)
      // What a killed process leaves is what the next one finds; the job that it was in comes once more.
      const repeated = { ...stopped, nextPage: stopped.nextPage - 1 }
      if (stopped.state === 'running') await resourceOf(resource).readPage(shop.context, repeated)
      expect(await goOn(shop, stopped)).toMatchObject({ state: 'complete' })
      if (resource === 'subscription') await readDetails(shop)
      expect(await stored(law), `stopped after page ${page} of ${countPages}`).toEqual(whole)
    }
  })

  test('a full re-read equals what incremental reads have made of it', async () => {
    await readWith(law.full)
    const before = await stored(law)
    const { sandbox } = shop.look
    await law.change(sandbox.state.merchant(), sandbox)
    expect(await read(shop, resource, law.again)).toMatchObject({ state: 'complete' })
    if (resource === 'subscription') expect(await readDetails(shop)).toBe(2)
    const incremental = await stored(law)
    // The control: something did change.
    expect(incremental).not.toEqual(before)
    await forget()
    await readWith(law.full)
    expect(incremental).toEqual(await stored(law))
  })

  async function readWith(window: PullWindow) {
    const pull = await read(shop, resource, window)
    if (resource === 'subscription') await readDetails(shop)
    return pull
  }

  /** Present records and their parts as they stand, without the times at which we saw them. */
  async function stored({ idColumn }: Law, { withVersions = false } = {}): Promise<string[]> {
    const written = withVersions ? `t.xmin::text || ' ' ||` : ''
    const [main] = tables
    const selects = tables.map((table) => {
      const isPresent = `exists (select from helcim.${main} m where m.account_id = t.account_id
        and m.${idColumn} = t.${idColumn} and m.vanished_at is null)`
      return `select '${table} ' || ${written}
        (to_jsonb(t) - 'observed_at' - 'first_seen_at' - 'vanished_at')::text as row
        from helcim.${table} t where ${isPresent}`
    })
    const rows = await shop.look.query(`${selects.join(' union all ')} order by 1`)
    return rows.map(({ row }) => String(row))
  }

  async function forget(): Promise<void> {
    for (const table of tables) await shop.look.query(`delete from helcim.${table}`)
    await shop.look.query(`delete from recon.covered_days where resource = '${resource}'`)
    // Details are asked for by what was read of them.
    await shop.look.query(`delete from recon.pulls where resource = '${resource}' and window_kind = 'one'`)
  }
})
