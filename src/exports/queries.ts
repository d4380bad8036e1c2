import { neutraliseSql } from './cells.ts'
import type { Column, Report, Scope } from './report.ts'
import { reversesSql } from './reverses.ts'

export const EXPORT_FORMATS = ['csv', 'jsonl'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** `COPY (…) TO STDOUT` of one report as one of the formats; Postgres makes the bytes. */
export const copySql = (report: Report, scope: Scope, format: ExportFormat): string =>
  format === 'csv'
    ? `copy (${selectSql(report, scope, csvCell)}) to stdout (format csv, header true, encoding 'UTF8')`
    : // JSON holds no control characters, so with these as quote and delimiter CSV passes it on to the letter.
      `copy (select row_to_json(line) from (${selectSql(report, scope, jsonValue)}) line)
        to stdout (format csv, quote e'\\x01', delimiter e'\\x02', encoding 'UTF8')`

/** Rows and the sum of each money column, by currency. */
export function sumsSql(report: Report, scope: Scope): string {
  const columns = moneyColumns(report)
  const needed = report.columns.filter((column) => column.name === 'currency' || columns.includes(column))
  const sums = columns.map(({ name }) => `sum(${name})::text as ${name}`)
  return `select coalesce(currency, '') as currency, count(*)::text as rows${sums.map((one) => `, ${one}`).join('')}
    from (${withReverses(report, scope)} select ${needed.map(named).join(', ')} ${rowsOf(report, scope)}) line
    group by 1 order by 1`
}

export const moneyColumns = ({ columns }: Report): Column[] => columns.filter(({ type }) => type === 'money')

/** The statement behind the report's view: its own columns after the account's name. */
export const viewSql = (report: Report): string =>
  `${withReverses(report, null)} select ${['a.name as account', ...report.columns.map(named)].join(', ')} ${rowsOf(report, null)}`

function selectSql(report: Report, scope: Scope, cell: (column: Column) => string): string {
  const cells = report.columns.map((column) => `${cell(column)} as ${column.name}`)
  return `${withReverses(report, scope)} select ${cells.join(', ')} ${rowsOf(report, scope)}
    order by ${report.orderBy.join(', ')}`
}

function rowsOf({ tables, where, within, now = 'true', groupBy }: Report, scope: Scope | null): string {
  const groups = groupBy === undefined ? '' : `group by ${groupBy}`
  return `${tables(scope)} where ${where} and ${scope === null ? now : within(scope)} ${groups}`
}

const withReverses = ({ usesReverses }: Report, scope: Scope | null): string =>
  usesReverses ? reversesSql(scope?.accountId ?? null) : ''

const named = ({ name, sql }: Column): string => `${sql} as ${name}`

const csvCell = ({ type, sql, csvSql }: Column): string => csvSql ?? (type === 'text' ? neutraliseSql(sql) : sql)

/** Instants as in CSV; Postgres would put a T in the middle. */
const jsonValue = ({ type, sql }: Column): string => (type === 'instant' ? `(${sql})::text` : sql)
