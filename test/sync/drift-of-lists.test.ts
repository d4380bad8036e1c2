import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PullWindow } from '../../src/domain/pull.ts'
import { RESOURCES } from '../../src/jobs/sync/resources.ts'
import { ALL, type BilledShop, DAYS, openBilledShop, PAGE_SIZE, read } from './billed-shop.ts'
import { DRIFTS, essence, type Row } from './drifts.ts'

interface List {
  readonly resource: string
  readonly path: string
  readonly window: PullWindow
  readonly table: string
}

/** Card transactions, whose batches are read beside them, are drift.test.ts'. */
const LISTS: readonly List[] = [
  { resource: 'card_terminal', path: '/card-terminals', window: ALL, table: 'card_terminals' },
  { resource: 'card_batch', path: '/card-batches', window: ALL, table: 'card_batches' },
  { resource: 'customer', path: '/customers', window: ALL, table: 'customers' },
  { resource: 'invoice', path: '/invoices', window: DAYS, table: 'invoices' },
  { resource: 'payment_plan', path: '/payment-plans', window: ALL, table: 'payment_plans' },
  { resource: 'add_on', path: '/add-ons', window: ALL, table: 'add_ons' },
  { resource: 'subscription', path: '/subscriptions', window: ALL, table: 'subscriptions' },
  { resource: 'ach_transaction', path: '/ach/transactions', window: DAYS, table: 'ach_transactions' },
  { resource: 'ach_batch', path: '/ach/batches', window: ALL, table: 'ach_batches' },
]

/** So few that no list goes on behind them. */
const ROWS_MAX = PAGE_SIZE - 1

let shop: BilledShop
beforeAll(async () => {
  shop = await openBilledShop()
})
afterAll(() => shop?.close())

test('every list has its drifts', () => {
  expect([...LISTS.map(({ resource }) => resource), 'card_transaction'].sort()).toEqual([...RESOURCES.keys()].sort())
})

describe.each(LISTS)('fault 20, $resource', ({ resource, path, window, table }) => {
  test('every key of a record drifts in every way: records lost 0, and the honest answer mends what it had unread', async () => {
    await read(shop, resource, window)
    const { rows, answering } = await honestList(path)
    expect(rows.length).toBeGreaterThan(0)
    const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))]
    const plan = keys.flatMap((key) => Object.values(DRIFTS).map((drift) => ({ key, drift })))
    let countLost = 0
    let countFresh = 0
    for (let from = 0; from < plan.length; from += rows.length) {
      const drifted = rows.map((row, place) => {
        const step = plan[from + place]
        return step ? step.drift(row, step.key) : row
      })
      countFresh += (await lostOf(table, drifted)).length
      const giveBack = answering(drifted)
      const pull = await read(shop, resource, window)
      giveBack()
      expect(pull, JSON.stringify(drifted)).toMatchObject({ state: 'complete', countRows: rows.length })
      countLost += (await lostOf(table, drifted)).length
    }
    const countUnread = await countUnreadOf(resource)
    console.info(
      `fault 20, ${resource}: ${plan.length} drifts of ${keys.length} keys: records lost ${countLost}; ${countUnread} kept unread`,
    )
    expect(countLost).toBe(0)
    // The controls: most of these were there for the first time, and some could not be read.
    expect(countFresh).toBeGreaterThan(plan.length / 2)
    expect(countUnread).toBeGreaterThan(0)

    expect(await read(shop, resource, window)).toMatchObject({ state: 'complete' })
    expect(await lostOf(table, rows)).toEqual([])
    expect(await countUnreadOf(resource, `and record_key ~ '^[0-9]+$'`)).toBe(0)
  })
})

/** Some records of a list that was read before, as Helcim gave them, and what has it give others in their place. */
async function honestList(path: string): Promise<{ rows: Row[]; answering(rows: readonly Row[]): () => void }> {
  const { sandbox } = shop.look
  const asked = sandbox.calls().find((call) => call.path === path)
  const query = new URLSearchParams(asked?.query)
  const answer = await fetch(`${sandbox.url}${path}?${query}`, { headers: { 'api-token': sandbox.token } })
  const body = (await answer.json()) as Row | Row[]
  const name = Array.isArray(body) ? null : Object.keys(body).find((key) => Array.isArray(body[key]))
  if (name === undefined) throw new Error(`${path} answers without a list`)
  const list = name === null ? body : (body as Row)[name]
  const wrap = (rows: readonly Row[]) => JSON.stringify(name === null ? rows : { ...body, [name]: rows })
  const add = (rows: readonly Row[], which: Record<string, string>) =>
    sandbox.faults.add({
      match: { path, query: which, times: Number.POSITIVE_INFINITY },
      act: { kind: 'answer', status: 200, body: wrap(rows) },
    })
  return {
    rows: (list as Row[]).slice(0, ROWS_MAX),
    answering(rows) {
      const rules = [add([], { page: '2' }), add(rows, {})]
      return () => {
        for (const rule of rules) rule.remove()
      }
    },
  }
}

/** Records that were received and are nowhere now. */
async function lostOf(table: string, rows: readonly Row[]): Promise<string[]> {
  const kept = await shop.look.query(
    `select raw::text from helcim.${table} union all select raw::text from helcim.undecoded_records`,
  )
  const known = new Set(kept.map(({ raw }) => essence(JSON.parse(String(raw)))))
  return rows.map(essence).filter((row) => !known.has(row))
}

async function countUnreadOf(resource: string, which = ''): Promise<number> {
  const [row] = await shop.look.query(
    `select count(*)::int as n from helcim.undecoded_records where resource = '${resource}' ${which}`,
  )
  return Number(row?.n)
}
