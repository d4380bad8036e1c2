import { sql } from 'drizzle-orm'
import type { Tx } from '../../db/client.ts'
import type { BusinessDate } from '../../domain/calendar.ts'
import { type BooksSettings, CHART_ROLES, type ChartAccount } from '../../domain/journal/chart.ts'
import { FACT_KINDS, type FactKind } from '../../domain/journal/facts.ts'
import { assertBalanced } from '../../domain/journal/rules.ts'
import { addTo, type Totals } from '../tally.ts'
import {
  type Detail,
  type FileEntry,
  type FileLine,
  numberOfDay,
  numberOfOne,
  wordsOfDay,
  wordsOfOne,
} from './entry.ts'

/** Part of an account's books. */
export interface BooksPart {
  readonly accountId: number
  readonly from: BusinessDate
  readonly to: BusinessDate
  /** The last entry that counts: the journal is only ever added to, so that it can be had again as it was. */
  readonly throughEntry: bigint
}

/** The last entry there is; 0 for none. */
export async function loadThroughEntry(tx: Tx, accountId: number): Promise<bigint> {
  const { rows } = await tx.execute<{ id: string | null }>(
    sql`select max(entry_id)::text as id from books.entries where account_id = ${accountId}`,
  )
  return BigInt(rows[0]?.id ?? 0)
}

/** Currencies of all entries up to the end of the part, so that a month in which nothing happened has a file as well. */
export async function loadCurrencies(tx: Tx, { accountId, to, throughEntry }: BooksPart): Promise<string[]> {
  const { rows } = await tx.execute<{ currency: string }>(sql`
    select distinct currency from books.entries
    where account_id = ${accountId} and entry_on <= ${to}::date and entry_id <= ${throughEntry} order by 1`)
  return rows.map(({ currency }) => currency)
}

/** The key by which a posting's account is known, as SQL. */
const keySql = ({ plans }: BooksSettings): string =>
  plans.size === 0
    ? 'p.account'
    : `case when p.account = 'sales_recurring' and p.plan_id in (${[...plans.keys()].join(', ')})
        then 'plan:' || p.plan_id else p.account end`

/** Accounts by their keys, those of plans among them, in the order of files. */
export function accountsOf({ chart, plans }: BooksSettings): ReadonlyMap<string, ChartAccount> {
  const roles = CHART_ROLES.map((role): [string, ChartAccount] => [role, chart[role]])
  return new Map([...roles, ...[...plans].map(([id, account]): [string, ChartAccount] => [`plan:${id}`, account])])
}

/** Accounts that share all of their names are one: of each key the first one of the same account. */
export function sameKeys(settings: BooksSettings): ReadonlyMap<string, string> {
  const first = new Map<string, string>()
  return new Map(
    [...accountsOf(settings)].map(([key, { code }]) => {
      if (!first.has(code)) first.set(code, key)
      return [key, first.get(code) ?? key]
    }),
  )
}

/** Whether the account of clearing is that of other roles as well. */
export function isClearingShared(settings: BooksSettings): boolean {
  const keys = sameKeys(settings)
  return [...keys.values()].filter((key) => key === keys.get('clearing')).length > 1
}

/** `CAD clearing` → minor units, debit positive: what was posted in the part, or in all time up to a date. */
export async function loadBalances(
  tx: Tx,
  { accountId, from, to, throughEntry }: Omit<BooksPart, 'from'> & { from: BusinessDate | null },
  settings: BooksSettings,
): Promise<Totals> {
  const since = from === null ? sql`true` : sql`e.entry_on >= ${from}::date`
  const { rows } = await tx.execute<{ currency: string; key: string; minor: string }>(sql`
    select e.currency, ${sql.raw(keySql(settings))} as key, sum(p.amount_minor)::text as minor
    from books.entries e join books.postings p using (account_id, entry_id)
    where e.account_id = ${accountId} and ${since} and e.entry_on <= ${to}::date and e.entry_id <= ${throughEntry}
    group by 1, 2 having sum(p.amount_minor) <> 0 order by 1, 2`)
  const totals: Totals = new Map()
  const keys = sameKeys(settings)
  for (const { currency, key, minor } of rows) addTo(totals, `${currency} ${keys.get(key) ?? key}`, BigInt(minor))
  return totals
}

/** What belongs to the part's last day or before, and moves clearing after it, as the month of its own was closed. */
export async function loadDatedLater(tx: Tx, { accountId, to, throughEntry }: BooksPart): Promise<Totals> {
  const { rows } = await tx.execute<{ currency: string; minor: string }>(sql`
    select e.currency, sum(p.amount_minor)::text as minor
    from books.entries e join books.postings p using (account_id, entry_id)
    where e.account_id = ${accountId} and e.natural_on <= ${to}::date and e.entry_on > ${to}::date
      and e.entry_id <= ${throughEntry} and p.account = 'clearing'
    group by 1 having sum(p.amount_minor) <> 0 order by 1`)
  return new Map(rows.map(({ currency, minor }) => [currency, BigInt(minor)]))
}

