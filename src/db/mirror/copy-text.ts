import { setImmediate as nextTurn } from 'node:timers/promises'

/** A value of a column, as COPY's text format can carry it. */
export type CopyValue = bigint | number | string | boolean | null

/** Records per chunk, and per turn of the event loop: a thousand at once take longer than others should wait. */
const RECORDS_PER_CHUNK = 100

/**
 * Rows in the text format of `COPY … FROM STDIN`: a line each, columns parted by tabs, `\N` for null.
 * (PostgreSQL manual, COPY, "Text Format")
 */
export async function* copyText<T>(
  items: readonly T[],
  valuesOf: (item: T) => readonly CopyValue[],
): AsyncGenerator<string> {
  for (let from = 0; from < items.length; from += RECORDS_PER_CHUNK) {
    if (from > 0) await nextTurn()
    let chunk = ''
    for (const item of items.slice(from, from + RECORDS_PER_CHUNK)) chunk += `${valuesOf(item).map(field).join('\t')}\n`
    yield chunk
  }
}

function field(value: CopyValue): string {
  if (value === null) return '\\N'
  if (typeof value !== 'string') return String(value)
  return SPECIAL.test(value) ? value.replaceAll(ALL_SPECIAL, escaped) : value
}

const SPECIAL = /[\\\t\n\r]/
const ALL_SPECIAL = /[\\\t\n\r]/g
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }
const escaped = (character: string): string => ESCAPES[character] ?? character
