import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postBooks } from '../../src/books/post.ts'
import { postFacts } from '../../src/db/books/post.ts'
import { markRows, markSubjects } from '../../src/db/mirror/mark-rules.ts'
import { reversesSql } from '../../src/db/movements/reverses.ts'
import { businessDateOf, toBusinessDate } from '../../src/domain/calendar.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { DEFAULT_BOOKS_SETTINGS } from '../../src/domain/journal/chart.ts'
import type { Fact } from '../../src/domain/journal/facts.ts'
import { assertBalanced, postingsOf } from '../../src/domain/journal/rules.ts'
import { createRandom } from '../../src/sandbox/random.ts'
import { isLong } from '../support/long.ts'
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { clock, fillMirror, type MirrorRows, openAccount, randomMirror, ZONE } from './mirror.ts'

const SEEDS = isLong ? Array.from({ length: 20 }, (_, index) => index + 1) : [1, 3]
const settings = DEFAULT_BOOKS_SETTINGS
let database: MigratedDatabase

beforeAll(async () => {
  database = await createMigratedDatabase()
})

afterAll(() => database.drop())

const post = (accountId: number, scope: 'marked' | 'full') =>
  postBooks(database.db, { accountId, scope, settings, clock })

type Line = readonly [source: string, currency: string, on: string, account: string, plan: string, minor: string]

/** What stands in the journal of each source: what was taken back cancels out. */
async function standing(accountId: number): Promise<Line[]> {
  const { rows } = await database.db.execute<Record<string, string>>(sql`
    select e.source_kind || ' ' || e.source_id as source, e.currency, e.natural_on::text as date, p.account,
      coalesce(p.plan_id::text, '') as plan, sum(p.amount_minor)::text as minor
    from books.entries e join books.postings p using (account_id, entry_id)
    where e.account_id = ${accountId} group by 1, 2, 3, 4, 5 having sum(p.amount_minor) <> 0`)
  return sorted(rows.map((row) => Object.values(row) as unknown as Line))
}

const sorted = (lines: readonly Line[]): Line[] =>
  lines.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))

async function reverseKinds(accountId: number): Promise<Map<number, string | null>> {
  const { rows } = await database.db.execute<{ id: string; kind: string | null }>(
    sql.raw(`${reversesSql(accountId)} select transaction_id::text as id, kind from reverse_kinds`),
  )
  return new Map(rows.map(({ id, kind }) => [Number(id), kind]))
}

