import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { withSnapshot } from '../../src/db/client.ts'
import { CONTENT_OFFSET } from '../../src/db/copy-out.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import type { ExportFormat } from '../../src/exports/formats.ts'
import { instantsOf } from '../../src/exports/period.ts'
import { rowsSql } from '../../src/exports/queries.ts'
import { renderRows } from '../../src/exports/render.ts'
import { blank, type Column, moneySql, type Report, type Scope } from '../../src/exports/report.ts'
import { createDatabase, type TestDatabase } from '../mismatches/support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createDatabase()
})

afterAll(() => database.drop())

const ZONE = 'America/Edmonton'
const description = ''
const columns: readonly Column[] = [
  { name: 'number', type: 'number', description, sql: 'v.number::bigint' },
  { name: 'utc', type: 'instant', description, clocks: 'utc', sql: 'v.instant::timestamptz' },
  { name: 'local', type: 'instant', description, clocks: 'account', sql: 'v.instant::timestamptz' },
  { name: 'local_date', type: 'date', description, clocks: 'account', sql: 'v.instant::timestamptz' },
  { name: 'currency', type: 'text', description, sql: 'v.currency' },
  { name: 'amount', type: 'money', description, sql: 'v.minor::bigint' },
  { name: 'date', type: 'date', description, sql: 'v.instant::timestamptz::date' },
  blank('fee', 'money', description),
  { name: 'text', type: 'text', description, sql: 'v.text' },
  {
    name: 'value',
    type: 'value',
    description,
    sql: `coalesce((${moneySql('v.minor::bigint', 'v.currency')})::text, v.text)`,
    isAmountSql: 'v.minor is not null',
  },
]
const period = { from: toBusinessDate('2026-10-01'), to: toBusinessDate('2026-10-31') }
const scope: Scope = { accountId: 1, ...period, ...instantsOf(period, ZONE) }

/** What Postgres makes of the same values: its CSV with formulas made harmless, and its JSON. */
function expectedSql(format: ExportFormat, rows: string): string {
  const shown = columns.map(({ name, type, clocks, sql }) => {
    const at = `(${sql}) at time zone '${clocks === 'utc' ? 'UTC' : ZONE}'`
    const neutral = (text: string) =>
      format === 'csv'
        ? `case when ${text} ~ '^''*[ \\t\\r\\n\\f\\v]*[=+@\\t\\r\\n＝＋－＠-]' then '''' || ${text} else ${text} end`
        : text
    if (type === 'money') return `${moneySql(sql, 'v.currency')} as ${name}`
    if (type === 'value') return `case when v.minor is null then ${neutral('v.text')} else ${sql} end as ${name}`
    if (type === 'text') return `${neutral(sql)} as ${name}`
    if (clocks === undefined) return `${sql} as ${name}`
    return type === 'date' ? `(${at})::date as ${name}` : `(${at})::text as ${name}`
  })
  const select = `select ${shown.join(', ')} ${rows} order by v.n::int`
  return format === 'csv'
    ? `copy (${select}) to stdout (format csv, header true)`
    : `copy (select row_to_json(line) from (${select}) line) to stdout (format csv, quote e'\\x01', delimiter e'\\x02')`
}

const text = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    "'",
    "'=1",
    '"',
    ',',
    '\n',
    'a\rb',
    'a\nb',
    'a,b',
    'a"b',
    'a\\b',
    'a\tb',
    'a\u0002b',
    '\r=',
    '=1',
    ' \t-1',
    '＝1',
    '＞1',
    '\\.',
    'é漢\u{1f4b8}',
    '\u007f\u0001\u001f',
  ),
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((one) => one.replaceAll('\0', '')),
  fc.constantFrom('x', '"').map((letter) => letter.repeat(5_000)),
)
const minor = fc.oneof(
  fc.constantFrom(
    0n,
    -1n,
    99n,
    -100n,
    2n ** 31n - 1n,
    2n ** 31n,
    -(2n ** 31n),
    2n ** 32n,
    -(2n ** 53n) - 1n,
    10n ** 18n,
  ),
  fc.bigInt({ min: -(10n ** 6n), max: 10n ** 6n }),
)
const instant = fc.oneof(
  fc.constantFrom(
    '2026-03-08 08:59:59.999999Z',
    '2026-03-08 09:00Z',
    '2026-11-01 07:59:59Z',
    '2026-11-01 08:00Z',
    '1999-12-31 23:59:59.5Z',
  ),
  fc
    .date({ min: new Date('1990-01-01Z'), max: new Date('2199-12-31Z'), noInvalidDate: true })
    .map((date) => date.toISOString()),
)
const rowsOf = fc.array(
  fc.record({
    number: fc.option(minor),
    instant: fc.option(instant),
    currency: fc.option(fc.constantFrom('CAD', 'USD', 'XXX')),
    minor: fc.option(minor),
    text: fc.option(text),
  }),
  { minLength: 1, maxLength: 60 },
)

it.each(['csv', 'jsonl'] as const)('%s files are to the byte what Postgres writes', async (format) => {
  const property = fc.asyncProperty(rowsOf, async (rows) => {
    const literal = (value: unknown) => (value === null ? 'null::text' : `${pg.escapeLiteral(String(value))}::text`)
    const values = rows.map(
      (row, n) => `(${[n, row.number, row.instant, row.currency, row.minor, row.text].map(literal).join(', ')})`,
    )
    const from = `from (values ${values.join(', ')}) v(n, number, instant, currency, minor, text)`
    const report: Report = {
      name: 'transactions',
      view: 'none',
      rowIs: '',
      rowsAre: '',
      columns,
      tables: () => from,
      where: 'true',
      within: () => 'true',
      orderBy: ['v.n::int'],
      usesReverses: false,
      needs: { days: 'period', batchList: false, judgement: false, subscriptions: 'none' },
    }
    await withSnapshot(database.pool, async (snapshot) => {
      let rendering = renderRows(report, { format, zone: ZONE }, none())
      const written: Buffer[] = []
      await snapshot.copyTo(rowsSql(report, scope), async (messages) => {
        rendering = renderRows(report, { format, zone: ZONE }, messages)
        for await (const bytes of rendering.bytes) written.push(Buffer.from(bytes))
      })
      const expected: Buffer[] = []
      await snapshot.copyTo(expectedSql(format, from), async (messages) => {
        for await (const chunk of messages) expected.push(...contentsOf(chunk))
      })
      expect(Buffer.concat(written).toString()).toBe(Buffer.concat(expected).toString())
      expect(rendering.rows()).toBe(rows.length)

      const sums: Record<string, bigint> = {}
      for (const row of rows) {
        if (row.minor !== null) sums[row.currency ?? ''] = (sums[row.currency ?? ''] ?? 0n) + row.minor
      }
      const minors = Object.entries(rendering.sums()).map(([currency, one]) => [
        currency,
        BigInt((one.amount ?? '').replace('.', '')),
      ])
      expect(Object.fromEntries(minors)).toEqual(sums)
    })
  })
  // fast-check prints seed and path of what fails.
  await fc.assert(property, { numRuns: 30 })
})

async function* none(): AsyncGenerator<Buffer> {}

function* contentsOf(chunk: Buffer): Generator<Buffer> {
  for (let at = 0; at < chunk.length; ) {
    const end = at + 1 + chunk.readUInt32BE(at + 1)
    yield Buffer.from(chunk.subarray(at + CONTENT_OFFSET, end))
    at = end
  }
}
