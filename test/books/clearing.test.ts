import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postBooks } from '../../src/books/post.ts'
import { postFacts } from '../../src/db/books/post.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import type { Instant } from '../../src/domain/clock.ts'
import { type BooksSettings, DEFAULT_BOOKS_SETTINGS } from '../../src/domain/journal/chart.ts'
import { JOURNALS } from '../../src/exports/journals/formats.ts'
import { writeJournals } from '../../src/exports/journals/write.ts'
import type { Period } from '../../src/exports/period.ts'
import { clearing } from '../../src/exports/reports/clearing.ts'
import { transactions } from '../../src/exports/reports/transactions.ts'
import { verifyExports } from '../../src/exports/verify.ts'
import { writeExports } from '../../src/exports/write.ts'
import { centsOf, readCsv, withFolder } from '../exports/support.ts'
import { isLong } from '../support/long.ts'
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { clock, clockAt, fillMirror, MONTH, openAccount, randomMirror, ZONE } from './mirror.ts'

/** All formats of a month whose rows have two currencies. */
const COUNT = JOURNALS.length
const SEEDS = Array.from({ length: isLong ? 20 : 3 }, (_, index) => 30 + index)
const NOVEMBER = toBusinessDate('2026-11-01')
const settings = DEFAULT_BOOKS_SETTINGS
let database: MigratedDatabase

beforeAll(async () => {
  database = await createMigratedDatabase()
})

afterAll(() => database.drop())

async function post(name: string, seed: number, books: BooksSettings = settings): Promise<number> {
  const accountId = await openAccount(database, name)
  await fillMirror(database, accountId, randomMirror(seed))
  await postBooks(database.db, { accountId, scope: 'full', settings: books, clock })
  return accountId
}

interface How {
  readonly books?: BooksSettings
  readonly period?: Period
  readonly asOf?: { readonly at: Instant; readonly now: Instant }
}

const writeReport = (accountId: number, directory: string, { period = MONTH, asOf }: How = {}) =>
  writeExports(
    database.pool,
    { accountId, period, reports: [clearing], format: 'csv', directory },
    asOf === undefined ? {} : { asOf },
  )

const writeBooks = (accountId: number, directory: string, { period = MONTH, books = settings, asOf }: How = {}) =>
  writeJournals(
    database.pool,
    { accountId, period, journals: JOURNALS, detail: 'day', settings: books, directory },
    asOf === undefined ? {} : { asOf },
  )

async function write(accountId: number, directory: string, how: How = {}): Promise<void> {
  await writeReport(accountId, directory, how)
  await writeBooks(accountId, directory, how)
}

const verify = async (folder: string) => {
  const { differences, countWithReports, remarks } = await verifyExports(folder)
  return { differences, countWithReports, remarks }
}

const AGREED = { differences: [], countWithReports: COUNT, remarks: [] }
const notCompared = (name: string, why: string) => ({
  differences: [],
  countWithReports: 0,
  remarks: [`${name}.clearing-2026-10.csv: not compared with the journals: ${why}`],
})

async function changeControl(path: string, change: (control: Record<string, unknown>) => void): Promise<void> {
  const control = JSON.parse(await readFile(path, 'utf8'))
  change(control)
  await writeFile(path, JSON.stringify(control))
}

const cents = (amount: string): bigint => BigInt(amount.replace('.', ''))
const amountOf = (minor: bigint): string =>
  `${minor < 0n ? '-' : ''}${String(minor < 0n ? -minor : minor)
    .padStart(3, '0')
    .replace(/(..)$/, '.$1')}`

/** A cent more was sold on the last day in Canadian dollars, by a report that agrees with itself and its control file. */
async function addCent(path: string): Promise<void> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  const at = lines.findLastIndex((line) => line.includes(',CAD,'))
  const cells = lines[at]?.split(',') ?? []
  for (const column of [3, 7]) cells[column] = amountOf(cents(cells[column] ?? '') + 1n)
  lines[at] = cells.join(',')
  const text = lines.join('\n')
  await writeFile(path, text)
  await changeControl(`${path}.control.json`, (control) => {
    const sums = (control.sums as Record<string, Record<string, string>>).CAD ?? {}
    for (const column of ['sales', 'closing']) sums[column] = amountOf(cents(sums[column] ?? '') + 1n)
    control.sha256 = createHash('sha256').update(text).digest('hex')
  })
}

