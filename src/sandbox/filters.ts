import { parseMinor } from '../domain/money.ts'
import type { EndpointCall } from './endpoint.ts'

/** What a query parameter asks of a row; undefined: the parameter makes no sense, and the call is refused. */
export type Filter<R> = (asked: string, call: EndpointCall) => ((row: R) => boolean) | undefined

export type Filters<R> = Readonly<Record<string, Filter<R>>>

/** All that the query asks of a row; or the parameters that make no sense. */
export function readFilters<R>(
  filters: Filters<R>,
  call: EndpointCall,
): { readonly matches: (row: R) => boolean } | { readonly wrong: readonly string[] } {
  const wrong: string[] = []
  const asked: ((row: R) => boolean)[] = []
  for (const [name, filter] of Object.entries(filters)) {
    const value = call.query[name]
    if (value === undefined) continue
    const matches = filter(value, call)
    if (matches) asked.push(matches)
    else wrong.push(name)
  }
  return wrong.length > 0 ? { wrong } : { matches: (row) => asked.every((matches) => matches(row)) }
}

export const numberFilter =
  <R>(read: (row: R) => number | bigint): Filter<R> =>
  (asked) =>
    /^\d{1,18}$/.test(asked) ? (row) => BigInt(read(row)) === BigInt(asked) : undefined

export const amountFilter =
  <R>(minorOf: (row: R) => bigint): Filter<R> =>
  (asked) => {
    const minor = parseMinor(asked, 2)
    return minor === undefined ? undefined : (row) => minorOf(row) === minor
  }

export const textFilter =
  <R>(read: (row: R) => string): Filter<R> =>
  (asked) =>
  (row) =>
    read(row) === asked

/** One of the known words; another is refused. */
export const wordFilter =
  <R>(words: readonly string[], read: (row: R) => string): Filter<R> =>
  (asked) =>
    words.includes(asked) ? (row) => read(row) === asked : undefined

/** A code or number of a record, whole or as the switch has it. */
export const codeFilter =
  <R>(read: (row: R) => string): Filter<R> =>
  (asked, { switches }) =>
  (row) =>
    switches.codeFilter === 'equal' ? read(row) === asked : read(row).startsWith(asked)

const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/
const DATE_TIME = /^(\d{4}-\d\d-\d\d) (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$/

export const isDate = (text: string): boolean => DATE.test(text)

export const isDateTime = (text: string): boolean => {
  const [, date] = DATE_TIME.exec(text) ?? []
  return date !== undefined && DATE.test(date)
}
