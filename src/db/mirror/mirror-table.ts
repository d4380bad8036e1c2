import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DecodedRecord } from '../../domain/record.ts'
import type { CopyValue } from './copy-text.ts'
import type { MarkRule } from './mark-rules.ts'

export interface ColumnName {
  readonly name: string
  /** Postgres type, as `json_to_recordset` declares it. */
  readonly type: 'bigint' | 'integer' | 'text' | 'boolean' | 'timestamptz' | 'date' | 'numeric'
  /** True for a token: it is cut out of `raw`, so that nothing but a new reading can tell it again. */
  readonly isCutOut?: boolean
}

/** One typed column of a mirrored resource and how its value is taken from a decoded record. */
export interface MirrorColumn<R> extends ColumnName {
  of(record: R): CopyValue
}

/** Things that a record consists of, such as the cards of a customer: rows of their own, by their place in it. */
export interface MirrorParts<R> {
  /** Qualified table name; its key is account, id of the record, `position`. */
  readonly table: string
  readonly columns: readonly ColumnName[]
  /** The values of the columns, part by part; null when the record does not speak of its parts. */
  valuesOf(record: R): readonly (readonly CopyValue[])[] | null
}

export const defineParts = <R, P>(definition: {
  table: string
  of: (record: R) => readonly P[] | null
  columns: readonly MirrorColumn<P>[]
}): MirrorParts<R> => ({
  table: definition.table,
  columns: definition.columns,
  valuesOf: (record) => definition.of(record)?.map((part) => definition.columns.map(({ of }) => of(part))) ?? null,
})

/** How a resource is kept. Everything else (versions, hashes, vanishing) is the same for all of them. */
export interface MirrorTable<R> {
  /** Helcim's name in snake_case; also the key in versions, pulls and coverage. */
  readonly resource: string
  /** Qualified table name. */
  readonly table: string
  /** The column that holds Helcim's id. */
  readonly idColumn: string
  readonly columns: readonly MirrorColumn<R>[]
  readonly parts: readonly MirrorParts<R>[]
  /** Columns whose change is told (`record_changed`), and compared with the version before. */
  readonly watched: readonly string[]
  /** The column with Helcim's own date by which a window is cut, where the resource has one. */
  readonly dateColumn: string | null
  /** The column with the code or number by which other records name this one, where a list can be asked for it. */
  readonly codeColumn: string | null
  /** What is to be reconciled again when a row changes. */
  readonly marks: readonly MarkRule[]
}

/** The code or number by which other records name this one; null where its resource has none. */
export const codeOf = <R>({ columns, codeColumn }: MirrorTable<R>, record: R): CopyValue =>
  columns.find(({ name }) => name === codeColumn)?.of(record) ?? null

/** Card tokens are in a column of their own and nowhere else, versions included. */
export const isSecretColumn = (name: string): boolean => name.endsWith('token')

const RECORDS_PER_TURN = 100

/**
 * The JSON array that carries records to Postgres in one parameter; `raw` is a text in it, to the letter: taken apart as
 * JSON, a NUL that Helcim sent within a name would fail the statement. Gives way to the event loop between slices: a
 * page of a thousand records takes longer than others should wait.
 */
export async function recordsToJson<R>(mirror: MirrorTable<R>, records: readonly DecodedRecord<R>[]): Promise<string> {
  const texts: string[] = []
  for (const [index, record] of records.entries()) {
    if (index % RECORDS_PER_TURN === 0) await nextTurn()
    texts.push(recordToJson(mirror, record))
  }
  return `[${texts.join(',')}]`
}

function recordToJson<R>(mirror: MirrorTable<R>, decoded: DecodedRecord<R>): string {
  const typed = mirror.columns.map(({ name, of }) => `"${name}":${jsonValue(of(decoded.record))}`).join(',')
  return `{${typed},"raw":${JSON.stringify(decoded.raw)},"content_hash":"${asUuid(decoded.contentHash)}","unknown_values":${unknownValuesOf(decoded)}}`
}

/** The columns of a mirrored table that a reading writes, beside the times at which it was seen. */
export const writtenColumns = <R>({ columns }: MirrorTable<R>): string[] => [
  ...columns.map(({ name }) => name),
  'raw',
  'content_hash',
  'unknown_values',
]

/** JSON for the column `unknown_values`; null for almost every record. */
export const unknownValuesOf = ({ unknownValues }: Pick<DecodedRecord<unknown>, 'unknownValues'>): string | null =>
  unknownValues.length > 0 ? JSON.stringify(unknownValues) : null

/** Half of a SHA-256 tells versions of one record apart for good, and 16 bytes are what a uuid column stores. */
export const asUuid = (contentHash: string): string => contentHash.slice(0, 32)

export const jsonValue = (value: CopyValue): string =>
  typeof value === 'bigint' ? `"${value}"` : JSON.stringify(value)
