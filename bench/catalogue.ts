import { sql } from 'drizzle-orm'
import { toBusinessDate } from '../src/domain/calendar.ts'
import { createSimulatedClock, toInstant } from '../src/domain/clock.ts'
import type { RunScope } from '../src/reconcile/judge-batches.ts'
import { runReconcile } from '../src/reconcile/run.ts'
import { DEFAULT_CHECK_SETTINGS } from '../src/reconcile/settings.ts'
import { type BenchDatabase, TODAY } from './database.ts'
import { createHistory } from './history.ts'
import { type Line, median, round, timed } from './line.ts'
import { addSubscriptions } from './subscriptions.ts'

const COUNT_SUBSCRIPTIONS = 20_000
const REPETITIONS = 3
/** What changed is quick to judge, and so quick to measure often. */
const REPETITIONS_CHANGED = 15
/** So many batches, customers and invoices have changed. */
const COUNT_CHANGED = 10

/** Every check there is over a million transactions and 20,000 subscriptions, and over what changed of them. */
export async function measureCatalogue(database: BenchDatabase): Promise<Line[]> {
  const small = await createShop(database, 100_000)
  const large = await createShop(database, 1_000_000)
  const fullMs: number[] = []
  const scanMs: number[] = []
  for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
    fullMs.push(await timed(() => reconcile(database, large, 'full')))
    scanMs.push(await timed(() => scan(database, large)))
  }
  return [
    {
      what: 'all checks of 1 M transactions and 20,000 subscriptions ÷ one scan of those rows',
      measured: median(fullMs) / median(scanMs),
      unit: '×',
      target: null,
      detail: `${round(median(fullMs))} ms; a sequential scan that adds up the amounts ${round(median(scanMs))} ms`,
    },
    await measureGrowth(database, [
      { countRows: 100_000, accountId: small },
      { countRows: 1_000_000, accountId: large },
    ]),
  ]
}

/** The same of ten million rows; it takes a quarter of an hour and 15 GB, and is measured only where it is asked for. */
export async function measureCatalogueLarge(database: BenchDatabase): Promise<Line[]> {
  const sides = []
  for (const countRows of [1_000_000, 10_000_000])
    sides.push({ countRows, accountId: await createShop(database, countRows) })
  return [await measureGrowth(database, sides)]
}

async function createShop(database: BenchDatabase, countRows: number): Promise<number> {
  const accountId = await createHistory(database, countRows, { countSubscriptions: COUNT_SUBSCRIPTIONS })
  await addSubscriptions(database, accountId)
  for (const table of [
    'helcim.card_transactions',
    'helcim.card_batches',
    'helcim.invoices',
    'helcim.subscription_payments',
  ])
    await database.db.execute(sql`vacuum (analyze) ${sql.raw(table)}`)
  // It learns the count rule and writes every judgement; the ones that follow are what each night costs.
  await reconcile(database, accountId, 'full')
  await database.db.execute(sql`vacuum (analyze) recon.batch_checks, recon.matches, recon.recurring_checks`)
  return accountId
}

/** @throws Error when something is found where nothing is wrong */
async function reconcile({ db }: BenchDatabase, accountId: number, scope: RunScope): Promise<void> {
  const { countOpened, countTied, countBatches, recurring } = await runReconcile(db, {
    accountId,
    historyFrom: toBusinessDate('2026-01-01'),
    scope,
    settings: DEFAULT_CHECK_SETTINGS,
    clock: createSimulatedClock(toInstant(Date.parse(`${TODAY}T06:00:00Z`)), 1),
  })
  const isMatched = recurring.every(
    ({ counts, countExpected }) => counts.matched === countExpected && countExpected > 0,
  )
  if (countOpened === 0 && countTied === countBatches && recurring.length === 1 && isMatched) return
  const { rows } = await db.execute<{ summary: string }>(
    sql`select code || ' ' || summary as summary from recon.mismatches limit 3`,
  )
  const found = `${countOpened} mismatches, ${countTied} of ${countBatches} batches tie out`
  throw new Error(
    `the generated shop is not in order: ${found}; ${JSON.stringify([rows, recurring], (_, v) => (typeof v === 'bigint' ? String(v) : v))}`,
  )
}

const scan = ({ db }: BenchDatabase, accountId: number) =>
  db.transaction(async (tx) => {
    await tx.execute(sql`select set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true),
      set_config('enable_bitmapscan', 'off', true)`)
    await tx.execute(sql`
      select currency, type, outcome, sum(amount_minor) from helcim.card_transactions where account_id = ${accountId} group by 1, 2, 3`)
  })

async function measureGrowth(
  database: BenchDatabase,
  sides: readonly { countRows: number; accountId: number }[],
): Promise<Line> {
  const [short, long] = sides.map((side) => ({ ...side, ms: [] as number[] }))
  if (!short || !long) throw new Error('there are two sides')
  for (let repetition = 0; repetition < REPETITIONS_CHANGED; repetition += 1) {
    for (const side of [short, long]) {
      await markSome(database, side.accountId)
      side.ms.push(await timed(() => reconcile(database, side.accountId, 'marked')))
    }
  }
  const [shortMs, longMs] = [median(short.ms), median(long.ms)]
  return {
    what: `time of a fixed change, from ${round(short.countRows)} to ${round(long.countRows)} rows: exponent`,
    measured: Math.log(longMs / shortMs) / Math.log(long.countRows / short.countRows),
    unit: '',
    target: { atMost: 0.1 },
    detail: `${COUNT_CHANGED} batches, customers and invoices: ${round(shortMs)} ms and ${round(longMs)} ms`,
  }
}

/** Of the middle of the history, so that neither side is at an edge. */
async function markSome({ db }: BenchDatabase, accountId: number): Promise<void> {
  await db.execute(sql`
    insert into recon.marks (account_id, subject_kind, subject_id)
    select ${accountId}::int, 'card_batch', card_batch_id::text from (
      select card_batch_id from helcim.card_batches where account_id = ${accountId}
        and card_batch_id >= (select (min(card_batch_id) + max(card_batch_id)) / 2 from helcim.card_batches where account_id = ${accountId})
      order by 1 limit ${COUNT_CHANGED}) b
    union all
    select ${accountId}::int, 'customer', 'SUB' || n from generate_series(100, 99 + ${COUNT_CHANGED}::int) n
    union all
    select ${accountId}::int, 'invoice', 'INV' || (n * 10 + 3) from generate_series(5000, 4999 + ${COUNT_CHANGED}::int) n
    on conflict do nothing`)
}
