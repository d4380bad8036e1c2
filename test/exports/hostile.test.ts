import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { originalOf } from '../../src/exports/cells.ts'
import { reportOf } from '../../src/exports/reports.ts'
import { verifyExports } from '../../src/exports/verify.ts'
import { writeExports } from '../../src/exports/write.ts'
import type { TestDatabase } from '../mismatches/support.ts'
import { HOSTILE, HOSTILE_PERIOD, openHostileShop } from './hostile-shop.ts'
import { readCsv, withFolder } from './support.ts'

let database: TestDatabase
let accountId: number

beforeAll(async () => {
  const shop = await openHostileShop()
  database = shop.database
  accountId = shop.accountId
})

afterAll(() => database.drop())

/** By the naked eye of a spreadsheet: what Excel, LibreOffice and Sheets evaluate. */
const isFormula = (cell: string) => /^[=+\-@\t\r\n＝＋－＠]/.test(cell.replace(/^ +/, ''))

async function exportAll(folder: string, format: 'csv' | 'jsonl') {
  const names = ['transactions', 'unsettled', 'daily-sales', 'mismatches'] as const
  await writeExports(database.pool, {
    accountId,
    period: HOSTILE_PERIOD,
    reports: names.map(reportOf),
    format,
    directory: folder,
  })
}

describe('text that is hostile to spreadsheets', () => {
  it('is no formula in any file, and comes back to the letter', async () => {
    // The check sees a formula where there is one.
    expect(HOSTILE.filter(isFormula).length).toBeGreaterThan(10)
    await withFolder(async (folder) => {
      await exportAll(folder, 'csv')
      for (const [name, texts] of [
        ['transactions', ['customer_code', 'invoice_number', 'card_brand', 'approval_code']],
        ['unsettled', ['customer_code', 'invoice_number', 'card_brand']],
        ['mismatches', ['summary', 'expected']],
      ] as const) {
        const rows = await readCsv(join(folder, `${name}-2026-10.csv`))
        for (const column of texts) {
          const cells = rows.map((row) => row[column] ?? '')
          if (column !== 'expected') expect(cells.filter(isFormula), `${name}.${column}`).toEqual([])
          const texts = cells.map(originalOf)
          expect(
            HOSTILE.filter((text) => !texts.includes(text)),
            `${name}.${column}`,
          ).toEqual([])
        }
      }
      const [unknown] = (await readCsv(join(folder, 'transactions-2026-10.csv'))).filter(
        (row) => row.transaction_id === '2000',
      )
      expect(unknown).toMatchObject({ type: "'+new", status: "'=NEW()", signed_amount: '' })
      expect((await verifyExports(folder)).differences).toEqual([])
    })
  })

  it('leaves negative amounts numbers', async () => {
    await withFolder(async (folder) => {
      await exportAll(folder, 'csv')
      const transactions = await readCsv(join(folder, 'transactions-2026-10.csv'))
      expect(transactions[0]).toMatchObject({ amount: '1.50', signed_amount: '-1.50' })
      const mismatches = await readCsv(join(folder, 'mismatches-2026-10.csv'))
      const amounts = mismatches.filter((row) => row.subject_id?.startsWith('m'))
      expect(amounts[0]).toMatchObject({ expected: '100.00', actual: '-90.00', difference: '-190.00' })
      // A text that looks like an amount is a text.
      expect(mismatches.find((row) => row.subject_id === '0:sales')).toMatchObject({ actual: "'-7", difference: '' })
    })
  })

  it('stands in JSON lines as it came', async () => {
    await withFolder(async (folder) => {
      await exportAll(folder, 'jsonl')
      const text = await readFile(join(folder, 'transactions-2026-10.jsonl'), 'utf8')
      const rows = text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line))
      expect(rows.slice(0, HOSTILE.length).map((row) => row.invoice_number)).toEqual(HOSTILE)
      expect(text).toContain('"amount":1.50,"signed_amount":-1.50')
      expect((await verifyExports(folder)).differences).toEqual([])
    })
  })

  it('no file holds a token or more of a card number than its last four digits', async () => {
    await withFolder(async (folder) => {
      for (const format of ['csv', 'jsonl'] as const) await exportAll(folder, format)
      const { stdout } = await promisify(execFile)('cat', [
        join(folder, 'transactions-2026-10.csv'),
        join(folder, 'transactions-2026-10.jsonl'),
      ])
      expect(stdout).toContain('******0042')
      expect(stdout).not.toMatch(/secret-token|424242/)
    })
  })
})
