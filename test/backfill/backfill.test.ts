import { afterEach, expect, test } from 'vitest'
import { type BackfillEnd, backfillAccount, runBackfill } from '../../src/cli/backfill.ts'
import type { Progress } from '../../src/cli/backfill-progress.ts'
import { openSoleRuntime } from '../../src/cli/sole-runtime.ts'
import { readConfig } from '../../src/config.ts'
import { addDays, type BusinessDate } from '../../src/domain/calendar.ts'
import { createSystemClock } from '../../src/domain/clock.ts'
import { helcimDate } from '../../src/domain/helcim-time.ts'
import { UsageError } from '../../src/domain/operating-error.ts'
import { createLog } from '../../src/log.ts'
import type { BillingOptions } from '../../src/sandbox/options.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { openShop, readableTotals } from '../kills/shop.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const DAYS = 420
const TODAY = helcimDate(createSystemClock().now())
const FROM = addDays(TODAY, -DAYS)
const LIMITS = { concurrent: 5, minute: 100_000, hour: 1_000_000 }

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Shop {
  readonly sandbox: Sandbox
  readonly database: TestDatabase
  readonly env: Record<string, string>
}

/** More than a year of few sales, of which the account itself is meant to hold the last days. */
async function open({ days = DAYS, billing }: { days?: number; billing?: BillingOptions } = {}): Promise<Shop> {
  const { sandbox, env } = await openShop({
    seed: 13,
    historyDays: days,
    salesPerDay: 3,
    pageSizeMax: 25,
    serviceTimeMs: { min: 40, max: 80 },
    limits: LIMITS,
    ...(billing && { billing }),
  })
  const database = await createTestDatabase()
  closing.push(
    () => sandbox.close(),
    () => database.drop(),
  )
  return { sandbox, database, env: { ...env, DATABASE_URL: database.url, TIEOUT_HISTORY_DAYS: '5' } }
}

/** A process of its own in all but the process; after `pages` pages it is cut off, and its queue loses what it held. */
async function run(
  { env, sandbox, database }: Shop,
  {
    pages = Number.POSITIVE_INFINITY,
    isAgain = false,
    resources = ['card_transaction'],
    from = FROM,
  }: { pages?: number; isAgain?: boolean; resources?: readonly string[]; from?: BusinessDate },
): Promise<{ end: BackfillEnd | undefined; ends: BackfillEnd[]; told: Progress[] }> {
  const runtime = await openSoleRuntime(readConfig(env), { log: createLog({ level: 'silent', isPretty: false }) })
  const interrupt = new AbortController()
  const told: Progress[] = []
  const countBefore = pageCalls(sandbox).length
  try {
    runtime.work({ onDead: () => interrupt.abort() })
    const [work] = runtime.accounts()
    if (!work) throw new Error('no account')
    const request = { resources, from, to: TODAY, isAgain }
    const view = { update: (progress: Progress) => void told.push(progress), stop: () => {} }
    const watch = setInterval(() => {
      if (pageCalls(sandbox).length - countBefore >= pages) interrupt.abort()
    }, 5)
    const ends = await backfillAccount(runtime, work, request, { signal: interrupt.signal, view }).finally(() =>
      clearInterval(watch),
    )
    return { end: ends[0], ends, told }
  } finally {
    await runtime.close({ deadlineMs: 100 })
    if (pages < Number.POSITIVE_INFINITY) await database.rows('delete from bullmq.job')
  }
}

const pageCalls = (sandbox: Sandbox) => sandbox.calls().filter(({ path }) => path === '/card-transactions')
/**
 * Of these, the calls by days. Batches whose figures the days do not explain are asked for by their ids, once and in the
 * fresh class; a command that ends before that leaves it to the next one, so it is no command's own count.
 */
const dayCalls = (sandbox: Sandbox) => pageCalls(sandbox).filter(({ query }) => query.dateFrom !== undefined)
/** How often each page of each window was asked for. */
function countByPage(sandbox: Sandbox): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { query } of pageCalls(sandbox)) {
    const page = `${query.dateFrom} ${query.dateTo} ${query.page}`
    counts.set(page, (counts.get(page) ?? 0) + 1)
  }
  return counts
}