/** What the rules say of the rows, one by one and without SQL; only what a reverse voided is told. */
function expected(rows: MirrorRows, kinds: ReadonlyMap<number, string | null>): Line[] {
  const dateOf = (at: number) => businessDateOf(toInstant(at * 1000), ZONE)
  const facts: (Fact & { source: string })[] = []
  const settled = new Map<string, bigint>()
  const plans = new Map(rows.recurring.map(({ via, transactionId, planId }) => [`${via} ${transactionId}`, planId]))
  const invoices = new Map(rows.invoices.map((invoice) => [invoice.number, invoice]))
  const none = { taxMinor: 0n, isRecurring: false, planId: null }
  for (const row of rows.transactions) {
    if (row.outcome !== 'approved' || row.isGone || row.amount === 0) continue
    const reversed = kinds.get(row.id) ?? null
    const kind =
      row.type === 'purchase' || row.type === 'capture'
        ? 'sale'
        : row.type === 'refund'
          ? 'refund'
          : row.type !== 'reverse' || reversed === 'preauth'
            ? null
            : reversed === null
              ? 'reverse_undecided'
              : reversed === 'sale'
                ? 'sale_reversal'
                : 'refund_reversal'
    if (kind === null) continue
    const invoice = invoices.get(row.invoice ?? '')
    const isWhole = invoice?.amount === row.amount && invoice.currency === row.currency
    const plan = kind === 'sale' ? plans.get(`card ${row.id}`) : undefined
    const gross = BigInt(row.amount)
    const tax = isWhole && kind !== 'reverse_undecided' ? BigInt(invoice.tax) : 0n
    facts.push({
      source: `card_transaction ${row.id}`,
      kind,
      currency: row.currency,
      on: dateOf(row.at),
      grossMinor: gross,
      taxMinor: tax,
      isRecurring: plan !== undefined,
      planId: plan === undefined ? null : BigInt(plan),
    })
    const batch = rows.batches.find(({ id }) => id === row.batchId)
    const sign = { sale: 1n, refund_reversal: 1n, refund: -1n, sale_reversal: -1n, reverse_undecided: 0n }[kind]
    if (batch?.closedAt == null) continue
    const key = JSON.stringify([batch.id, row.currency, dateOf(batch.closedAt)])
    settled.set(key, (settled.get(key) ?? 0n) + sign * gross)
  }
  for (const [key, grossMinor] of settled) {
    const [id, currency, on] = JSON.parse(key)
    facts.push({
      source: `card_batch ${id}`,
      kind: 'settlement',
      currency,
      on: toBusinessDate(on),
      grossMinor,
      ...none,
    })
  }
  const invoiceIds = new Map(rows.invoices.map((invoice) => [invoice.id, invoice]))
  for (const row of rows.ach) {
    if (row.clearing !== 'CLEARED') continue
    const original = rows.ach.find(({ id }) => id === row.original)
    const kind = {
      WITHDRAWAL: 'ach_sale',
      REFUND: 'ach_refund',
      DEPOSIT: 'ach_payout',
      REVERSE:
        original === undefined || original.type === 'REVERSE' || original.type === 'SETTLE'
          ? 'ach_undecided'
          : original.type === 'WITHDRAWAL'
            ? 'ach_sale_reversal'
            : 'ach_refund_reversal',
    }[row.type] as Fact['kind'] | undefined
    const invoice = invoiceIds.get(row.orderId ?? 0)
    const taxed = kind === 'ach_sale' || kind === 'ach_refund' || kind === 'ach_sale_reversal'
    const plan = kind === 'ach_sale' ? plans.get(`ach ${row.id}`) : undefined
    const grossMinor = BigInt(row.amount)
    facts.push({
      source: `ach_transaction ${row.id}`,
      kind: kind ?? 'ach_undecided',
      currency: row.currency,
      on: dateOf(row.at),
      grossMinor,
      taxMinor: taxed && invoice && invoice.tax <= invoice.amount ? BigInt(invoice.tax) : 0n,
      isRecurring: plan !== undefined,
      planId: plan === undefined ? null : BigInt(plan),
    })
    if (row.closedAt === null || kind === undefined || kind === 'ach_undecided') continue
    const isIn = kind === 'ach_sale' || kind === 'ach_refund_reversal'
    facts.push({
      source: `ach_settlement ${row.id}`,
      kind: 'ach_settlement',
      currency: row.currency,
      on: dateOf(row.closedAt),
      grossMinor: isIn ? grossMinor : -grossMinor,
      ...none,
    })
  }
  return sorted(
    facts.flatMap((fact) =>
      postingsOf(fact).map(
        ({ account, planId, amountMinor }): Line => [
          fact.source,
          fact.currency,
          fact.on,
          account,
          planId === null ? '' : String(planId),
          String(amountMinor),
        ],
      ),
    ),
  )
}

