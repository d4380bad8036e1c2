import { LIVE_FIRST_BYTES, neutralise, quoted } from './cells.ts'
import type { Column } from './report.ts'

/**
 * How the text around values, and the values that are no numbers, look like in a file. Data and no functions but `escapeText`, so
 * that one and the same code writes each format: code that calls now this and now that function cannot be made quick.
 */
export interface Format {
  /** Comes before all rows. */
  readonly head: string
  /** What stands before the column's value. */
  readonly before: (column: Column, index: number) => string
  /** What ends a row. */
  readonly after: string
  readonly blank: string
  /** What an instant, a date or a plain text stands between. */
  readonly quote: string
  /** By byte of UTF-8, 1 for those that no plain text holds, and for those that none begins with. */
  readonly special: Uint8Array
  readonly specialFirst: Uint8Array
  /** A text that is not plain, or empty, with whatever it stands between. */
  readonly escapeText: (text: string) => string
  /** Whether an amount among texts is written as they are. */
  readonly areAmountsTexts: boolean
}

export const EXPORT_FORMATS = ['csv', 'jsonl'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** The texts are those that Postgres writes with `COPY (format csv)` and with `row_to_json`. */
export const FORMATS: Record<ExportFormat, (columns: readonly Column[]) => Format> = {
  csv: (columns) => ({
    head: `${columns.map(({ name }) => name).join(',')}\n`,
    before: (_, index) => (index === 0 ? '' : ','),
    after: '\n',
    blank: '',
    quote: '',
    special: marked(Buffer.from('",\r\n')),
    specialFirst: marked(LIVE_FIRST_BYTES),
    // Without quotes an empty text would be a blank.
    escapeText: (text) => (text === '' ? '""' : quoted(neutralise(text))),
    areAmountsTexts: false,
  }),
  jsonl: () => ({
    head: '',
    before: ({ name }, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`,
    after: '}\n',
    blank: 'null',
    quote: '"',
    special: marked(Buffer.from([...Array(32).keys(), ...Buffer.from('"\\')])),
    specialFirst: marked([]),
    escapeText: JSON.stringify,
    areAmountsTexts: true,
  }),
}

function marked(bytes: Iterable<number>): Uint8Array {
  const table = new Uint8Array(256)
  for (const byte of bytes) table[byte] = 1
  return table
}
