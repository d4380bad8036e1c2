import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postBooks } from '../../src/books/post.ts'
import { type ChartRole, DEFAULT_BOOKS_SETTINGS } from '../../src/domain/journal/chart.ts'
import { booksTotalsOf } from '../../src/exports/journals/books-totals.ts'
import type { Detail } from '../../src/exports/journals/entry.ts'
import { JOURNALS, journalOf } from '../../src/exports/journals/formats.ts'
import type { WithBooks } from '../../src/exports/journals/verify.ts'
import { writeJournals } from '../../src/exports/journals/write.ts'
import { verifyExports } from '../../src/exports/verify.ts'
import { withFolder } from '../exports/support.ts'
import { isLong } from '../support/long.ts'
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { importFile } from './import-formats.ts'
import {
  type Balances,
  balancesByBeancount,
  balancesByHledger,
  checkBeancount,
  checkHledger,
  hasJudges,
  readByOfxparse,
} from './judges.ts'
import { clock, fillMirror, MONTH, openAccount, randomMirror } from './mirror.ts'

/** Both details of each seed in the soak; the usual run takes one of each. */
const SEEDS = isLong ? Array.from({ length: 20 }, (_, index) => index + 1) : [1, 2]
const CASES = SEEDS.flatMap((seed) =>
  (['day', 'transaction'] as const)
    .filter((_, index) => isLong || index === seed % 2)
    .map((detail) => ({ seed, detail })),
)
const settings = {
  ...DEFAULT_BOOKS_SETTINGS,
  plans: new Map([[2n, { code: '4002', name: 'Sales:Recurring:Gold', ledger: 'Income:Sales:Recurring:Gold' }]]),
}
const CURRENCIES = ['CAD', 'USD']
let database: MigratedDatabase

beforeAll(async () => {
  database = await createMigratedDatabase()
})

afterAll(() => database.drop())

const withBooks: WithBooks = (work) => work(booksTotalsOf(database.db, () => settings))
const verify = (folder: string) => verifyExports(folder, { withBooks })

const write = (accountId: number, directory: string, detail: Detail) =>
  writeJournals(database.pool, { accountId, period: MONTH, journals: JOURNALS, detail, settings, directory })

async function post(name: string, seed: number, countSales?: number): Promise<number> {
  const accountId = await openAccount(database, name)
  await fillMirror(database, accountId, randomMirror(seed, countSales ? { countSales } : {}))
  await postBooks(database.db, { accountId, scope: 'full', settings, clock })
  return accountId
}

/** Straight from the tables: `CAD clearing` → cents, of the month, or of all time up to its end. */
async function booksOf(accountId: number, from: string): Promise<Balances> {
  const { rows } = await database.db.execute<{ key: string; minor: string }>(sql`
    select currency || ' ' || case when p.plan_id = 2 then 'gold' else p.account end as key, sum(amount_minor)::text as minor
    from books.entries e join books.postings p using (account_id, entry_id)
    where account_id = ${accountId} and entry_on between ${from}::date and ${MONTH.to}::date
    group by 1 having sum(amount_minor) <> 0`)
  return Object.fromEntries(rows.map(({ key, minor }) => [key, BigInt(minor)]))
}

/** The same under what a target calls the accounts. */
function named(balances: Balances, field: 'code' | 'name' | 'ledger', currency?: string): Balances {
  const nameOf = (key: string) =>
    key === 'gold' ? settings.plans.get(2n)?.[field] : settings.chart[key as ChartRole][field]
  return Object.fromEntries(
    Object.entries(balances).flatMap(([key, minor]) => {
      const [code, account = ''] = key.split(' ')
      if (currency !== undefined) return code === currency ? [[nameOf(account), minor]] : []
      return [[`${code} ${nameOf(account)}`, minor]]
    }),
  )
}

function sumsOf(lines: readonly { account: string; minor: bigint }[]): Balances {
  const sums: Balances = {}
  for (const { account, minor } of lines) sums[account] = (sums[account] ?? 0n) + minor
  return Object.fromEntries(Object.entries(sums).filter(([, minor]) => minor !== 0n))
}

