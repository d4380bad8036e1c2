import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { originalOf } from '../../src/exports/cells.ts'
import { reportOf } from '../../src/exports/reports.ts'
import { verifyExports } from '../../src/exports/verify.ts'
import { writeExports } from '../../src/exports/write.ts'
import { createDatabase, EVERYTHING, type TestDatabase, totalDiffers } from '../mismatches/support.ts'
import { readCsv, withFolder } from './support.ts'

const HOSTILE = [
  '=1+1',
  '=HYPERLINK("http://evil.example","click")',
  '+1',
  '-1',
  '-1.50',
  '@SUM(A1)',
  '\t=1+1',
  '\r=1+1',
  '\n=1+1',
  ' =1+1',
  '  \t @x',
  "'=1+1",
  "''=1+1",
  "'plain",
  '＝1+1',
  '－1',
  '"=1+1"',
  'a","=1+1","',
  'a\n=1+1',
  'a\r\n=1+1',
  'a,b;c\td|e',
  "'; drop table helcim.card_transactions; --",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text.
  '${1+1} {{1+1}} %s \\x41 \\u0000 \\. \\N \\',
  '\\.',
  '\u202egnp.exe',
  '\u200f=1+1',
  '\u2028=1+1\u2029',
  '\ufeff=1+1',
  '\u0001\u0002\u001b[31m',
  'é 漢字 \u{1f4b8}',
  'NULL',
  'null',
  '0042',
  ' ',
]
const FROM = toBusinessDate('2026-10-01')
const TO = toBusinessDate('2026-10-31')

let database: TestDatabase
let accountId: number

beforeAll(async () => {
  database = await createDatabase()
  const books = await database.openBooks('default')
  accountId = books.accountId
  const columns = sql.raw(`account_id, transaction_id, created_at, created_at_text, created_on, status, outcome, type,
    amount_minor, currency, card_brand, card_number_masked, approval_code, customer_code, invoice_number, card_token, raw,
    content_hash, observed_at, first_seen_at`)
  for (const [index, text] of HOSTILE.entries()) {
    await database.db.execute(sql`
      insert into helcim.card_transactions (${columns})
      values (${accountId}, ${1000 + index}, '2026-10-05T18:00:00Z', '', '2026-10-05', 'APPROVED', 'approved', 'refund',
        ${150 + index}, 'CAD', ${text}, '424242******0042', ${text}, ${text}, ${text}, 'secret-token', '{}',
        '00000000-0000-0000-0000-000000000000', now(), now())`)
  }
  await database.db.execute(sql`
    insert into helcim.card_transactions (${columns})
    values (${accountId}, 2000, '2026-10-05T18:00:00Z', '', '2026-10-05', '=NEW()', 'unknown', '+new', 1, 'CAD', 'VI', null,
      null, null, null, null, '{}', '00000000-0000-0000-0000-000000000000', now(), now())`)
  await books.run(
    HOSTILE.map((text, index) =>
      totalDiffers(index, 9_000, {
        summary: text,
        expectedMinor: null,
        actualMinor: null,
        expectedText: text,
        actualText: '-7',
      }),
    ),
    { examined: EVERYTHING },
  )
  await books.run(
    [...HOSTILE.keys()].map((index) => totalDiffers(`m${index}`, -9_000)),
    { examined: [] },
  )
})

afterAll(() => database.drop())

/** By the naked eye of a spreadsheet: what Excel, LibreOffice and Sheets evaluate. */
const isFormula = (cell: string) => /^[=+\-@\t\r\n＝＋－＠]/.test(cell.replace(/^ +/, ''))

async function exportAll(folder: string, format: 'csv' | 'jsonl') {
  const names = ['transactions', 'unsettled', 'daily-sales', 'mismatches'] as const
  await writeExports(database.pool, {
    accountId,
    period: { from: FROM, to: TO },
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
