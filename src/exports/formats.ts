import { LIVE_FIRST_BYTES, neutralise, quoted } from './cells.ts'
import type { Pen } from './pen.ts'
import type { Column } from './report.ts'

/** How the text around values and the values that are no numbers look like in a file. */
export interface Format {
  /** Comes before all rows. */
  readonly head: string
  /** What stands before the column's value. */
  readonly before: (column: Column, index: number) => string
  /** What ends a row. */
  readonly after: string
  readonly blank: string
  /** What an instant or a date stands between. */
  readonly quote: string
  writeText(pen: Pen, bytes: Buffer, start: number, end: number): void
  /** An amount that stands in a column of texts. */
  writeAmount(pen: Pen, bytes: Buffer, start: number, end: number): void
}

export const EXPORT_FORMATS = ['csv', 'jsonl'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

const LIVE_FIRST = marked(LIVE_FIRST_BYTES)
const CSV_SPECIAL = marked(Buffer.from('",\r\n'))
const JSON_SPECIAL = marked(Buffer.from([...Array(32).keys(), ...Buffer.from('"\\')]))

const writeJson: Format['writeText'] = (pen, bytes, start, end) => {
  pen.byte(34)
  if (pen.copyUnless(JSON_SPECIAL, bytes, start, end)) pen.byte(34)
  else pen.text(JSON.stringify(bytes.toString('utf8', start, end)).slice(1))
}

/** The texts are those that Postgres writes with `COPY (format csv)` and with `row_to_json`. */
export const FORMATS: Record<ExportFormat, (columns: readonly Column[]) => Format> = {
  csv: (columns) => ({
    head: `${columns.map(({ name }) => name).join(',')}\n`,
    before: (_, index) => (index === 0 ? '' : ','),
    after: '\n',
    blank: '',
    quote: '',
    writeText(pen, bytes, start, end) {
      const isPlain = start < end && LIVE_FIRST[bytes[start] as number] === 0
      if (isPlain && pen.copyUnless(CSV_SPECIAL, bytes, start, end)) return
      const text = neutralise(bytes.toString('utf8', start, end))
      // Without quotes an empty text would be a blank.
      pen.text(text === '' ? '""' : quoted(text))
    },
    writeAmount: (pen, bytes, start, end) => pen.bytes(bytes, start, end),
  }),
  jsonl: () => ({
    head: '',
    before: ({ name }, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`,
    after: '}\n',
    blank: 'null',
    quote: '"',
    writeText: writeJson,
    writeAmount: writeJson,
  }),
}

function marked(bytes: Iterable<number>): Uint8Array {
  const table = new Uint8Array(256)
  for (const byte of bytes) table[byte] = 1
  return table
}