/** Standing accounts go on from before the month; sales begin with it. */
async function shownBalances(accountId: number): Promise<Balances> {
  const [month, all] = [await booksOf(accountId, MONTH.from), await booksOf(accountId, '1970-01-01')]
  const isFlow = (key: string) => /sales_recurring|sales_other|gold|refunds|reversals/.test(key)
  const flows = Object.entries(month).filter(([key]) => isFlow(key))
  const standing = Object.entries(all).filter(([key]) => !isFlow(key))
  const shown = named(Object.fromEntries([...flows, ...standing]), 'ledger')
  // Also those that stand at nothing in the end.
  const standingKeys = [...new Set([...Object.keys(month), ...Object.keys(all)])].filter((key) => !isFlow(key))
  for (const currency of CURRENCIES) {
    const carried = standingKeys.reduce(
      (sum, key) => (key.startsWith(currency) ? sum + (all[key] ?? 0n) - (month[key] ?? 0n) : sum),
      0n,
    )
    if (carried !== 0n) shown[`${currency} ${settings.chart.opening.ledger}`] = -carried
  }
  return shown
}

async function filesOf(folder: string, start: string): Promise<string[]> {
  const names = await readdir(folder)
  return names
    .filter((name) => name.startsWith(start) && !name.endsWith('.control.json'))
    .map((name) => join(folder, name))
}

/** Adds a cent to the first amount that `pattern` finds. */
async function changeCent(path: string, pattern: RegExp): Promise<() => Promise<void>> {
  const text = await readFile(path, 'utf8')
  const altered = text.replace(pattern, (_, before: string, amount: string) => {
    const minor = BigInt(amount.replace('.', '')) + 1n
    return `${before}${minor / 100n}.${String(minor % 100n).padStart(2, '0')}`
  })
  expect(altered).not.toBe(text)
  await writeFile(path, altered)
  return () => writeFile(path, text)
}

describe('a random month in the words of each target', () => {
  it.each(CASES)('is what the books say, by $detail, seed $seed', async ({ seed, detail }) => {
    const name = `${detail}-${seed}`
    const accountId = await post(name, seed)
    const month = await booksOf(accountId, MONTH.from)
    expect(Object.keys(month).length).toBeGreaterThan(12)
    await withFolder(async (folder) => {
      await write(accountId, folder, detail)
      const { differences, journals, countCompared, countWithBooks } = await verify(folder)
      expect({ differences, countCompared, countWithBooks }).toEqual({
        differences: [],
        countCompared: 7,
        countWithBooks: 8,
      })
      const totals = new Set(journals.map(({ controlTotal }) => JSON.stringify(controlTotal)))
      expect([...totals]).toHaveLength(1)

      for (const currency of CURRENCIES) {
        const read = async (format: 'xero-journal' | 'xero-statement' | 'qbo-journal' | 'qbo-bank' | 'iif') => {
          const paths = await filesOf(folder, `${name}.${format}-${currency}`)
          expect(paths.length).toBeGreaterThan(0)
          const lines = (await Promise.all(paths.map((path) => importFile(path, format)))).flat()
          expect(lines.every(({ on }) => on >= MONTH.from && on <= MONTH.to)).toBe(true)
          return lines
        }
        for (const [format, field] of [
          ['xero-journal', 'code'],
          ['qbo-journal', 'name'],
          ['iif', 'name'],
        ] as const) {
          const lines = await read(format)
          expect(sumsOf(lines)).toEqual(named(month, field, currency))
          expect(sumsOf(lines.map(({ entry, minor }) => ({ account: entry, minor })))).toEqual({})
        }
        for (const format of ['xero-statement', 'qbo-bank'] as const) {
          expect(sumsOf(await read(format)).clearing).toBe(month[`${currency} clearing`])
        }
      }

      if (!hasJudges) return
      const [ledger = ''] = await filesOf(folder, `${name}.hledger`)
      const [beans = ''] = await filesOf(folder, `${name}.beancount`)
      expect(await checkHledger(ledger)).toBe('')
      expect(await checkBeancount(beans)).toBe('')
      const shown = await shownBalances(accountId)
      expect(await balancesByHledger(ledger)).toEqual(shown)
      expect(await balancesByBeancount(beans)).toEqual(shown)
      for (const currency of CURRENCIES) {
        const [path = ''] = await filesOf(folder, `${name}.ofx-${currency}`)
        const { ids, ...statement } = await readByOfxparse(path)
        const closing = shown[`${currency} ${settings.chart.clearing.ledger}`] ?? 0n
        expect(statement).toEqual({ currency, sum: month[`${currency} clearing`] ?? 0n, balance: closing })
        expect(new Set(ids).size).toBe(ids.length)
      }
    })
  })
})