/** Changes some rows, as later readings would, and marks what the mirror would mark. */
async function disturb(accountId: number, rows: MirrorRows, seed: number, round: number): Promise<void> {
  const random = createRandom(seed, 'disturb', round)
  const marks = {
    books_batch: new Set<string>(),
    books_invoice: new Set<string>(),
    books_transaction: new Set<string>(),
    books_ach_transaction: new Set<string>(),
  }
  const rowsOfDays = new Map<string, bigint[]>()
  const touch = (row: MirrorRows['transactions'][number]) => {
    const day = businessDateOf(toInstant(row.at * 1000), 'America/Edmonton')
    rowsOfDays.set(day, [...(rowsOfDays.get(day) ?? []), BigInt(row.id)])
    if (row.batchId !== null) marks.books_batch.add(String(row.batchId))
  }
  for (let count = 0; count < 12; count += 1) {
    const row = random.pick(rows.transactions)
    touch(row)
    const change = random.integer(0, 6)
    if (change === 0) row.isGone = !row.isGone
    else if (change === 1) row.amount += 1
    else if (change === 2) row.currency = row.currency === 'CAD' ? 'USD' : 'CAD'
    else if (change === 3) row.outcome = row.outcome === 'approved' ? 'declined' : 'approved'
    else if (change === 4) row.at += 86_400
    else if (change === 5) row.batchId = random.pick(rows.batches).id
    else row.type = random.pick(['purchase', 'refund', 'reverse', 'preauth'])
    touch(row)
  }
  const batch = random.pick(rows.batches)
  batch.closedAt =
    batch.closedAt === null ? batch.openedAt + 80_000 : random.chance(0.5) ? null : batch.closedAt + 20_000
  marks.books_batch.add(String(batch.id))
  const invoice = random.pick(rows.invoices)
  invoice.tax += 1
  marks.books_invoice.add(invoice.number)
  const ach = random.pick(rows.ach)
  ach.clearing = ach.clearing === 'CLEARED' ? 'RETURNED' : 'CLEARED'
  ach.type = random.pick(['WITHDRAWAL', 'REFUND'])
  marks.books_ach_transaction.add(String(ach.id))
  const dropped = rows.recurring.splice(random.integer(0, rows.recurring.length - 1), 1)
  for (const { via, transactionId } of dropped)
    marks[via === 'card' ? 'books_transaction' : 'books_ach_transaction'].add(String(transactionId))
  await fillMirror(database, accountId, rows)
  for (const [kind, values] of Object.entries(marks)) {
    const rule = { kind: kind as keyof typeof marks, column: '', subjects: 'itself' as const }
    await markSubjects(database.db, { accountId, rule, values: [...values], movedAt: null })
  }
  // A former version marked whole days.
  const rule = { kind: 'books_day' as const, column: '', subjects: 'itself' as const }
  if (round % 2 === 1)
    await markSubjects(database.db, { accountId, rule, values: [...rowsOfDays.keys()], movedAt: null })
  else await markRows(database.db, { accountId, rule, rowsOf: rowsOfDays, movedAt: toInstant(0) })
}

/** Over all seeds: what a reverse voided, as far as that can be told. */
const kindsSeen = new Set<string | null>()

describe.each(SEEDS)('the journal of a random mirror, seed %i', (seed) => {
  it('says what the rules say of each row, once, and again nothing', async () => {
    const accountId = await openAccount(database, `full-${seed}`)
    const rows = randomMirror(seed)
    await fillMirror(database, accountId, rows)
    const { countPosted } = await post(accountId, 'marked')
    const kinds = await reverseKinds(accountId)
    for (const kind of kinds.values()) kindsSeen.add(kind)
    const lines = await standing(accountId)
    expect(lines).toEqual(expected(rows, kinds))
    expect(countPosted).toBeGreaterThan(200)
    expect(await post(accountId, 'full')).toEqual({ countPosted: 0, countReversed: 0 })
    expect(await post(accountId, 'marked')).toEqual({ countPosted: 0, countReversed: 0 })
  })

  it('posted step by step is what a rebuild from nothing gives', async () => {
    const accountId = await openAccount(database, `steps-${seed}`)
    const rows = randomMirror(seed)
    await fillMirror(database, accountId, rows)
    await post(accountId, 'full')
    let countReversed = 0
    for (let round = 0; round < 4; round += 1) {
      await disturb(accountId, rows, seed, round)
      countReversed += (await post(accountId, 'marked')).countReversed
    }
    expect(countReversed).toBeGreaterThan(10)
    const rebuilt = await openAccount(database, `rebuilt-${seed}`)
    await fillMirror(database, rebuilt, rows)
    await post(rebuilt, 'full')
    expect(await standing(accountId)).toEqual(await standing(rebuilt))
    expect(await standing(accountId)).toEqual(expected(rows, await reverseKinds(accountId)))
    expect(await post(accountId, 'full')).toEqual({ countPosted: 0, countReversed: 0 })
    // The control: a change that is not marked is not seen before a full posting.
    const [row] = rows.transactions.filter(
      (one) => one.outcome === 'approved' && one.type === 'purchase' && !one.isGone,
    )
    if (row) row.amount += 5
    await fillMirror(database, accountId, rows)
    expect(await post(accountId, 'marked')).toEqual({ countPosted: 0, countReversed: 0 })
    expect((await post(accountId, 'full')).countPosted).toBeGreaterThan(0)
  })
})

it('random mirrors hold reverses of every kind, and undecided ones: else the law says little', () => {
  expect([...kindsSeen].sort()).toEqual([null, 'preauth', 'refund', 'sale'])
})

