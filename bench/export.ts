import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { withSnapshot } from '../src/db/client.ts'
import { toBusinessDate } from '../src/domain/calendar.ts'
import type { ExportFormat } from '../src/exports/formats.ts'
import { reportOf } from '../src/exports/reports.ts'
import { writeExports } from '../src/exports/write.ts'
import type { BenchDatabase } from './database.ts'
import { createHistory } from './history.ts'
import { type Line, median, round, timed } from './line.ts'

const ROWS = 1_000_000
const REPETITIONS = 3

/** A file of a million transactions, and raw COPY of the stored columns of the same rows, in turns. */
export async function measureExport(database: BenchDatabase): Promise<Line[]> {
  const { db, pool } = database
  const accountId = await createHistory(database, ROWS)
  await matchEveryTenth(database, accountId)
  for (const table of ['helcim.card_transactions', 'recon.matches'])
    await db.execute(sql.raw(`vacuum (analyze) ${table}`))
  const directory = await mkdtemp(join(tmpdir(), 'tieout-bench-export-'))
  const residentMb = () => process.memoryUsage.rss() / 2 ** 20
  let residentMbMax = 0
  const exportOnce = async (format: ExportFormat) => {
    const [file] = await writeExports(
      pool,
      {
        accountId,
        period: { from: toBusinessDate('2026-01-01'), to: toBusinessDate('2026-12-31') },
        reports: [reportOf('transactions')],
        format,
        directory,
      },
      { onProgress: () => (residentMbMax = Math.max(residentMbMax, residentMb())) },
    )
    if (file?.control.rows !== ROWS) throw new Error(`${file?.control.rows} rows instead of ${ROWS}`)
    return file.path
  }
  try {
    // Both once without a watch: caches are warm for either.
    await copyRaw(database, accountId)
    const path = await exportOnce('csv')
    const megabytes = (await stat(path)).size / 1e6
    const residentMbBefore = residentMb()
    residentMbMax = residentMbBefore
    const rawMs: number[] = []
    const viewMs: number[] = []
    const csvMs: number[] = []
    const jsonlMs: number[] = []
    for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
      rawMs.push(await timed(() => copyRaw(database, accountId)))
      viewMs.push(await timed(() => copyView(database, accountId)))
      csvMs.push(await timed(() => exportOnce('csv')))
      jsonlMs.push(await timed(() => exportOnce('jsonl')))
    }
    const raw = median(rawMs)
    return [
      {
        what: 'export of 1 M transactions as CSV ÷ raw COPY of the same rows',
        measured: median(csvMs) / raw,
        unit: '×',
        target: { atMost: 1.5 },
        detail: `${round(median(csvMs))} ms for ${round(megabytes)} MB with sums, hash and proof; raw ${round(raw)} ms`,
      },
      {
        what: 'the same ÷ COPY of the view as CSV, no file and no sums',
        measured: median(csvMs) / median(viewMs),
        unit: '×',
        target: null,
        detail: `${round(median(viewMs))} ms: what Postgres alone takes to format these rows`,
      },
      {
        what: 'export of 1 M transactions as JSON lines ÷ raw COPY',
        measured: median(jsonlMs) / raw,
        unit: '×',
        target: null,
        detail: `${round(median(jsonlMs))} ms`,
      },
      {
        what: 'memory gained while exporting 1 M rows six times',
        measured: residentMbMax - residentMbBefore,
        unit: 'MB',
        target: { atMost: 64 },
        detail: `${round(residentMbMax)} MB at most`,
      },
    ]
  } finally {
    await rm(directory, { recursive: true })
  }
}

const matchEveryTenth = ({ db }: BenchDatabase, accountId: number) =>
  db.execute(sql`
    insert into recon.matches (account_id, via, transaction_id, customer_code, subscription_id, payment_number, rule,
      window_from, window_until, confidence, is_interchangeable, amount_minor, currency, matched_at)
    select account_id, 'card', transaction_id, customer_code, 500000 + transaction_id % 20000, 7, 'amount_and_time',
      created_at, created_at, 'high', false, amount_minor, currency, created_at
    from helcim.card_transactions where account_id = ${accountId} and transaction_id % 10 = 3`)

/** The stored columns that the report is made of, in its order, as Postgres writes them; the bytes are thrown away. */
const copyRaw = (database: BenchDatabase, accountId: number): Promise<void> =>
  copyAway(
    database,
    `copy (
      select t.transaction_id, t.created_at, t.created_on, t.card_batch_id, t.type, t.status, t.currency, t.amount_minor,
        t.customer_code, t.invoice_number, t.card_brand, t.card_number_masked, t.approval_code, m.subscription_id,
        m.payment_number, m.rule
      from helcim.card_transactions t
      left join recon.matches m on m.account_id = t.account_id and m.via = 'card' and m.transaction_id = t.transaction_id
      where t.account_id = ${accountId} order by t.transaction_id) to stdout`,
  )

/** The report's own rows, formatted, as somebody with psql would get them. */
const copyView = (database: BenchDatabase, accountId: number): Promise<void> =>
  copyAway(
    database,
    `copy (
      select * from accounting.transactions
      where account = (select name from recon.accounts where account_id = ${accountId})
      order by transaction_id) to stdout (format csv)`,
  )

async function copyAway({ pool }: BenchDatabase, statement: string): Promise<void> {
  await withSnapshot(pool, (snapshot) =>
    snapshot.copyTo(statement, async (bytes) => {
      for await (const _ of bytes);
    }),
  )
}