describe('one cent', () => {
  const CENTS = [
    ['xero-journal-CAD', /(Tax Exempt \(0%\),)(\d+\.\d\d)/],
    ['xero-statement-CAD', /(\n\d+ \w+ \d+,)(\d+\.\d\d)/],
    ['qbo-journal-CAD', /(,)(\d+\.\d\d)(?=,,)/],
    ['qbo-bank-CAD', /(,)(\d+\.\d\d)(?=\r)/],
    ['iif-CAD', /(\t)(\d+\.\d\d)(?=\t)/],
    ['hledger', /(Helcim:Clearing {2})([1-9]\d*\.\d\d)/],
    ['beancount', /(Helcim:Clearing {2})([1-9]\d*\.\d\d)/],
    ['ofx-CAD', /(<TRNAMT>)(\d+\.\d\d)/],
  ] as const

  it('changed in a file is seen by verify, and by every program that reads it', async () => {
    const accountId = await post('cent', 3)
    await withFolder(async (folder) => {
      await write(accountId, folder, 'day')
      const month = await booksOf(accountId, MONTH.from)
      for (const [start, pattern] of CENTS) {
        const [path = ''] = await filesOf(folder, `cent.${start}`)
        const restore = await changeCent(path, pattern)
        const found = (await verify(folder)).differences.join('\n')
        expect(found, start).toMatch(/its SHA-256 is/)
        expect(found, start).toMatch(/CAD clearing is .*, in the books|out of balance/)
        if (hasJudges && start === 'hledger') expect(await checkHledger(path)).toMatch(/^refused: /)
        if (hasJudges && start === 'beancount') expect(await checkBeancount(path)).toMatch(/^refused: /)
        if (hasJudges && start === 'ofx-CAD') expect((await readByOfxparse(path)).sum).not.toBe(month['CAD clearing'])
        await restore()
      }
      expect((await verify(folder)).differences).toEqual([])
    })
  })

  it('moved from one account to clearing, so that entries still balance, fails the assertions of both', async () => {
    const accountId = await post('moved', 4)
    await withFolder(async (folder) => {
      await write(accountId, folder, 'day')
      for (const [format, check] of [
        ['hledger', checkHledger],
        ['beancount', checkBeancount],
      ] as const) {
        const [path = ''] = await filesOf(folder, `moved.${format}`)
        const text = await readFile(path, 'utf8')
        // The first entry of two postings alone: debit and credit of the same amount.
        const altered = text.replace(
          /(Deposits-in-Transit {2})(\d+)\.(\d\d)( CAD\n +Assets:Helcim:Clearing {2})-\2\.\3 CAD/,
          '$1$20.$3$4-$20.$3 CAD',
        )
        expect(altered).not.toBe(text)
        await writeFile(path, altered)
        if (hasJudges) expect(await check(path)).toMatch(/^refused: /)
        expect((await verify(folder)).differences.join('\n')).toMatch(/must stand at/)
        await writeFile(path, text)
      }
    })
  })
})

it('a deposit that the bookkeeper enters beside the entries breaks no assertion, and one into clearing does', async () => {
  const accountId = await post('beside', 4)
  await withFolder(async (folder) => {
    await write(accountId, folder, 'day')
    const [ledger = ''] = await filesOf(folder, 'beside.hledger')
    const [beans = ''] = await filesOf(folder, 'beside.beancount')
    const [journal, book] = [await readFile(ledger, 'utf8'), await readFile(beans, 'utf8')]
    const own = (account: string) => `  Assets:Bank  5.00 CAD\n  ${account}  -5.00 CAD\n\n`
    const check = async (account: string) => {
      const entry = `${MONTH.to} * Deposit\n${own(account)}`
      await writeFile(ledger, journal.replace(`${MONTH.to} * Balance`, `${entry}${MONTH.to} * Balance`))
      await writeFile(beans, `${book}\n${entry.replace('Deposit', '"Deposit"')}`)
      return [await checkHledger(ledger), await checkBeancount(beans)].map((said) => said === '')
    }
    if (!hasJudges) return
    expect(await check('Assets:Deposits-in-Transit')).toEqual([true, true])
    expect(await check('Assets:Helcim:Clearing')).toEqual([false, false])
  })
})

