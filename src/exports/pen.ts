import { int32At } from './copy-rows.ts'

/** Text is written into one page of this size again and again, or into a larger one where a row needs it. */
const PAGE_LENGTH = 1 << 20
export const MICROSECONDS_PER_DAY = 86_400_000_000
const SHORT_LENGTH = 32
export const DAYS_TO_2000 = 10_957
const [ZERO, MINUS, POINT] = [48, 45, 46]

/**
 * Writes text for files from values as Postgres sends them in binary, without strings in between where that is easy: a
 * million rows of twenty cells are twenty million strings.
 */
export interface Pen {
  /** Makes room for so many bytes; what follows must not write more. */
  reserve(length: number): void
  text(text: string): void
  /** Copies the bytes; all of them unless said. */
  bytes(bytes: Uint8Array, start?: number, end?: number): void
  /** Copies the bytes, between quotes, or nothing and tells so where one of them is marked in `special`. */
  copyUnless(special: Uint8Array, bytes: Uint8Array, start: number, end: number, quote: Uint8Array): boolean
  /** An `int8`. */
  integer(bytes: Buffer, at: number): void
  /** @param minor less than 2³¹, without its sign */
  hundredths(minor: number): void
  /** Microseconds since 2000 as `2026-10-31 17:00:00`, with a fraction if there is one. */
  instant(microseconds: number): void
  /** Days since 2000 as `2026-10-31`. */
  date(days: number): void
  /** Whether a page is full, and then what was written so far should be taken. */
  isFull(): boolean
  /** What was written since it was last called; holds until something is written again. */
  take(): Buffer
}

export function createPen(): Pen {
  let page = Buffer.allocUnsafe(PAGE_LENGTH)
  let end = 0

  const byte = (value: number) => {
    page[end++] = value
  }
  const copy = (bytes: Uint8Array, start = 0, stop = bytes.length) => {
    // In a variable of its own: the optimiser cannot know that nothing replaces the page in between.
    const target = page
    let to = end
    for (let at = start; at < stop; at += 1) target[to++] = bytes[at] as number
    end = to
  }
  const text = (value: string) => {
    // A few letters of ASCII are quicker written one by one.
    if (value.length > SHORT_LENGTH) {
      end += page.write(value, end, 'utf8')
      return
    }
    const target = page
    let to = end
    for (let at = 0; at < value.length; at += 1) {
      const code = value.charCodeAt(at)
      if (code > 127) {
        end += page.write(value, end, 'utf8')
        return
      }
      target[to++] = code
    }
    end = to
  }
  const twoDigits = (value: number) => {
    const tens = (value / 10) | 0
    page[end++] = ZERO + tens
    page[end++] = ZERO + value - tens * 10
  }
  /** @param value from 0 to 2³¹ − 1 */
  const digits = (value: number) => {
    let length = 1
    for (let limit = 10; value >= limit; limit *= 10) length += 1
    let rest = value
    for (let at = end + length - 1; at >= end; at -= 1) {
      const tens = (rest / 10) | 0
      page[at] = ZERO + rest - tens * 10
      rest = tens
    }
    end += length
  }
  const bytesOfDay = createDayBytes()
  const day = (daysSince2000: number) => {
    copy(bytesOfDay(daysSince2000))
  }

  return {
    reserve(length) {
      if (end + length <= page.length) return
      const written = page.subarray(0, end)
      // With room to spare: a page that just held this row would be copied again for the next one.
      page = Buffer.allocUnsafe(2 * (end + length))
      page.set(written)
    },
    text,
    bytes: copy,
    copyUnless(special, bytes, start, stop, quote) {
      const target = page
      let to = end + quote.length
      for (let at = start; at < stop; at += 1) {
        const value = bytes[at] as number
        if (special[value] === 1) return false
        target[to++] = value
      }
      copy(quote)
      end = to
      copy(quote)
      return true
    },
    integer(bytes, at) {
      const low = int32At(bytes, at + 4)
      if (int32At(bytes, at) === 0 && low >= 0) digits(low)
      else text(bytes.readBigInt64BE(at).toString())
    },
    hundredths(minor) {
      const magnitude = Math.abs(minor)
      if (minor < 0) byte(MINUS)
      const whole = (magnitude / 100) | 0
      digits(whole)
      byte(POINT)
      twoDigits(magnitude - whole * 100)
    },
    instant(microseconds) {
      const days = Math.floor(microseconds / MICROSECONDS_PER_DAY)
      const ofDay = microseconds - days * MICROSECONDS_PER_DAY
      const second = Math.floor(ofDay / 1_000_000)
      day(days)
      byte(32)
      twoDigits((second / 3_600) | 0)
      byte(58)
      twoDigits(((second / 60) | 0) % 60)
      byte(58)
      twoDigits(second % 60)
      const fraction = ofDay - second * 1_000_000
      if (fraction > 0) text(`.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`)
    },
    date: day,
    isFull: () => end >= PAGE_LENGTH - (PAGE_LENGTH >> 3),
    take() {
      const written = page.subarray(0, end)
      end = 0
      return written
    },
  }
}

/** Rows that follow one another mostly are of one day, or of two where a zone's day is another one than that of UTC. */
const DAYS_KNOWN = 8

function createDayBytes(): (daysSince2000: number) => Uint8Array {
  const known = new Float64Array(DAYS_KNOWN).fill(Number.NaN)
  const texts = Array.from({ length: DAYS_KNOWN }, (): Uint8Array => Buffer.alloc(0))
  return (day) => {
    const place = day & (DAYS_KNOWN - 1)
    if (day !== known[place]) {
      const date = new Date((day + DAYS_TO_2000) * 86_400_000)
      const year = date.getUTCFullYear()
      if (!(year >= 1 && year <= 9999)) throw new Error(`a date ${day} days after 2000-01-01 is none of a card’s`)
      texts[place] = Buffer.from(date.toISOString().slice(0, 10))
      known[place] = day
    }
    return texts[place] as Uint8Array
  }
}
