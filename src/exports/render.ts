import { type ClockSpan, clockSpanAt } from '../domain/calendar.ts'
import { formatMinor } from '../domain/money.ts'
import type { Control } from './control.ts'
import { createRowReader, int32At, int64At, VALUE_OFFSET } from './copy-rows.ts'
import { type ExportFormat, FORMATS } from './formats.ts'
import { createPen, DAYS_TO_2000, MICROSECONDS_PER_DAY } from './pen.ts'
import { AMOUNT_TAG, CARD_DIGITS_SHOWN, CARD_NUMBER_MASK, hasField, moneyColumns } from './queries.ts'
import type { Column, ColumnType, Report } from './report.ts'
import { createSums } from './sums.ts'

export interface Rendering {
  /** To be read once, to the end. */
  readonly bytes: AsyncIterable<Buffer>
  /** What was read so far. */
  readonly rows: () => number
  readonly sums: () => Control['sums']
}

/** Bytes of text that a byte of a value can become: a control character in JSON. */
const EXPANSION_MAX = 6
/** Of a number, an amount or an instant, with quotes. */
const VALUE_LENGTH_MAX = 40

type Write = (bytes: Buffer, start: number, end: number) => void

/** Makes the bytes of a file of what `rowsSql` answers, and adds up its money. Bytes become bytes; no row is an object. */
export function renderRows(
  report: Report,
  { format, zone }: { format: ExportFormat; zone: string },
  chunks: AsyncIterable<Buffer>,
): Rendering {
  const { head, before, after, blank, quote, writeText, writeAmount } = FORMATS[format](report.columns)
  const types = report.columns.map(({ type }) => type)
  if (types.includes('money') && types.indexOf('money') < report.columns.findIndex(({ name }) => name === 'currency'))
    throw new Error(`${report.name}: an amount stands before its currency`)
  const pen = createPen()
  const sums = createSums(moneyColumns(report).map(({ name }) => name))
  const localOf = createLocalClock(zone)
  const shownBy = (clocks: Column['clocks'], microseconds: number) =>
    clocks === 'account' ? localOf(microseconds) : microseconds
  const quoted = (write: Write): Write => {
    if (quote === '') return write
    return (bytes, start, end) => {
      pen.text(quote)
      write(bytes, start, end)
      pen.text(quote)
    }
  }
  const mask = quote + CARD_NUMBER_MASK
  const writeCardNumber: Write = (bytes, start, end) => {
    const from = Math.max(start, end - CARD_DIGITS_SHOWN)
    if (areDigits(bytes, from, end)) {
      pen.text(mask)
      pen.bytes(bytes, from, end)
      pen.text(quote)
      return
    }
    // The mirror keeps `385200******3237`, and no other form; whatever else there may be is shown as a text.
    const shown = Buffer.from(CARD_NUMBER_MASK + bytes.toString('utf8', start, end).slice(-CARD_DIGITS_SHOWN))
    writeText(pen, shown, 0, shown.length)
  }
  const writes: Record<ColumnType, (column: Column) => Write> = {
    text({ name, isCardNumber }) {
      if (isCardNumber) return writeCardNumber
      return (bytes, start, end) => {
        if (name === 'currency') sums.enter(bytes, start, end)
        writeText(pen, bytes, start, end)
      }
    },
    value: () => (bytes, start, end) =>
      (bytes[start] === AMOUNT_TAG ? writeAmount : writeText)(pen, bytes, start + 1, end),
    money: (column) => {
      const index = moneyColumns(report).indexOf(column)
      return (bytes, start) => {
        const low = int32At(bytes, start + 4)
        const isSmall = int32At(bytes, start) === low >> 31 && low !== -(2 ** 31)
        const minor = isSmall ? low : bytes.readBigInt64BE(start)
        sums.add(index, minor)
        if (typeof minor === 'number' && sums.digits() === 2) pen.hundredths(minor)
        else pen.text(formatMinor(BigInt(minor), sums.currency()))
      }
    },
    number: () => (bytes, start) => pen.integer(bytes, start),
    instant: ({ clocks }) => quoted((bytes, start) => pen.instant(shownBy(clocks, int64At(bytes, start)))),
    date: ({ clocks }) =>
      clocks === undefined
        ? quoted((bytes, start) => pen.date(int32At(bytes, start)))
        : quoted((bytes, start) => pen.date(Math.floor(shownBy(clocks, int64At(bytes, start)) / MICROSECONDS_PER_DAY))),
  }
  // What stands between two values is the same in every row, blank columns included.
  let between = ''
  const cells = report.columns.flatMap((column, index) => {
    between += before(column, index)
    if (column.isBlank) {
      between += blank
      return []
    }
    const cell = {
      before: between,
      write: writes[column.type](column),
      isCurrency: column.name === 'currency',
      hasField: hasField(report, index),
    }
    between = ''
    return [cell]
  })
  const rowEnd = between + after
  const lengthMax = cells.reduce((length, cell) => length + cell.before.length + VALUE_LENGTH_MAX, rowEnd.length)

  let rows = 0
  const writeRow = (bytes: Buffer, start: number, end: number) => {
    rows += 1
    pen.reserve((end - start) * EXPANSION_MAX + lengthMax)
    let next = start
    let at = start
    let length = -1
    for (const cell of cells) {
      pen.text(cell.before)
      if (cell.hasField) {
        length = int32At(bytes, next)
        at = next + VALUE_OFFSET
        next = at + Math.max(0, length)
      }
      if (length >= 0) cell.write(bytes, at, at + length)
      else {
        pen.text(blank)
        if (cell.isCurrency) sums.enter(bytes, at, at)
      }
    }
    pen.text(rowEnd)
  }
  async function* bytes() {
    pen.reserve(head.length)
    pen.text(head)
    const read = createRowReader(writeRow)
    for await (const chunk of chunks) {
      read(chunk)
      if (pen.isFull()) yield pen.take()
    }
    const last = pen.take()
    if (last.length > 0) yield last
  }
  return { bytes: bytes(), rows: () => rows, sums: sums.result }
}

function areDigits(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const value = bytes[at] as number
    if (value < 48 || value > 57) return false
  }
  return true
}

/** What clocks of the zone show, both as microseconds since 2000. Rows that follow one another mostly share an offset. */
function createLocalClock(zone: string): (microseconds: number) => number {
  let span: ClockSpan = { from: 0, until: 0, offsetMs: 0 }
  return (microseconds) => {
    const instant = microseconds / 1_000 + DAYS_TO_2000 * 86_400_000
    if (!(instant >= span.from && instant < span.until)) span = clockSpanAt(Math.floor(instant), zone)
    return microseconds + span.offsetMs * 1_000
  }
}
