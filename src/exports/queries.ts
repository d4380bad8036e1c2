import { reversesSql } from '../db/reverses.ts'
import { type Column, type ColumnType, moneySql, type Report, type Scope } from './report.ts'

/** First byte of a `value` that is an amount; another one stands before a text. */
export const AMOUNT_TAG = 'a'.charCodeAt(0)

/** What stands for the digits of a card that are not shown, and how many are. */
export const CARD_NUMBER_MASK = '******'
export const CARD_DIGITS_SHOWN = 4

/** `COPY (…) TO STDOUT` of one report's values, in the types that `renderRows` makes text of. */
export const rowsSql = (report: Report, scope: Scope): string => {
  const fields = report.columns.filter((_, index) => hasField(report, index)).map(sentSql)
  return `copy (${withReverses(report, scope)} select ${fields.join(', ')} ${rowsOf(report, scope)}
    order by ${report.orderBy.join(', ')}) to stdout (format binary)`
}

/** Whether a column's value is sent: not where it is blank, nor where it shows the instant of the column before it. */
export function hasField({ columns }: Report, index: number): boolean {
  const [before, column] = [columns[index - 1], columns[index]]
  if (column === undefined || column.isBlank) return false
  return column.clocks === undefined || before?.clocks === undefined || before.sql !== column.sql
}

function sentSql({ type, sql, isAmountSql, clocks }: Column): string {
  if (clocks !== undefined) return sql
  if (type === 'value') return `case when ${isAmountSql} then 'a' else 't' end || (${sql})`
  return `(${sql})::${TYPES_SENT[type]}`
}

const TYPES_SENT = {
  text: 'text',
  money: 'bigint',
  number: 'bigint',
  instant: 'timestamptz',
  date: 'date',
} as const satisfies Record<Exclude<ColumnType, 'value'>, string>

export const moneyColumns = ({ columns }: Report): Column[] => columns.filter(({ type }) => type === 'money')

/** The statement behind the report's view: its own columns after the account's name. */
export const viewSql = (report: Report): string =>
  `${withReverses(report, null)} select ${['a.name as account', ...report.columns.map((column) => named(report, column))].join(', ')} ${rowsOf(report, null)}`

function rowsOf({ tables, where, within, now = 'true', groupBy }: Report, scope: Scope | null): string {
  const groups = groupBy === undefined ? '' : `group by ${groupBy}`
  return `${tables(scope)} where ${where} and ${scope === null ? now : within(scope)} ${groups}`
}

const withReverses = ({ usesReverses }: Report, scope: Scope | null): string =>
  usesReverses ? reversesSql(scope?.accountId ?? null) : ''

function named(report: Report, column: Column): string {
  return `${shownSql(report, column)} as ${column.name}`
}

/** What a person with psql sees. UTC is said as an offset, since a zone's name is looked up again for every row. */
function shownSql({ columns }: Report, { type, sql, clocks, isCardNumber }: Column): string {
  if (isCardNumber) return `'${CARD_NUMBER_MASK}' || right(${sql}, ${CARD_DIGITS_SHOWN})`
  if (type === 'money') return moneySql(sql, columns.find(({ name }) => name === 'currency')?.sql ?? 'null')
  if (clocks === undefined) return sql
  const shown = `(${sql}) at time zone ${clocks === 'utc' ? `interval '0'` : 'a.zone'}`
  return type === 'date' ? `(${shown})::date` : shown
}
