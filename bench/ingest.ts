import { sql } from 'drizzle-orm'
import pg from 'pg'
import { copyTransaction } from '../src/db/client.ts'
import { cardTransactionMirror } from '../src/db/mirror/card-transactions.ts'
import { storeRecords } from '../src/db/mirror/store-records.ts'
import type { CardTransaction } from '../src/domain/card-transaction.ts'
import { type Instant, toInstant } from '../src/domain/clock.ts'
import type { DecodedRecord } from '../src/domain/record.ts'
import { copyIn, copyOut } from './copy.ts'
import { type BenchDatabase, TODAY } from './database.ts'
import { type Line, median, round, timed } from './line.ts'
import { createBodies, decodePages, ROWS_PER_PAGE } from './pages.ts'

const COUNT_PAGES = 25
const REPETITIONS = 5
const COUNT_ROWS = COUNT_PAGES * ROWS_PER_PAGE
const OBSERVED_FIRST = toInstant(Date.parse(`${TODAY}T06:00:00Z`))
const OBSERVED_NEXT = toInstant(OBSERVED_FIRST + 60_000)

type Page = readonly DecodedRecord<CardTransaction>[]

/** Storing fresh pages beside `COPY` of the same rows, and storing the same pages again. */
export async function measureIngest(database: BenchDatabase): Promise<Line[]> {
  const { db } = database
  const pages = await decodePages(createBodies(COUNT_PAGES))
  const client = new pg.Client(database.url)
  await client.connect()
  try {
    // `including all` copies the keys and every index, the covering and the partial ones, too.
    await client.query('create table bench_copy (like helcim.card_transactions including all)')
    const accountId = await database.addAccount()
    const store = (records: Page, at: Instant) =>
      copyTransaction(db, (tx) =>
        storeRecords(tx, cardTransactionMirror, { accountId, observedAt: at, storedAt: at, records }),
      )
    const empty = () =>
      client.query('truncate helcim.card_transactions, bench_copy, recon.marks, helcim.record_versions; checkpoint')

    const copies: Buffer[] = []
    for (const page of pages) {
      await store(page, OBSERVED_FIRST)
      copies.push(await copyOut(client, copyOfPage(accountId, page)))
    }

    const passes: Pass[] = []
    for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
      await empty()
      const pass = { storeMs: 0, copyMs: 0, unchangedMs: 0, unchangedWalBytes: 0 }
      for (const [index, page] of pages.entries()) {
        const bytes = copies[index] ?? Buffer.alloc(0)
        const steps = [
          async () => {
            pass.storeMs += await timed(() => store(page, OBSERVED_FIRST))
          },
          async () => {
            pass.copyMs += await timed(() => copyIn(client, 'copy bench_copy from stdin', bytes))
          },
        ]
        // Who comes second finds a warmer machine: they take turns.
        for (const step of (index + repetition) % 2 === 0 ? steps : steps.reverse()) await step()
      }
      await assertSameRows(client)
      await client.query('checkpoint')
      // The first touch of a page after a checkpoint may log its image; what comes after is what rows cost.
      for (const page of pages) await store(page, toInstant(OBSERVED_NEXT - 1))
      const before = await walPosition(db)
      for (const page of pages) pass.unchangedMs += await timed(() => store(page, OBSERVED_NEXT))
      pass.unchangedWalBytes = (await walPosition(db)) - before
      passes.push(pass)
    }
    await empty()
    return linesOf(passes)
  } finally {
    await client.query('drop table if exists bench_copy')
    await client.end()
  }
}

interface Pass {
  storeMs: number
  copyMs: number
  unchangedMs: number
  unchangedWalBytes: number
}

function linesOf(passes: readonly Pass[]): Line[] {
  const perSecond = (of: (pass: Pass) => number) => `${round(COUNT_ROWS / (median(passes.map(of)) / 1000))} rows/s`
  const store = perSecond((pass) => pass.storeMs)
  return [
    {
      what: 'ingest of 1,000-row pages ÷ COPY FROM STDIN, by page',
      measured: median(passes.map((pass) => pass.copyMs / pass.storeMs)),
      unit: '×',
      target: { atLeast: 0.7 },
      detail: `${store} beside ${perSecond((pass) => pass.copyMs)}`,
    },
    {
      what: 'unchanged page ÷ fresh page, speed',
      measured: median(passes.map((pass) => pass.storeMs / pass.unchangedMs)),
      unit: '×',
      target: { atLeast: 2 },
      detail: `${perSecond((pass) => pass.unchangedMs)} beside ${store}`,
    },
    {
      what: 'WAL of an unchanged page beyond page images',
      measured: median(passes.map((pass) => pass.unchangedWalBytes)) / COUNT_ROWS,
      unit: 'bytes/row',
      target: { atMost: 0 },
      detail: `${passes.map((pass) => pass.unchangedWalBytes).join(', ')} bytes in passes of ${round(COUNT_ROWS)} rows`,
    },
  ]
}

function copyOfPage(accountId: number, page: Page): string {
  const ids = page.map(({ id }) => id).join(',')
  return `copy (select * from helcim.card_transactions where account_id = ${accountId} and transaction_id in (${ids})
    order by transaction_id desc) to stdout`
}

/** Both sides must have written the same, or their speeds say nothing. */
async function assertSameRows(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ same: string }>(`
    select count(*) as same from helcim.card_transactions m join bench_copy c using (account_id, transaction_id)
    where m::text = c::text`)
  if (Number(rows[0]?.same) !== COUNT_ROWS) throw new Error(`only ${rows[0]?.same} of ${COUNT_ROWS} rows are the same`)
}

async function walPosition(db: BenchDatabase['db']): Promise<number> {
  const { rows } = await db.execute<{ position: string }>(
    sql`select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as position`,
  )
  return Number(rows[0]?.position)
}