describe('the report clearing and the journals of a month', () => {
  it.each(SEEDS)('end with the same amounts, seed %i, and a cent more in the report is seen', async (seed) => {
    const name = `agreed-${seed}`
    const accountId = await post(name, seed)
    await withFolder(async (folder) => {
      await write(accountId, folder)
      expect(await verify(folder)).toEqual(AGREED)
      await addCent(join(folder, `${name}.clearing-2026-10.csv`))
      const { differences } = await verify(folder)
      expect(differences).toHaveLength(COUNT)
      for (const one of differences)
        expect(one).toMatch(
          /^agreed-\d+\.clearing-2026-10\.csv: CAD clearing ends with -?[\d.]+, in \S+ with -?[\d.]+$/,
        )
    })
  })

  it('also of a part of a month, in which rows came late for batches that had closed', async () => {
    const accountId = await post('late', 40)
    const period = { from: toBusinessDate('2026-10-10'), to: toBusinessDate('2026-10-14') }
    await database.db.execute(sql`
      update helcim.card_transactions set created_at = created_at + interval '3 days', created_on = created_on + 3
      where account_id = ${accountId} and created_on between '2026-10-13' and '2026-10-14' and transaction_id % 2 = 0`)
    await postBooks(database.db, { accountId, scope: 'full', settings, clock })
    await withFolder(async (folder) => {
      const [report] = await writeReport(accountId, folder, { period })
      expect(Object.keys(report?.control.settledAhead?.rows ?? {})).toContain('CAD')
      await writeBooks(accountId, folder, { period })
      expect(await verify(folder)).toEqual(AGREED)
    })
  })

  it('are compared with what is dated later as the month was closed, and that is said', async () => {
    const accountId = await post('closed', 41)
    // A sale that is in no batch, so that nothing settles what is added to it.
    await database.db.execute(sql`
      update helcim.card_transactions set amount_minor = amount_minor + 500, card_batch_id = null
      where account_id = ${accountId} and transaction_id = (
        select min(transaction_id) from helcim.card_transactions
        where account_id = ${accountId} and type = 'purchase' and outcome = 'approved' and currency = 'CAD'
          and card_batch_id is null and vanished_at is null and created_on between '2026-10-02' and '2026-10-30')`)
    await postFacts(database.db, {
      accountId,
      zone: ZONE,
      cutOffMinutes: 0,
      scope: 'full',
      openFrom: NOVEMBER,
      now: clock.now(),
    })
    await withFolder(async (folder) => {
      await write(accountId, folder)
      const report = 'closed.clearing-2026-10.csv'
      expect(await verify(folder)).toEqual({
        ...AGREED,
        remarks: [`${report}: 5.00 CAD of what it ends with is dated later in the journals, as its month was closed`],
      })
      await changeControl(join(folder, 'closed.hledger-2026-10.journal.control.json'), (control) => {
        ;(control.books as { datedLater: Record<string, string> }).datedLater.CAD = '5.01'
      })
      const { differences } = await verify(folder)
      expect(differences.join('\n')).toMatch(/CAD clearing ends with .*, in closed\.hledger-2026-10\.journal with/)
    })
  })
})

describe('business days that end at another hour', () => {
  it.each([
    ['04:30', 270, 1n, (at: string) => at.startsWith('2026-11-01') && at < '2026-11-01 04:30:00'],
    ['17:30', 1050, -1n, (at: string) => at.startsWith('2026-10-31') && at >= '2026-10-31 17:30:00'],
  ])(
    'part books and report by what was made between midnight and %s',
    async (cutOff, cutOffMinutes, sign, isBetween) => {
      const name = `hour-${cutOff.replace(':', '')}`
      const books = { ...settings, cutOffMinutes }
      const accountId = await openAccount(database, name)
      await fillMirror(database, accountId, randomMirror(50))
      // Enough of them around the end of the month.
      await database.db.execute(sql`
      update helcim.card_transactions set card_batch_id = null, created_on = '2026-10-31',
        created_at = timestamptz '2026-10-31 22:00:00Z' + (transaction_id % 14) * interval '1 hour'
      where account_id = ${accountId} and created_on between '2026-10-30' and '2026-11-02' and type <> 'reverse'`)
      await postBooks(database.db, { accountId, scope: 'full', settings: books, clock })
      await withFolder(async (folder) => {
        await writeReport(accountId, folder)
        const [journal] = await writeBooks(accountId, folder, { books })
        const both = { from: toBusinessDate('2026-10-31'), to: toBusinessDate('2026-11-01') }
        const request = { accountId, period: both, reports: [transactions], format: 'csv' as const, directory: folder }
        const [made] = await writeExports(database.pool, request)
        const between = (await readCsv(made?.path ?? '')).filter(
          ({ created_at_local: at = '', currency, signed_amount: signed }) =>
            currency === 'CAD' && signed !== '' && isBetween(at),
        )
        expect(between.length).toBeGreaterThan(1)
        const moved = between.reduce((sum, { signed_amount: signed = '' }) => sum + centsOf(signed), 0n)
        const last = (await readCsv(join(folder, `${name}.clearing-2026-10.csv`)))
          .filter(({ currency }) => currency === 'CAD')
          .at(-1)
        const closing = journal?.control.closing.CAD?.clearing ?? ''
        expect(centsOf(closing)).toBe(centsOf(last?.closing ?? '') + sign * moved)
        expect(moved).not.toBe(0n)
      })
    },
  )
})

