import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { REPORTS } from '../../src/exports/reports.ts'
import { verifyExports } from '../../src/exports/verify.ts'
import { writeExports } from '../../src/exports/write.ts'
import { createDatabase, type TestDatabase } from '../mismatches/support.ts'
import { fillHistory, residentGrowthOf } from './history.ts'
import { withFolder } from './support.ts'

const PERIOD = { from: toBusinessDate('2026-10-01'), to: toBusinessDate('2026-10-31') }
const ROWS_LARGE = 600_000
const GROWTH_MB_MAX = 60
let database: TestDatabase
let accountId: number

beforeAll(async () => {
  database = await createDatabase()
  accountId = (await database.openBooks('default')).accountId
  await fillHistory(database, accountId, 400)
})

afterAll(() => database.drop())

const writeInto = (directory: string, account = accountId) =>
  writeExports(database.pool, { accountId: account, period: PERIOD, reports: REPORTS, format: 'csv', directory })

async function withExports(body: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await writeInto(folder)
    await body(folder)
  })
}

const differencesIn = async (folder: string) => (await verifyExports(folder)).differences.join('\n')

async function change(folder: string, name: string, alter: (text: string) => string): Promise<void> {
  const path = join(folder, name)
  const text = await readFile(path, 'utf8')
  const altered = alter(text)
  expect(altered).not.toBe(text)
  await writeFile(path, altered)
}

