import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { postBooks } from '../../src/books/post.ts'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { DEFAULT_BOOKS_SETTINGS } from '../../src/domain/journal/chart.ts'
import { JOURNALS } from '../../src/exports/journals/formats.ts'
import { writeJournals } from '../../src/exports/journals/write.ts'
import { REPORTS } from '../../src/exports/reports.ts'
import { writeExports } from '../../src/exports/write.ts'
import { isLong } from '../support/long.ts'
import { HOSTILE, HOSTILE_PERIOD, openHostileShop } from './hostile-shop.ts'
import { type Cell, hasSpreadsheet, openInSpreadsheet } from './spreadsheet.ts'
import { centsOf, readCsv, withFolder } from './support.ts'

const EMPTY: Cell = { text: '', value: null, isFormula: false }
const isMoney = (text: string) => /^-?\d+\.\d\d$/.test(text)
const sum = (minors: readonly bigint[]) => minors.reduce((total, minor) => total + minor, 0n)
/** Numbers of a spreadsheet are binary: exact as cents, as long as they are below ninety trillion. */
const centsIn = (cells: readonly Cell[]) =>
  sum(cells.flatMap(({ value }) => (value === null ? [] : BigInt(Math.round(value * 100)))))

test.skipIf(!isLong || !hasSpreadsheet())(
  'LibreOffice opens every CSV, shows the same sums, and takes no text for a formula',
  async () => {
    const { database, accountId } = await openHostileShop()
    try {
      await withFolder(async (folder) => {
        const settings = DEFAULT_BOOKS_SETTINGS
        const clock = createSimulatedClock(toInstant(Date.parse('2026-11-02T12:00:00Z')), 1)
        await postBooks(database.db, { accountId, settings, clock, scope: 'full' })
        const request = { accountId, period: HOSTILE_PERIOD, directory: folder }
        await writeExports(database.pool, { ...request, reports: REPORTS, format: 'csv' })
        await writeJournals(database.pool, { ...request, journals: JOURNALS, detail: 'transaction', settings })
        const seen: Record<string, { rows: number; sums: number }> = {}
        for (const name of (await readdir(folder)).filter((one) => one.endsWith('.csv'))) {
          const path = join(folder, name)
          const [head = [], ...rows] = await openInSpreadsheet(path, folder)
          const parsed = await readCsv(path)
          expect(
            rows.flat().filter(({ isFormula }) => isFormula),
            name,
          ).toEqual([])
          expect(rows.filter((row) => row.some(({ text }) => text !== ''))).toHaveLength(parsed.length)
          let sums = 0
          for (const [index, column] of Object.keys(parsed[0] ?? {}).entries()) {
            expect(head[index]?.text).toBe(column)
            const texts = parsed.map((row) => row[column] ?? '')
            if (!texts.some(isMoney) || texts.some((text) => text !== '' && !isMoney(text))) continue
            sums += 1
            const shown = rows.map((row) => row[index] ?? EMPTY)
            expect(centsIn(shown), `${name} ${column}`).toBe(sum(texts.filter(isMoney).map(centsOf)))
          }
          seen[name] = { rows: parsed.length, sums }
        }
        console.info(seen)
        expect(seen['transactions-2026-10.csv']).toEqual({ rows: HOSTILE.length + 1, sums: 2 })
        expect(Object.keys(seen).length).toBeGreaterThan(7)

        // The controls: what is not made harmless is a formula there, and another cent is another sum.
        const raw = join(folder, 'raw.csv')
        await writeFile(raw, 'text,amount\n=1+1,1.50\n"@SUM(B2)",-0.01\n')
        const [, ...rows] = await openInSpreadsheet(raw, folder)
        expect(rows[0]?.[0]).toMatchObject({ isFormula: true, value: 2 })
        expect(centsIn(rows.map(([, amount]) => amount ?? EMPTY))).toBe(149n)
        expect(await readFile(raw, 'utf8')).toContain('=1+1')
      })
    } finally {
      await database.drop()
    }
  },
)
