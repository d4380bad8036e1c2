import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postBooks } from '../../src/books/post.ts'
import { listBooksDifferences } from '../../src/db/books/compare.ts'
import { markSubjects } from '../../src/db/mirror/mark-rules.ts'
import { evidenceQuery, listEvidence } from '../../src/db/mismatches/evidence.ts'
import { listOpenMismatches } from '../../src/db/mismatches.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { DEFAULT_BOOKS_SETTINGS } from '../../src/domain/journal/chart.ts'
import { BOOKS_CHECKS } from '../../src/reconcile/books-checks.ts'
import { describeChecks } from '../../src/reconcile/recurring-checks.ts'
import { runReconcile } from '../../src/reconcile/run.ts'
import { DEFAULT_CHECK_SETTINGS } from '../../src/reconcile/settings.ts'
import { isLong } from '../support/long.ts'
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { clock, fillMirror, openAccount, randomMirror, ZONE } from './mirror.ts'

const SEEDS = isLong ? Array.from({ length: 20 }, (_, index) => index + 1) : [1]
let database: MigratedDatabase

beforeAll(async () => {
  database = await createMigratedDatabase()
})

afterAll(() => database.drop())

const post = (accountId: number, cutOffMinutes = 0) =>
  postBooks(database.db, {
    accountId,
    scope: 'full',
    settings: { ...DEFAULT_BOOKS_SETTINGS, cutOffMinutes },
    clock,
  })

const differences = (accountId: number, cutOffMinutes = 0) =>
  listBooksDifferences(database.db, accountId, { zone: ZONE, cutOffMinutes })

async function open(name: string, seed: number, cutOffMinutes = 0): Promise<number> {
  const accountId = await openAccount(database, name)
  await fillMirror(database, accountId, randomMirror(seed))
  await post(accountId, cutOffMinutes)
  return accountId
}

const raise = (accountId: number, id: number) =>
  database.db.execute(sql`
    update helcim.card_transactions set amount_minor = amount_minor + 7
    where account_id = ${accountId} and transaction_id = ${id}`)

describe('books and mirror', () => {
  it.each(SEEDS)('agree whatever was posted, whenever a day ends, seed %i', async (seed) => {
    const accountId = await open(`agree-${seed}`, seed)
    expect(await differences(accountId)).toEqual([])
    await post(accountId, 1_110)
    expect(await differences(accountId, 1_110)).toEqual([])
    // The control: days that are cut otherwise, half a day earlier, are other days.
    expect(await differences(accountId, 390)).not.toEqual([])
  })

  it('differ by what changed and was not posted, unless it is marked and waits', async () => {
    const accountId = await open('changed', 3)
    const [sale] = randomMirror(3).transactions.filter(
      ({ type, outcome, isGone, batchId }) =>
        type === 'purchase' && outcome === 'approved' && !isGone && batchId !== null,
    )
    if (!sale) throw new Error('no sale')
    await raise(accountId, sale.id)
    const found = await differences(accountId)
    // What was sold and settled in one month leaves its clearing as it was.
    expect(found.map(({ account }) => account)).toContain('deposits_in_transit')
    expect(found.every(({ currency }) => currency === sale.currency)).toBe(true)
    const sum = found.reduce(
      (total, { account, mirrorMinor, booksMinor }) =>
        account === 'deposits_in_transit' ? total + mirrorMinor - booksMinor : total,
      0n,
    )
    expect(sum).toBe(7n)
    const mark = (kind: 'books_day' | 'books_batch', value: string) =>
      markSubjects(database.db, {
        accountId,
        rule: { kind, column: '', subjects: 'itself' },
        values: [value],
        movedAt: null,
      })
    const day = new Intl.DateTimeFormat('en-CA', { timeZone: ZONE }).format(sale.at * 1_000)
    await mark('books_batch', String(sale.batchId))
    // The sale itself is still not said to wait.
    expect((await differences(accountId)).map(({ account }) => account)).toEqual(['clearing'])
    await mark('books_day', day)
    expect(await differences(accountId)).toEqual([])
  })

  it('that differ are a critical mismatch with its postings, which posting everything resolves', async () => {
    const accountId = await open('found', 4)
    const reconcile = () =>
      runReconcile(database.db, {
        accountId,
        historyFrom: toBusinessDate('2026-09-11'),
        scope: 'full',
        settings: DEFAULT_CHECK_SETTINGS,
        clock,
      })
    const found = async () =>
      (await listOpenMismatches(database.db, accountId)).filter(({ code }) => code === 'books_differ_from_mirror')
    await database.db.execute(sql`
      insert into helcim.card_transactions (account_id, transaction_id, created_at, created_at_text, created_on, status,
        outcome, type, amount_minor, currency, raw, content_hash, observed_at, first_seen_at)
      values (${accountId}, 1, '2026-10-20T18:00:00Z', '', '2026-10-20', 'APPROVED', 'approved', 'purchase', 5000, 'USD', '{}',
        '00000000-0000-0000-0000-000000000000', now(), now())`)
    await reconcile()
    const [mismatch, ...others] = await found()
    expect(others).toEqual([])
    expect(mismatch).toMatchObject({
      severity: 'critical',
      subjectKind: 'period',
      subjectId: '2026-10:clearing',
      currency: 'USD',
    })
    expect(BigInt(mismatch?.expectedMinor ?? 0) - BigInt(mismatch?.actualMinor ?? 0)).toBe(5_000n)
    if (!mismatch) throw new Error('nothing was found')
    const { rows } = await listEvidence(database.db, { query: evidenceQuery(mismatch), limit: 20 })
    expect(rows.map(([kind, currency]) => `${kind} ${currency}`)).toContain('sale USD')
    await post(accountId)
    await reconcile()
    expect(await found()).toEqual([])
  })

  it('are told of in docs/checks.md as in the code', () => {
    const doc = readFileSync(fileURLToPath(new URL('../../docs/checks.md', import.meta.url)), 'utf8')
    expect(doc).toContain(describeChecks(BOOKS_CHECKS))
  })
})
