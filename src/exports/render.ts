import { type ClockSpan, clockSpanAt } from '../domain/calendar.ts'
import { formatMinor } from '../domain/money.ts'
import type { Control } from './control.ts'
import { createRowReader, int32At, int64At, VALUE_OFFSET } from './copy-rows.ts'
import { type ExportFormat, FORMATS, type Format } from './formats.ts'
import { createPen, DAYS_TO_2000, MICROSECONDS_PER_DAY } from './pen.ts'
import { AMOUNT_TAG, CARD_DIGITS_SHOWN, CARD_NUMBER_MASK, hasField, moneyColumns } from './queries.ts'
import type { Column, Report } from './report.ts'
import { createSums } from './sums.ts'

export interface Rendering {
  /** To be read once, to the end; each holds until the next is asked for. */
  readonly bytes: AsyncIterable<Buffer>
  /** What was read so far. */
  readonly rows: () => number
  readonly sums: () => Control['sums']
}

/** Bytes of text that a byte of a value can become: a control character in JSON. */
const EXPANSION_MAX = 6
/** Of a number, an amount or an instant, with quotes. */
const VALUE_LENGTH_MAX = 40

/** A column whose values are shown, and what its cells have in common. */
interface Cell extends Pick<Column, 'type'> {
  readonly clocks: Column['clocks'] | undefined
  /** What stands before it is the same in every row, blank columns included. */
  readonly before: Uint8Array
  readonly hasField: boolean
  readonly isCurrency: boolean
  readonly isCardNumber: boolean
  /** Which of the columns of money it is. */
  readonly place: number
}

/**
 * Makes the bytes of a file of what `rowsSql` answers, and adds up its money. Bytes become bytes: no row is an object, and no
 * cell a call of a function of its own, since a million rows of twenty cells have to be one loop.
 */
export function renderRows(
  report: Report,
  { format, zone }: { format: ExportFormat; zone: string },
  chunks: AsyncIterable<Buffer>,
): Rendering {
  const formatted = FORMATS[format](report.columns)
  const { special, specialFirst, escapeText, areAmountsTexts } = formatted
  const { cells, rowEnd } = layOut(report, formatted)
  const [quote, blank] = [Buffer.from(formatted.quote), Buffer.from(formatted.blank)]
  const mask = Buffer.from(formatted.quote + CARD_NUMBER_MASK)
  const lengthMax = cells.reduce((length, { before }) => length + before.length + VALUE_LENGTH_MAX, rowEnd.length)
  const pen = createPen()
  const sums = createSums(moneyColumns(report).map(({ name }) => name))
  const localOf = createLocalClock(zone)

  const writeText = (bytes: Buffer, start: number, end: number) => {
    const isPlain = start < end && specialFirst[bytes[start] as number] === 0
    if (!isPlain || !pen.copyUnless(special, bytes, start, end, quote))
      pen.text(escapeText(bytes.toString('utf8', start, end)))
  }
  const writeCardNumber = (bytes: Buffer, start: number, end: number) => {
    const from = Math.max(start, end - CARD_DIGITS_SHOWN)
    if (areDigits(bytes, from, end)) {
      pen.bytes(mask)
      pen.bytes(bytes, from, end)
      return pen.bytes(quote)
    }
    // The mirror keeps `385200******3237`, and no other form; whatever else there may be is shown as a text.
    const text = Buffer.from(CARD_NUMBER_MASK + bytes.toString('utf8', start, end).slice(-CARD_DIGITS_SHOWN))
    writeText(text, 0, text.length)
  }
  const writeMoney = (bytes: Buffer, at: number, place: number) => {
    const low = int32At(bytes, at + 4)
    const isSmall = int32At(bytes, at) === low >> 31 && low !== -(2 ** 31)
    const minor = isSmall ? low : bytes.readBigInt64BE(at)
    sums.add(place, minor)
    if (typeof minor === 'number' && sums.digits() === 2) pen.hundredths(minor)
    else pen.text(formatMinor(BigInt(minor), sums.currency()))
  }
  const shown = (microseconds: number, clocks: Cell['clocks']) =>
    clocks === 'account' ? localOf(microseconds) : microseconds
  const writeCell = ({ type, clocks, isCardNumber, place }: Cell, bytes: Buffer, start: number, end: number) => {
    switch (type) {
      case 'text':
        return isCardNumber ? writeCardNumber(bytes, start, end) : writeText(bytes, start, end)
      case 'value':
        if (bytes[start] === AMOUNT_TAG && !areAmountsTexts) return pen.bytes(bytes, start + 1, end)
        return writeText(bytes, start + 1, end)
      case 'money':
        return writeMoney(bytes, start, place)
      case 'number':
        return pen.integer(bytes, start)
      case 'instant':
        pen.bytes(quote)
        pen.instant(shown(int64At(bytes, start), clocks))
        return pen.bytes(quote)
      case 'date':
        pen.bytes(quote)
        if (clocks === undefined) pen.date(int32At(bytes, start))
        else pen.date(Math.floor(shown(int64At(bytes, start), clocks) / MICROSECONDS_PER_DAY))
        return pen.bytes(quote)
    }
  }

  let rows = 0
  const writeRow = (bytes: Buffer, start: number, end: number) => {
    rows += 1
    pen.reserve((end - start) * EXPANSION_MAX + lengthMax)
    let next = start
    let at = start
    let length = -1
    for (const cell of cells) {
      pen.bytes(cell.before)
      if (cell.hasField) {
        length = int32At(bytes, next)
        at = next + VALUE_OFFSET
        next = at + Math.max(0, length)
      }
      if (cell.isCurrency) sums.enter(bytes, at, next)
      if (length >= 0) writeCell(cell, bytes, at, next)
      else pen.bytes(blank)
    }
    pen.bytes(rowEnd)
  }
  async function* bytes() {
    pen.reserve(formatted.head.length)
    pen.text(formatted.head)
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

function layOut(report: Report, { before, blank, after }: Format): { cells: Cell[]; rowEnd: Uint8Array } {
  const { name, columns } = report
  const types = columns.map(({ type }) => type)
  if (types.includes('money') && types.indexOf('money') < columns.findIndex((column) => column.name === 'currency'))
    throw new Error(`${name}: an amount stands before its currency`)
  let between = ''
  const cells = columns.flatMap((column, index): Cell[] => {
    between += before(column, index)
    if (column.isBlank) {
      between += blank
      return []
    }
    const { type, clocks, isCardNumber = false } = column
    const cell = {
      type,
      clocks,
      isCardNumber,
      isCurrency: column.name === 'currency',
      place: moneyColumns(report).indexOf(column),
      hasField: hasField(report, index),
      before: Buffer.from(between),
    }
    between = ''
    return [cell]
  })
  return { cells, rowEnd: Buffer.from(between + after) }
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
