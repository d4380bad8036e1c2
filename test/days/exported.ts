import { join } from 'node:path'
import { expect } from 'vitest'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { REPORTS } from '../../src/exports/reports.ts'
import { verifyExports } from '../../src/exports/verify.ts'
import { writeExports } from '../../src/exports/write.ts'
import type { Zone } from '../../src/sandbox/zone.ts'
import { bytesOf, type Row, readCsv, withFolder } from '../exports/support.ts'
import type { Look } from './support.ts'
import { type Expected, expectedOf, type Memory, NAMES } from './truth-of-exports.ts'

interface Period {
  readonly from: string
  readonly to: string
}

/**
 * Writes the files of a period twice and holds them against what the merchant's own Helcim holds, row by row and to the
 * cent; both times they are the same bytes, and they agree with each other.
 */
export async function expectExported(
  look: Look,
  { period, zone, memory, where }: { period: Period; zone: Zone; memory: Memory; where: string },
): Promise<void> {
  const expected = expectedOf(look.sandbox, { period, zone, memory })
  await withFolder(async (folder) => {
    await write(look, folder, period)
    const read = (name: string) => readCsv(join(folder, `${name}-${period.from}_${period.to}.csv`))
    const shown: Expected = {
      transactions: (await read('transactions')).map(pick('transaction_id', 'currency', 'amount', 'signed_amount')),
      settlement: (await read('settlement')).map(pick('settlement_id', 'transaction_id', 'currency', 'gross')),
      unsettled: (await read('unsettled')).map(pick('settlement_id', 'transaction_id', 'currency', 'gross')),
      dailySales: foldBrands(await read('daily-sales')),
      mismatches: (await read('mismatches')).flatMap((row) => linesOf(row, memory)),
    }
    for (const name of NAMES) {
      expect(differenceOf(expected[name], shown[name]), `${name}, ${where}`).toEqual({ lacking: [], surplus: [] })
      expect(shown[name].length, `${name}, ${where}`).toBe(expected[name].length)
      // The controls: one cent, or one row, is seen.
      const [first, ...rest] = shown[name]
      if (first === undefined) continue
      expect(differenceOf(expected[name], rest).lacking).toHaveLength(1)
      expect(differenceOf(expected[name], [first.replace(/\d(?=\D*$)/, otherDigit), ...rest]).surplus).toHaveLength(1)
    }
    expect((await verifyExports(folder)).differences).toEqual([])
    await withFolder(async (again) => {
      await write(look, again, period)
      expect(await bytesOf(again)).toEqual(await bytesOf(folder))
    })
  })
}

/** What was true between two nights alone may have been seen, and need not; what never was is told of nowhere. */
function linesOf(row: Row, { known }: Memory): string[] {
  const name = pick('code', 'subject_kind', 'subject_id')(row)
  if (row.state === 'open') return [`${name} open ${row.difference}`]
  return known.get(name)?.isFound === false ? [] : [`${name} resolved`]
}

const otherDigit = (digit: string) => String((Number(digit) + 1) % 10)

const EXPORTED = REPORTS.filter(({ name }) =>
  ['transactions', 'settlement', 'unsettled', 'daily-sales', 'mismatches'].includes(name),
)

const write = (look: Look, directory: string, { from, to }: Period) =>
  writeExports(look.runtime.database.pool, {
    accountId: look.runtime.services.account.accountId,
    period: { from: toBusinessDate(from), to: toBusinessDate(to) },
    reports: EXPORTED,
    format: 'csv',
    directory,
  })

const pick =
  (...names: readonly string[]) =>
  (row: Row): string =>
    names.map((name) => row[name]).join(' ')

/** By day and currency: which brand a card is of is not what this is about. */
function foldBrands(rows: readonly Row[]): string[] {
  const sums = new Map<string, bigint[]>()
  for (const row of rows) {
    const key = `${row.business_date} ${row.currency}`
    const cells = ['sales_count', 'sales', 'refunds_count', 'refunds', 'reversed_count', 'reversed', 'net']
    const values = cells.map((name) => BigInt((row[name] ?? '').replace('.', '')))
    sums.set(
      key,
      values.map((value, index) => value + (sums.get(key)?.[index] ?? 0n)),
    )
  }
  return [...sums].map(([key, values]) => `${key} ${values.join(' ')}`)
}

function differenceOf(expected: readonly string[], shown: readonly string[]) {
  const without = (some: readonly string[], others: readonly string[]) => {
    const left = [...others]
    return some.filter((one) => {
      const at = left.indexOf(one)
      if (at >= 0) left.splice(at, 1)
      return at < 0
    })
  }
  return { lacking: without(expected, shown), surplus: without(shown, expected) }
}