describe('the books', () => {
  it('correct by a reversal and a new version, both dated into the first open day where theirs is closed', async () => {
    const accountId = await openAccount(database, 'corrected')
    const rows = {
      ...randomMirror(5),
      ach: [],
      invoices: [],
      recurring: [],
      batches: [],
      transactions: randomMirror(5)
        .transactions.filter(({ type, outcome, isGone }) => type === 'purchase' && outcome === 'approved' && !isGone)
        .slice(0, 1),
    }
    await fillMirror(database, accountId, rows)
    await post(accountId, 'full')
    const [row] = rows.transactions
    if (!row) throw new Error('no sale')
    row.amount += 1
    await fillMirror(database, accountId, rows)
    const openFrom = toBusinessDate('2026-12-01')
    await postFacts(database.db, { accountId, zone: ZONE, cutOffMinutes: 0, scope: 'full', openFrom, now: clock.now() })
    const { rows: entries } = await database.db.execute<Record<string, unknown>>(sql`
      select version, is_reversal, gross_minor::int as gross, natural_on::text as natural, entry_on::text as date,
        (select array_agg(amount_minor::int order by position) from books.postings p where p.entry_id = e.entry_id) as postings
      from books.entries e where account_id = ${accountId} order by version`)
    const natural = businessDateOf(toInstant(row.at * 1000), ZONE)
    const [former, now] = [row.amount - 1, row.amount]
    expect(entries).toEqual([
      { version: 1, is_reversal: false, gross: former, natural, date: natural, postings: [former, -former] },
      { version: 2, is_reversal: true, gross: former, natural, date: openFrom, postings: [-former, former] },
      { version: 3, is_reversal: false, gross: now, natural, date: openFrom, postings: [now, -now] },
    ])
  })

  it('cut a business day at the hour that is set, and move what was posted when it is set anew', async () => {
    const accountId = await openAccount(database, 'cut-off')
    const at = Date.parse('2026-10-11T02:30:00Z') / 1000
    const transactions = [0, 22].map((hours, index) => ({
      id: index + 1,
      batchId: null,
      at: at + hours * 3600,
      type: 'purchase' as const,
      outcome: 'approved' as const,
      amount: 100,
      currency: 'CAD',
      invoice: null,
      original: null,
      isGone: false,
    }))
    // 20:30 on the 10th, and 18:30 on the 11th.
    await fillMirror(database, accountId, { transactions, batches: [], ach: [], invoices: [], recurring: [] })
    const datesWith = async (cutOffMinutes: number) => {
      await postBooks(database.db, { accountId, scope: 'marked', settings: { ...settings, cutOffMinutes }, clock })
      return [...new Set((await standing(accountId)).map(([source, , on]) => `${source.slice(-1)} ${on}`))]
    }
    expect(await datesWith(0)).toEqual(['1 2026-10-10', '2 2026-10-11'])
    expect(await datesWith(19 * 60)).toEqual(['1 2026-10-11', '2 2026-10-11'])
    expect(await datesWith(18 * 60)).toEqual(['1 2026-10-11', '2 2026-10-12'])
    expect(await datesWith(4 * 60)).toEqual(['1 2026-10-10', '2 2026-10-11'])
  })

  it.each([
    ['update books.entries set gross_minor = 1', 'append-only'],
    ['delete from books.postings', 'append-only'],
    ['truncate books.entries, books.postings', 'append-only'],
    [
      `insert into books.postings select account_id, entry_id, 99, account, null, 1 from books.postings limit 1`,
      'do not balance',
    ],
    [`insert into books.postings values (1, -1, 0, 'clearing', null, 0)`, 'have no entry'],
    [
      `with made as (insert into books.entries (account_id, source_kind, source_id, currency, version, is_reversal, kind,
          natural_on, entry_on, gross_minor, tax_minor, is_recurring, rules_version, posted_at)
        values (1, 'card_transaction', 1, 'CAD', 99, false, 'sale', now(), now(), 1, 0, false, 1, now()))
      select`,
      'has 0 postings',
    ],
  ])('refuse, in the database: %s', async (statement, words) => {
    await expect(database.pool.query(statement)).rejects.toThrow(words)
  })

  it('refuse, in code, what does not balance', () => {
    expect(() => assertBalanced([{ amountMinor: 1n }, { amountMinor: -2n }])).toThrow('does not balance')
  })
})