const ROWS_PER_FETCH = 2_000

type Row = {
  on: BusinessDate
  currency: string
  kind: FactKind
  source_kind: string | null
  source_id: string | null
  version: number | null
  is_reversal: boolean | null
  batches: string | null
  key: string
  minor: string
}

/**
 * The entries of a part in the order of files: by date, currency, kind, source, and debits before credits. Through a
 * cursor, so that memory does not grow with their number. One at a time in a transaction, and to its end.
 */
export async function* loadEntries(
  tx: Tx,
  part: BooksPart,
  { settings, detail, currency }: { settings: BooksSettings; detail: Detail; currency: string | null },
): AsyncGenerator<FileEntry> {
  const accounts = accountsOf(settings)
  const keys = sameKeys(settings)
  await tx.execute(
    sql`declare file_entries no scroll cursor for ${sql.raw(entriesSql(part, settings, detail, currency))}`,
  )
  try {
    let lines: FileLine[] = []
    let current: Row | null = null
    for (;;) {
      const { rows } = await tx.execute<Row>(sql.raw(`fetch ${ROWS_PER_FETCH} from file_entries`))
      for (const row of rows) {
        if (current !== null && !isSameEntry(current, row)) {
          yield entryOf(current, lines)
          lines = []
        }
        current = row
        const account = accounts.get(row.key)
        if (!account) throw new Error(`nothing in the chart of accounts is called ${row.key}`)
        lines.push({ key: keys.get(row.key) ?? row.key, account, amountMinor: BigInt(row.minor) })
      }
      if (rows.length < ROWS_PER_FETCH) break
    }
    if (current !== null) yield entryOf(current, lines)
  } finally {
    await tx.execute(sql`close file_entries`)
  }
}

function entriesSql(part: BooksPart, settings: BooksSettings, detail: Detail, currency: string | null): string {
  const { accountId, from, to, throughEntry } = part
  const within = `e.account_id = ${accountId} and e.entry_on between date '${from}' and date '${to}'
    and e.entry_id <= ${throughEntry}${currency === null ? '' : ` and e.currency = '${currency}'`}`
  const kindOrder = `array_position(array['${FACT_KINDS.join("','")}'], e.kind)`
  const keyOrder = `array_position(array['${[...accountsOf(settings).keys()].join("','")}'], key)`
  const lines =
    detail === 'day'
      ? `select e.entry_on, e.currency, e.kind, null::text as source_kind, null::bigint as source_id, null::int as version,
          null::bool as is_reversal, string_agg(distinct e.source_id::text, ' ' order by e.source_id::text)
            filter (where e.kind = 'settlement') as batches,
          ${kindOrder} as kind_order, ${keySql(settings)} as key, sum(p.amount_minor) as minor
        from books.entries e join books.postings p using (account_id, entry_id) where ${within}
        group by 1, 2, 3, 9, 10 having sum(p.amount_minor) <> 0`
      : `select e.entry_on, e.currency, e.kind, e.source_kind, e.source_id, e.version, e.is_reversal,
          case e.source_kind when 'card_batch' then e.source_id::text when 'card_transaction' then t.card_batch_id::text end as batches,
          ${kindOrder} as kind_order, ${keySql(settings)} as key, sum(p.amount_minor) as minor
        from books.entries e join books.postings p using (account_id, entry_id)
        left join helcim.card_transactions t
          on e.source_kind = 'card_transaction' and t.account_id = e.account_id and t.transaction_id = e.source_id
        where ${within} group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10`
  return `select entry_on::text as on, currency, kind, source_kind, source_id::text, version, is_reversal, batches, key,
      minor::text
    from (${lines}) e
    order by entry_on, currency collate "C", kind_order, source_kind, source_id, version, minor < 0, ${keyOrder}`
}

const isSameEntry = (a: Row, b: Row): boolean =>
  a.on === b.on &&
  a.currency === b.currency &&
  a.kind === b.kind &&
  a.source_kind === b.source_kind &&
  a.source_id === b.source_id &&
  a.version === b.version

function entryOf(row: Row, lines: readonly FileLine[]): FileEntry {
  assertBalanced(lines)
  const { on, currency, kind, source_kind: sourceKind, source_id: sourceId, version } = row
  const common = { on, currency, kind, lines, batches: row.batches?.split(' ') ?? [] }
  if (sourceKind === null || sourceId === null || version === null)
    return { ...common, number: numberOfDay(on, currency, kind), words: wordsOfDay(kind), source: null }
  return {
    ...common,
    number: numberOfOne(sourceKind, sourceId, currency, version),
    words: wordsOfOne(kind, sourceId, row.is_reversal === true),
    source: `${sourceKind}:${sourceId}`,
  }
}