describe('export verify', () => {
  it('finds nothing in what was just written', async () => {
    await withExports(async (folder) => {
      const { differences, files, countCompared } = await verifyExports(folder)
      expect({ differences, files: files.length, countCompared }).toEqual({
        differences: [],
        files: 8,
        countCompared: 5,
      })
    })
  })

  it('finds one changed cent, by the sum, the hash and the other files', async () => {
    await withExports(async (folder) => {
      await change(folder, 'transactions-2026-10.csv', (text) => text.replace(',10.01,10.01,', ',10.02,10.02,'))
      const found = await differencesIn(folder)
      expect(found).toMatch(/transactions-2026-10.csv: CAD amount adds up to/)
      expect(found).toMatch(/its SHA-256 is/)
      expect(found).toMatch(/VI sales is .* in daily-sales-2026-10.csv/)
      expect(found).toMatch(/movements, CAD gross is .* in settlement-2026-10.csv and unsettled-2026-10.csv/)
    })
  })

  it('finds one changed byte that no sum shows', async () => {
    await withExports(async (folder) => {
      await change(folder, 'settlement-2026-10.csv', (text) => text.replace('INV7,', 'INV8,'))
      expect(await differencesIn(folder)).toMatch(
        /^settlement-2026-10.csv: its SHA-256 is \w+, its control file says \w+$/,
      )
    })
  })

  it('finds a cent in the roll-forward, by its row, the row after, and the other files', async () => {
    await withExports(async (folder) => {
      const cent = (text: string) =>
        text.replace(/^2026-10-05,CAD,(.*)\.(\d\d)$/m, (_, rest, cents) => {
          return `2026-10-05,CAD,${rest}.${String((Number(cents) + 1) % 100).padStart(2, '0')}`
        })
      await change(folder, 'clearing-2026-10.csv', cent)
      const found = await differencesIn(folder)
      expect(found).toMatch(/clearing-2026-10.csv: row \d+, closing: "[\d.]+" is not what its row adds up to/)
      expect(found).toMatch(/clearing-2026-10.csv: row \d+, opening: "[\d.]+" is not the closing of the row before/)
    })
    await withExports(async (folder) => {
      await change(folder, 'clearing-2026-10.csv', (text) => text.replace(/^(2026-10-05,CAD,[^,]*),(\d)/m, '$1,1$2'))
      expect(await differencesIn(folder)).toMatch(
        /clearing-2026-10.csv: 2026-10-05 CAD sales is .*, in daily-sales-2026-10.csv/,
      )
    })
    await withExports(async (folder) => {
      await change(folder, 'unsettled-2026-10.csv', (text) => text.replace(/,sale,CAD,(\d+)/, ',sale,CAD,1$1'))
      expect(await differencesIn(folder)).toMatch(/clearing-2026-10.csv: CAD unsettled is .*, in unsettled-2026-10.csv/)
    })
  })

  it('knows that a row which came after its batch had closed is taken off the balance before it was made', async () => {
    const late = (await database.openBooks()).accountId
    await fillHistory(database, late, 300)
    await database.pool.query(
      `update helcim.card_transactions set created_at = '2026-11-02T18:00:00Z', created_on = '2026-11-02'
       where account_id = $1 and transaction_id = 1005`,
      [late],
    )
    await withFolder(async (folder) => {
      const written = await writeInto(folder, late)
      const clearing = written.find(({ control }) => control.report === 'clearing')?.control
      expect(clearing?.settledAhead).toEqual({
        rows: { CAD: 1 },
        sums: { CAD: { gross: '10.05', source_amount: '10.05' } },
      })
      expect((await verifyExports(folder)).differences).toEqual([])
    })
  })

  it('finds a row that is gone, and one that was moved to another day with a control file to match', async () => {
    await withExports(async (folder) => {
      await change(folder, 'unsettled-2026-10.csv', (text) => text.replace(/\n[^\n]+\n$/, '\n'))
      expect(await differencesIn(folder)).toMatch(/unsettled-2026-10.csv: \d+ rows, its control file says \d+/)
    })
    await withExports(async (folder) => {
      await change(folder, 'daily-sales-2026-10.csv', (text) => text.replace('2026-10-05,', '2026-10-06,'))
      expect(await differencesIn(folder)).toMatch(/2026-10-05 CAD VI net is .*, in daily-sales-2026-10.csv 0.00/)
    })
  })

  it('finds a missing control file, a missing file, a broken one, and what a killed export left behind', async () => {
    await withExports(async (folder) => {
      await rm(join(folder, 'transactions-2026-10.csv.control.json'))
      await rm(join(folder, 'unsettled-2026-10.csv'))
      await appendFile(join(folder, 'settlement-2026-10.csv'), '"half a row')
      await change(folder, 'mismatches-2026-10.csv.control.json', (text) => text.replace('"rows": 0', '"rows": -1'))
      await rename(join(folder, 'daily-sales-2026-10.csv'), join(folder, 'daily-sales-2026-10.csv.1.partial'))
      const found = await differencesIn(folder)
      expect(found).toMatch(/transactions-2026-10.csv: its control file is missing/)
      expect(found).toMatch(/unsettled-2026-10.csv: the file is missing/)
      expect(found).toMatch(/settlement-2026-10.csv: cannot be read: it is no CSV/)
      expect(found).toMatch(/mismatches-2026-10.csv.control.json: rows /)
      expect(found).toMatch(/partial: left behind/)
    })
  })

  it('holds the files of several accounts in one folder to their own account each', async () => {
    const north = (await database.openBooks('north')).accountId
    await fillHistory(database, north, 300)
    await withExports(async (folder) => {
      const own = await writeInto(folder, north)
      expect(own.map(({ control: { file, account } }) => [file, account])).toContainEqual([
        'north.transactions-2026-10.csv',
        'north',
      ])
      const { differences, files, countCompared } = await verifyExports(folder)
      expect({ differences, countCompared }).toEqual({ differences: [], countCompared: 10 })
      const rowsOf = (account: string) =>
        files.find((control) => control.account === account && control.report === 'transactions')?.rows
      expect([files.length, rowsOf('default'), rowsOf('north')]).toEqual([16, 400, 300])
      // The control: one cent of one account is seen, and told of that account alone.
      await change(folder, 'north.transactions-2026-10.csv', (text) => text.replace(',10.01,10.01,', ',10.02,10.02,'))
      const found = (await verifyExports(folder)).differences
      expect(found.length).toBeGreaterThan(1)
      expect(found.filter((difference) => !difference.startsWith('north.'))).toEqual([])
    })
  })

  it('takes an empty folder for no proof', async () => {
    await withFolder(async (folder) => {
      await expect(verifyExports(folder)).rejects.toThrow(/holds no exported file/)
    })
  })
})

describe('a large export', () => {
  it('takes no more memory than a small one', async () => {
    const large = (await database.openBooks()).accountId
    await fillHistory(database, large, ROWS_LARGE)
    await database.db.execute(sql`analyze helcim.card_transactions`)
    await withFolder(async (folder) => {
      const exported = async (account: number, period = PERIOD) => {
        const files = await writeExports(database.pool, {
          accountId: account,
          period,
          reports: REPORTS.filter(({ name }) => name === 'transactions'),
          format: 'csv',
          directory: folder,
        })
        return files[0]?.control.rows
      }
      await exported(accountId)
      const { growthMb, result } = await residentGrowthOf(() => exported(large))
      expect(result).toBe(ROWS_LARGE)
      // The file has some 84 MB; held as a string or as rows it would be several times that.
      expect(growthMb).toBeLessThan(GROWTH_MB_MAX)
      const held: string[] = []
      const control = await residentGrowthOf(async () => {
        for (let row = 0; row < ROWS_LARGE; row += 1) held.push(`${row}`.padEnd(300, '.').split('').join(''))
      })
      expect(control.growthMb).toBeGreaterThan(GROWTH_MB_MAX)
    })
  })
})
