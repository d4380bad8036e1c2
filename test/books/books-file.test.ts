import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readBooks } from '../../src/books-file.ts'
import { readConfig } from '../../src/config.ts'
import { DEFAULT_BOOKS_SETTINGS } from '../../src/domain/journal/chart.ts'
import { problemsIn } from '../support/settings-problems.ts'

function read(content: unknown) {
  const path = join(mkdtempSync(join(tmpdir(), 'tieout-books-')), 'books.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return readBooks(readConfig({ TIEOUT_BOOKS_FILE: path }))
}

const problemsOf = (content: unknown): string[] => problemsIn(() => read(content), 'TIEOUT_BOOKS_FILE')

test('without a file the books are the defaults', () => {
  expect(readBooks(readConfig({}))('default')).toBe(DEFAULT_BOOKS_SETTINGS)
})

test('what the file leaves out is as in the defaults, and each merchant may have its own', () => {
  const booksOf = read({
    cutOff: '04:30',
    chart: { clearing: { code: '610', name: 'Helcim' } },
    plans: { 17: { code: '401', name: 'Sales:Gold', ledger: 'Income:Gold' } },
    accounts: { north: { cutOff: '00:00', chart: { clearing: { code: '611' } } } },
  })
  const { ledger } = DEFAULT_BOOKS_SETTINGS.chart.clearing
  expect(booksOf('default')).toMatchObject({ cutOffMinutes: 270, xeroTaxRate: 'Tax Exempt (0%)' })
  expect(booksOf('default').chart.clearing).toEqual({ code: '610', name: 'Helcim', ledger })
  expect(booksOf('default').chart.refunds).toEqual(DEFAULT_BOOKS_SETTINGS.chart.refunds)
  expect(booksOf('default').plans.get(17n)?.ledger).toBe('Income:Gold')
  expect(booksOf('north')).toMatchObject({
    cutOffMinutes: 0,
    chart: { clearing: { code: '611', name: 'Helcim', ledger } },
  })
})

test.each<[unknown, string]>([
  ['{', 'is no JSON; see docs/accounting.md'],
  [{ cutOff: '24:00' }, 'cutOff: "24:00" is no time of day; set it to one like "00:00" or "17:30"'],
  [{ chart: { till: {} } }, 'chart: there is no "till"'],
  [
    { chart: { clearing: { ledger: 'assets:helcim' } } },
    'chart.clearing.ledger: set it to a name like "Assets:Helcim:Clearing"',
  ],
  [{ chart: { clearing: { name: 'a\tb' } } }, 'chart.clearing.name: set it to a name like'],
  [{ chart: { clearing: { code: '=1' } } }, 'chart.clearing.code: set it to the code of the account in Xero'],
  [{ xeroTaxRate: '=HYPERLINK()' }, 'xeroTaxRate: set it to the full name of a tax rate'],
  [{ plans: { gold: {} } }, 'plans.gold: '],
  [
    { accounts: { north: { chart: { refunds: { code: '4010' } } } } },
    'accounts.north.chart.refunds: its code is that of accounts.north.chart.sales_other',
  ],
])('%j is refused with the path of the file, the key and the way out', (content, words) => {
  expect(problemsOf(content)[0]).toContain(words)
})

test('a file that is not there is one line', () => {
  expect(() => readBooks({ booksFile: '/nowhere/books.json' })).toThrow(
    'TIEOUT_BOOKS_FILE: /nowhere/books.json: cannot be read (ENOENT); set it to a file that this user may read',
  )
})
