import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addDays, toBusinessDate } from '../../src/domain/calendar.ts'
import type { Report } from '../../src/exports/report.ts'
import { REPORTS } from '../../src/exports/reports.ts'
import { verifyExports } from '../../src/exports/verify.ts'
import { writeExports } from '../../src/exports/write.ts'
import type { TransactionRow } from '../../src/sandbox/rows.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { allDefects, HISTORY_DAYS, shopUntil } from '../days/scenarios.ts'
import { type Look, withRuntime } from '../days/support.ts'
import { isLong } from '../support/long.ts'
import { movedMinor } from './moved.ts'
import { bytesOf, centsOf, readCsv, withFolder } from './support.ts'

const zone = createZone('America/Edmonton')
const LAST_DAY = '2026-10-14'
/** The reports on money by card; this shop has no subscriptions. */
const MONEY = REPORTS.filter(({ needs }) => needs.subscriptions === 'none')

interface Movement {
  readonly currency: string
  readonly minor: bigint
}

function movementOf(look: Look, row: TransactionRow): Movement | null {
  const minor = movedMinor(look.sandbox.state.merchant(), row)
  return minor === null ? null : { currency: row.currency, minor }
}

function sumOf(movements: readonly Movement[]): Record<string, string> {
  const sums: Record<string, bigint> = {}
  for (const { currency, minor } of movements) sums[currency] = (sums[currency] ?? 0n) + minor
  return Object.fromEntries(
    Object.entries(sums)
      .sort()
      .map(([currency, minor]) => [currency, String(minor)]),
  )
}

const sumCells = (rows: readonly Record<string, string>[], name: string) =>
  sumOf(rows.map((row) => ({ currency: row.currency ?? '', minor: centsOf(row[name] ?? '') })))

const write = (
  look: Look,
  folder: string,
  period: { from: string; to: string },
  format: 'csv' | 'jsonl' = 'csv',
  reports: readonly Report[] = MONEY,
) =>
  writeExports(look.runtime.database.pool, {
    accountId: look.runtime.services.account.accountId,
    period: { from: toBusinessDate(period.from), to: toBusinessDate(period.to) },
    reports,
    format,
    directory: folder,
  })