describe('what cannot be compared is not, and verify says why', () => {
  it('business days that end at another hour', async () => {
    const books = { ...settings, cutOffMinutes: 270 }
    const accountId = await post('cut', 50, books)
    await withFolder(async (folder) => {
      await write(accountId, folder, { books })
      expect(await verify(folder)).toEqual(
        notCompared('cut', 'the business days of the books end at 04:30, those of reports at 00:00'),
      )
      // They do differ.
      await changeEach(folder, ({ books }) => {
        if (books !== null && typeof books === 'object' && 'postedBy' in books)
          Object.assign(books.postedBy as object, { cutOff: '00:00' })
      })
      expect((await verify(folder)).differences.join('\n')).toMatch(/clearing ends with/)
    })
  })

  it('changes that waited, postings that came between, and control files of former versions', async () => {
    const accountId = await post('states', 51)
    await withFolder(async (folder) => {
      await write(accountId, folder)
      await database.db.execute(
        sql`insert into recon.marks (account_id, subject_kind, subject_id) values (${accountId}, 'books_day', '2026-10-31')`,
      )
      await writeBooks(accountId, folder)
      expect(await verify(folder)).toEqual(notCompared('states', 'changes of the mirror waited to be posted'))
      await postBooks(database.db, { accountId, scope: 'marked', settings, clock })
      await write(accountId, folder)
      expect(await verify(folder)).toEqual(AGREED)
      await database.db.execute(sql`
        update helcim.card_transactions set amount_minor = amount_minor + 1
        where account_id = ${accountId} and created_on = '2026-10-31'`)
      await postBooks(database.db, { accountId, scope: 'full', settings, clock })
      await writeReport(accountId, folder)
      expect(await verify(folder)).toEqual(
        notCompared('states', 'they were made of different states: write them together'),
      )
      await write(accountId, folder)
      const report = join(folder, 'states.clearing-2026-10.csv.control.json')
      await changeControl(report, (control) => {
        control.asOf = '2026-11-09T00:00:00Z'
      })
      expect(await verify(folder)).toEqual(
        notCompared('states', 'they were made of different states: write them together'),
      )
      await writeReport(accountId, folder)
      await changeEach(folder, (control) => {
        delete control.books
      })
      expect(await verify(folder)).toEqual(
        notCompared('states', 'control files of a former version do not say how the books stood'),
      )
    })
  })

  it('an earlier time, another zone, a clearing account that is shared, and a report without a day', async () => {
    const accountId = await post('others', 52)
    await withFolder(async (folder) => {
      const ach = { ...settings.chart, ach_clearing: settings.chart.clearing }
      await write(accountId, folder, { books: { ...settings, chart: ach } })
      expect(await verify(folder)).toEqual(notCompared('others', 'clearing shares its account with others'))
      await database.db.execute(sql`update recon.accounts set zone = 'America/Toronto' where account_id = ${accountId}`)
      await write(accountId, folder)
      expect(await verify(folder)).toEqual(
        notCompared('others', 'the books are posted in America/Edmonton, the report is in America/Toronto'),
      )
      await database.db.execute(sql`
        update recon.accounts set zone = ${ZONE}, versions_since = '2026-01-01' where account_id = ${accountId}`)
      const now = clockAt('2026-11-11T12:00:00Z').now()
      await write(accountId, folder, { asOf: { at: clock.now(), now } })
      expect(await verify(folder)).toEqual(
        notCompared('others', 'they are of an earlier time, of which is not known what waited to be posted'),
      )
    })
    await withFolder(async (folder) => {
      const period = { from: toBusinessDate('2026-12-01'), to: toBusinessDate('2026-12-31') }
      await write(accountId, folder, { period })
      expect(await verify(folder)).toMatchObject({
        differences: [],
        remarks: [expect.stringMatching(/2026-12\.csv: not compared with the journals: the report has no day yet$/)],
      })
    })
  })
})

/** Of every control file in the folder. */
async function changeEach(folder: string, change: (control: Record<string, unknown>) => void): Promise<void> {
  for (const name of await readdir(folder))
    if (name.endsWith('.control.json')) await changeControl(join(folder, name), change)
}