test('cut off again and again it goes on: no finished window is read twice, nothing is missed, the days join the history', async () => {
  const shop = await open()
  const { sandbox, database } = shop
  const cuts = [3, 9, 4]
  for (const pages of cuts) {
    const { end } = await run(shop, { pages })
    expect(end?.outcome).toBe('stopped')
  }
  const { end, told } = await run(shop, {})
  expect(end).toMatchObject({ outcome: 'complete', state: { countDaysLeft: 0, countDays: DAYS + 1, failed: [] } })

  // What was in flight when it was cut off may be asked for once more, five calls at most; nothing else is.
  const repeated = [...countByPage(sandbox).values()].reduce((sum, count) => sum + count - 1, 0)
  expect(repeated).toBeLessThanOrEqual(cuts.length * LIMITS.concurrent)
  const [windows] = await database.rows(`select count(*) as pulls, count(distinct subject) as subjects from recon.pulls
    where starts_with(cause, 'backfill ') and window_kind = 'days' and state = 'complete'`)
  expect(windows?.pulls).toBe(windows?.subjects)
  expect(await database.rows(`select distinct call_class from recon.pulls where window_kind = 'days'`)).toEqual([
    { call_class: 'backfill' },
  ])
  const totals = await database.rows(`select count(*) as rows, count(distinct transaction_id) as ids,
    sum(amount_minor) as minor from helcim.card_transactions`)
  expect(totals).toEqual([readableTotals(sandbox)])
  expect(await database.rows('select history_from::text from recon.accounts')).toEqual([{ history_from: FROM }])

  // Told on the way: never backwards, calls as the pulls count them, and no time left at the end.
  const left = told.map(({ countDaysLeft }) => countDaysLeft)
  expect(left).toEqual(left.toSorted((a, b) => b - a))
  expect(told.at(-1)).toMatchObject({ countDaysLeft: 0, countCallsLeft: 0, leftMs: 0 })
  expect(told.some(({ leftMs }) => leftMs !== null && leftMs > 0)).toBe(true)

  const countCalls = pageCalls(sandbox).length
  expect((await run(shop, {})).end).toMatchObject({ outcome: 'complete', state: { countCalls: 0 } })
  expect(pageCalls(sandbox).length).toBe(countCalls)
  // The control: asked for, they are read once more, as many windows as it takes without being cut off.
  expect((await run(shop, { isAgain: true })).end).toMatchObject({ outcome: 'complete' })
  expect(pageCalls(sandbox).length).toBeGreaterThan(countCalls)
  expect(Math.max(...countByPage(sandbox).values())).toBeGreaterThanOrEqual(2)
})

test('a day that was last read while it lasted is left to read, once', async () => {
  const days = 20
  const shop = await open({ days })
  const { sandbox, database } = shop
  const from = addDays(TODAY, -days)
  const halfRead = addDays(TODAY, -12)
  expect((await run(shop, { from })).end).toMatchObject({ outcome: 'complete' })
  const noon = `('${halfRead}'::date + time '12:00') at time zone 'America/Edmonton'`
  await database.rows(`update recon.covered_days set read_at = ${noon} where day = '${halfRead}'`)

  const countCalls = dayCalls(sandbox).length
  expect((await run(shop, { from })).end).toMatchObject({ outcome: 'complete', state: { countDaysLeft: 0 } })
  const asked = dayCalls(sandbox).slice(countCalls)
  expect(new Set(asked.map(({ query }) => `${query.dateFrom} ${query.dateTo}`))).toEqual(
    new Set([`${addDays(halfRead, -1)} ${addDays(halfRead, 1)}`]),
  )
  expect((await run(shop, { from })).end).toMatchObject({ outcome: 'complete' })
  expect(dayCalls(sandbox).length).toBe(countCalls + asked.length)
})

test('invoices and bank payments of the past come the same way', async () => {
  const days = 40
  const shop = await open({ days, billing: { subscriptions: 30, signUpsPerDay: 1, invoicesPerDay: 2 } })
  const resources = ['invoice', 'ach_transaction']
  const { ends } = await run(shop, { resources, from: addDays(TODAY, -days) })
  expect(ends.map(({ outcome }) => outcome)).toEqual(['complete', 'complete'])
  const { invoices, achTransactions } = shop.sandbox.totals()
  const [counts] = await shop.database.rows(`select (select count(*) from helcim.invoices)::int as invoices,
    (select count(*) from helcim.ach_transactions)::int as bank_payments`)
  expect(counts).toEqual({ invoices: invoices.count, bank_payments: achTransactions.count })
  expect(achTransactions.count).toBeGreaterThan(10)
})

test.each([
  [{}, '--from: say with which day to begin, like 2023-01-01'],
  [{ from: 'monday' }, '--from: "monday" is not a date like 2026-10-31'],
  [{ from: '2023-02-01', to: '2023-01-01' }, '--from 2023-02-01 is after --to 2023-01-01'],
  [{ from: '2023-02-01', to: '2999-01-01' }, `--to 2999-01-01 is after today, ${TODAY}`],
  [
    { from: '2023-01-01', resource: ['card-batches'] },
    '--resource: card_batch is always read as a whole, so there is nothing to fill in; choose from card_transaction, invoice, ach_transaction',
  ],
])('%j is refused with one line before anything is opened', async (options, line) => {
  const config = readConfig({ HELCIM_API_TOKEN: 'token', DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })
  const refusal = await runBackfill(config, options, new AbortController().signal).catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(UsageError)
  expect(refusal).toMatchObject({ message: line, exitCode: 2 })
})