it('what goes beyond a target’s limit comes in parts, never within an entry, and verify misses one', async () => {
  const accountId = await post('parts', 6, 500)
  await withFolder(async (folder) => {
    await write(accountId, folder, 'transaction')
    const parts = await filesOf(folder, 'parts.xero-journal-CAD')
    expect(parts.length).toBeGreaterThan(3)
    for (const path of parts) {
      const lines = await importFile(path, 'xero-journal')
      expect(sumsOf(lines.map(({ entry, minor }) => ({ account: entry, minor })))).toEqual({})
    }
    expect((await verify(folder)).differences).toEqual([])
    await writeFile(join(folder, 'parts.xero-journal-CAD-part2-2026-10.csv.control.json'), '{}')
    expect((await verify(folder)).differences.join('\n')).toMatch(/of its parts there are 1, 3, 4/)
  })
})

it('written anew in fewer parts, a journal leaves none of the former ones, and nothing else is touched', async () => {
  const accountId = await post('fewer', 6, 500)
  await withFolder(async (folder) => {
    const xero = (directory: string, detail: Detail, signal?: AbortSignal) =>
      writeJournals(
        database.pool,
        { accountId, period: MONTH, journals: [journalOf('xero-journal')], detail, settings, directory },
        signal && { signal },
      )
    await xero(folder, 'transaction')
    const former = await readdir(folder)
    expect(former.filter((name) => name.includes('-part')).length).toBeGreaterThan(4)
    // Another account, month, journal and currency, what is no part, and what is of a person.
    const others = [
      'xero-journal-CAD-part2-2026-10.csv',
      'other.xero-journal-CAD-part2-2026-10.csv',
      'fewer.xero-journal-CAD-part2-2026-09.csv',
      'fewer.xero-journal-CAD-part2-2026-10-01_2026-10-31.csv',
      'fewer.xero-statement-CAD-part2-2026-10.csv',
      'fewer.xero-journal-EUR-part2-2026-10.csv',
      'fewer.xero-journal-CAD-partly-2026-10.csv',
      'fewer.xero-journal-CAD-part2-2026-10.xlsx',
    ]
    for (const name of others) await writeFile(join(folder, name), 'kept')
    // What does not come to its end takes nothing away.
    const stopped = new AbortController()
    stopped.abort()
    await expect(xero(folder, 'day', stopped.signal)).rejects.toThrow()
    expect((await readdir(folder)).filter((name) => !others.includes(name)).sort()).toEqual(former.sort())

    const removed: string[] = []
    const request = { accountId, period: MONTH, journals: [journalOf('xero-journal')], settings, directory: folder }
    const written = await writeJournals(
      database.pool,
      { ...request, detail: 'day' },
      { onRemoved: (file) => removed.push(file) },
    )
    const names = written.map(({ control: { file } }) => file)
    expect(removed.sort()).toEqual(
      former.filter((name) => !name.endsWith('.control.json') && !names.includes(name)).sort(),
    )
    expect((await readdir(folder)).sort()).toEqual(
      [...names, ...names.map((name) => `${name}.control.json`), ...others].sort(),
    )
    for (const name of others) await rm(join(folder, name))
    expect((await verify(folder)).differences).toEqual([])
    // Beside a part of before, verify would have said so.
    await withFolder(async (before) => {
      await xero(before, 'transaction')
      for (const name of await readdir(before))
        if (name.includes('CAD-part2')) await copyFile(join(before, name), join(folder, name))
    })
    expect((await verify(folder)).differences.join('\n')).toMatch(/of its parts there are 2|its control total is/)
  })
})

it('the books that come later do not change what verify says of an older file', async () => {
  const accountId = await post('later', 7)
  await withFolder(async (folder) => {
    await write(accountId, folder, 'day')
    await database.db.execute(
      sql`update helcim.card_transactions set amount_minor = amount_minor + 1 where account_id = ${accountId}`,
    )
    await postBooks(database.db, { accountId, scope: 'full', settings, clock })
    expect((await verify(folder)).differences).toEqual([])
    await withFolder(async (again) => {
      const files = await write(accountId, again, 'day')
      expect(files.some(({ control }) => control.missing.length > 0)).toBe(true)
      const before = await readFile(join(folder, 'later.iif-CAD-2026-10.iif'), 'utf8')
      expect(await readFile(join(again, 'later.iif-CAD-2026-10.iif'), 'utf8')).not.toBe(before)
    })
  })
})