describe.concurrent('exports of a simulated week', () => {
  it.each(isLong ? [41, 42, 43] : [41])('say to the cent what the merchant knows, seed %i', async (seed) => {
    const shop = shopUntil(LAST_DAY)
    // The week ends in the middle of the history: what came later is known, and must not show.
    const week = { from: addDays(toBusinessDate(LAST_DAY), -9), to: addDays(toBusinessDate(LAST_DAY), -3) }
    await withRuntime({ seed, ...shop }, async (look) => {
      await look.pullMissing()
      await withFolder(async (folder) => {
        const files = await write(look, folder, week)
        expect(files.flatMap(({ control }) => control.missing)).toEqual([])
        const read = (name: string) => readCsv(join(folder, `${name}-${week.from}_${week.to}.csv`))
        const all = look.sandbox.state.merchant().transactions()
        const dateOf = (row: TransactionRow) => zone.date(row.createdAt)
        const inWeek = all.filter((row) => dateOf(row) >= week.from && dateOf(row) <= week.to)
        const moved = (rows: readonly TransactionRow[]) => rows.flatMap((row) => movementOf(look, row) ?? [])
        const closedOn = (row: TransactionRow) => {
          const closedAt = look.sandbox.state.merchant().batch(row.batchId)?.closedAt ?? null
          return closedAt === null ? null : zone.date(closedAt)
        }
        const settledRows = all.filter((row) => {
          const day = closedOn(row)
          return day !== null && day >= week.from && day <= week.to
        })
        const openRows = all.filter((row) => dateOf(row) <= week.to && (closedOn(row) ?? '9999') > week.to)

        const transactions = await read('transactions')
        expect(transactions.map((row) => row.transaction_id)).toEqual(inWeek.map(({ id }) => String(id)))
        expect(sumCells(transactions, 'amount')).toEqual(
          sumOf(inWeek.map(({ currency, amountMinor }) => ({ currency, minor: amountMinor }))),
        )
        expect(sumCells(transactions, 'signed_amount')).toEqual(sumOf(moved(inWeek)))
        const settlement = await read('settlement')
        expect(settlement).toHaveLength(moved(settledRows).length)
        expect(sumCells(settlement, 'gross')).toEqual(sumOf(moved(settledRows)))
        const unsettled = await read('unsettled')
        expect(unsettled).toHaveLength(moved(openRows).length)
        expect(unsettled.length).toBeGreaterThan(0)
        expect(sumCells(unsettled, 'gross')).toEqual(sumOf(moved(openRows)))
        expect(sumCells(await read('daily-sales'), 'net')).toEqual(sumOf(moved(inWeek)))
        expect(await read('mismatches')).toEqual([])
        // Each day closes with what the merchant knows to be in no batch that had closed by then.
        for (const row of await read('clearing')) {
          const day = row.date ?? ''
          const open = all.filter((one) => dateOf(one) <= day && (closedOn(one) ?? '9999') > day)
          expect(String(centsOf(row.closing ?? '')), day).toBe(sumOf(moved(open))[row.currency ?? ''] ?? '0')
        }
        expect((await read('clearing')).length).toBeGreaterThanOrEqual(7)

        // Each batch of the file adds up to the net that Helcim states for it.
        const nets = await look.query(
          `select card_batch_id::text as id, net_minor::text as net from helcim.card_batches`,
        )
        const netById = new Map(nets.map(({ id, net }) => [id, net]))
        for (const id of new Set(settlement.map((row) => row.settlement_id))) {
          const rows = settlement.filter((row) => row.settlement_id === id)
          expect(Object.values(sumCells(rows, 'gross'))).toEqual([netById.get(id)])
        }
        expect(settlement.every((row) => row.fee === '' && row.net === '')).toBe(true)

        expect((await verifyExports(folder)).differences).toEqual([])
        const before = await bytesOf(folder)
        await look.reconcileFully()
        await withFolder(async (again) => {
          await write(look, again, week)
          const after = await bytesOf(again)
          const isData = ([name]: [string, string]) => name.endsWith('.csv')
          expect(Object.fromEntries(Object.entries(after).filter(isData))).toEqual(
            Object.fromEntries(Object.entries(before).filter(isData)),
          )
          await withFolder(async (third) => {
            // Nothing was read or judged in between: the control files are the same as well.
            await write(look, third, week)
            expect(await bytesOf(third)).toEqual(after)
          })
        })
        await write(look, folder, week, 'jsonl')
        const { differences, countCompared, files: verified } = await verifyExports(folder)
        expect(differences).toEqual([])
        expect(verified).toHaveLength(2 * MONEY.length)
        expect(countCompared).toBe(2 * 5 + MONEY.length)
      })
    })
  })

  it('agree with the views, and with themselves, when much is wrong', async () => {
    const seed = 44
    const shop = shopUntil(LAST_DAY, allDefects(seed, LAST_DAY))
    const period = { from: addDays(toBusinessDate(LAST_DAY), -HISTORY_DAYS), to: LAST_DAY }
    await withRuntime({ seed, ...shop }, async (look) => {
      await look.pullMissing()
      await withFolder(async (folder) => {
        const files = await write(look, folder, period)
        // The last day was still going on when it was read.
        for (const { control } of files) expect(control.isComplete, control.file).toBe(false)
        expect((await verifyExports(folder)).differences).toEqual([])
        for (const { view, columns, orderBy: _, ...report } of MONEY) {
          const names = columns.map(({ name }) => `${name}::text`).join(', ')
          const rows = await look.query(`select account, ${names} from accounting.${view}`)
          const file = await readCsv(join(folder, `${report.name}-${period.from}_${period.to}.csv`))
          const lines = (some: readonly Record<string, unknown>[]) =>
            some.map((row) => JSON.stringify(columns.map(({ name }) => String(row[name] ?? '')))).sort()
          expect(lines(file), view).toEqual(lines(rows))
          expect(rows.length, view).toBeGreaterThan(0)
          expect(rows.every(({ account }) => account === 'default')).toBe(true)
        }
        const text = Object.values(await bytesOf(folder))
          .map((base64) => Buffer.from(base64, 'base64').toString('utf8'))
          .join('\n')
        const secrets = await look.query(
          `select distinct card_token as secret from helcim.card_transactions where card_token <> ''
           union select distinct left(card_number_masked, 6) || '******' from helcim.card_transactions`,
        )
        expect(secrets.length).toBeGreaterThan(10)
        expect(secrets.filter(({ secret }) => text.includes(String(secret)))).toEqual([])
        expect(text).toMatch(/,\*{6}\d{4},/)
      })
    })
  })
})
