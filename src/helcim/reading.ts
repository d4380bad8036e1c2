import type { BusinessDate } from '../domain/calendar.ts'
import { parseHelcimTime } from '../domain/helcim-time.ts'
import { currencyDigits, parseMinor } from '../domain/money.ts'
import type { HelcimId, HelcimTime, UnknownValue } from '../domain/record.ts'
import type { HelcimDay } from '../domain/recurring.ts'
import { isJsonList, isJsonNumber, isJsonObject, type JsonObject, type JsonValue, stringifyJson } from './json.ts'

/**
 * One record while it is being read. Readers note what they cannot make sense of in `problems` and hand back a
 * placeholder, so that one record tells everything that is wrong with it; a record with problems is never used.
 */
export interface Reading {
  readonly object: JsonObject
  /** Cut out of the record before anything else saw it, by place: `cardToken`, `cards.0.cardToken`. */
  readonly tokens: ReadonlyMap<string, JsonValue>
  /** Where `object` lies in the record: empty for the record itself, `cards.0.` for a part of it. */
  readonly place: string
  readonly problems: string[]
  readonly unknownValues: UnknownValue[]
}

/** A 64-bit id: a positive integer, as number or text. */
export function readId(reading: Reading, key: string): HelcimId {
  const id = toId(reading.object[key])
  if (id === null) reading.problems.push(`${key} is missing`)
  if (id === undefined) reading.problems.push(`${key} is no id: ${excerpt(textOf(reading.object[key]) ?? '')}`)
  return id ?? 0n
}

/** As `readId`, but 0, `""`, null and a missing key mean "none". */
export function readIdOrNone(reading: Reading, key: string): HelcimId | null {
  const id = toId(reading.object[key])
  if (id === undefined) reading.problems.push(`${key} is no id: ${excerpt(textOf(reading.object[key]) ?? '')}`)
  return id ?? null
}

/** null for "none" as in `readIdOrNone`, undefined for what is no id at all. */
export function toId(value: JsonValue | undefined): HelcimId | null | undefined {
  const text = textOf(value)
  if (text === null || text === '') return null
  const id = toInt64(text)
  return id === 0n ? null : id
}

/** A whole number of 64 bits, zero included. */
export function readInteger(reading: Reading, key: string): bigint {
  const text = textOf(reading.object[key]) ?? ''
  const integer = toInt64(text)
  if (integer === undefined) reading.problems.push(`${key} is no whole number: ${excerpt(text)}`)
  return integer ?? 0n
}

/** A count, also in the form `"7.0000"`; at most what a 32-bit column holds. */
export function readCount(reading: Reading, key: string): number {
  const text = textOf(reading.object[key]) ?? ''
  const count = parseMinor(text, 0)
  if (count !== undefined && count >= 0n && count <= INT32_MAX) return Number(count)
  reading.problems.push(`${key} is no count: ${excerpt(text)}`)
  return 0
}

/** A decimal in minor units of a currency with `digits` digits; finer than that is a problem, not a rounding. */
export function readMinor(reading: Reading, key: string, digits: number): bigint {
  const text = textOf(reading.object[key]) ?? ''
  const minor = parseMinor(text, digits)
  if (minor === undefined) {
    reading.problems.push(
      text === '' ? `${key} is missing` : `${key} is no amount of ${digits} decimals: ${excerpt(text)}`,
    )
  }
  return minor ?? 0n
}

export function readTime(reading: Reading, key: string): HelcimTime {
  const text = textOf(reading.object[key])
  const time = parseHelcimTime(text)
  if (time === undefined) reading.problems.push(`${key} is no timestamp: ${excerpt(text ?? '')}`)
  return time ?? { text: '', instant: null }
}

/** Text for a column; `""`, null and a missing key are null. */
export function readText(reading: Reading, key: string): string | null {
  const text = textOf(reading.object[key])
  return text === null || text === '' ? null : toColumnText(text)
}

/** Text of a closed list; another value is kept as it came, and reported. */
export function readKnown(reading: Reading, key: string, known: readonly string[]): string {
  const text = readText(reading, key) ?? ''
  if (!known.includes(text)) noteUnknown(reading, key, text)
  return text
}

/**
 * A currency and the digits of its amounts. One that we do not know is kept and reported; its amounts are read with two
 * digits, which is harmless because nothing of an unknown currency is ever counted.
 */
export function readCurrency(reading: Reading, key: string): { currency: string; digits: number } {
  const currency = readText(reading, key) ?? ''
  const digits = currencyDigits(currency)
  if (digits === undefined) noteUnknown(reading, key, currency)
  return { currency, digits: digits ?? DIGITS_UNKNOWN_CURRENCY }
}

/** `true`, `"true"`, `1`, `"yes"` and their opposites (API.md, point 10); anything else is false, and reported. */
export function readFlag(reading: Reading, key: string): boolean {
  const text = (textOf(reading.object[key]) ?? '').toLowerCase()
  if (TRUE_WORDS.has(text)) return true
  if (!FALSE_WORDS.has(text)) noteUnknown(reading, key, text)
  return false
}

/** As `readFlag`, and any number above 0 is true (API.md, point 14). */
export function readFlagOrCount(reading: Reading, key: string): boolean {
  const text = textOf(reading.object[key]) ?? ''
  return /^[1-9]\d*$/.test(text) || readFlag(reading, key)
}

/** As `readMinor`, but a missing key, `""` and null mean that nothing is said. */
export const readMinorOrNone = (reading: Reading, key: string, digits: number): bigint | null =>
  isSaid(reading, key) ? readMinor(reading, key, digits) : null

/** As `readCount`, but a missing key, `""` and null mean that nothing is said. */
export const readCountOrNone = (reading: Reading, key: string): number | null =>
  isSaid(reading, key) ? readCount(reading, key) : null

/** A decimal that is no amount, such as a quantity, as its text; null when nothing is said. */
export function readDecimal(reading: Reading, key: string): string | null {
  if (!isSaid(reading, key)) return null
  const text = textOf(reading.object[key]) ?? ''
  if (PLAIN_DECIMAL.test(text)) return text
  reading.problems.push(`${key} is no decimal: ${excerpt(text)}`)
  return null
}

/** A day, with or without a time behind it. */
export function readDay(reading: Reading, key: string): HelcimDay {
  const { text } = readTime(reading, key)
  return { text, day: text === '' || text.startsWith('0000-00-00') ? null : (text.slice(0, 10) as BusinessDate) }
}

/** A code of a closed list by its name, sent as the number of its place or as the name itself. */
export function readCode(reading: Reading, key: string, names: readonly string[], first: 0 | 1): string {
  const text = readText(reading, key) ?? ''
  const name = /^\d{1,4}$/.test(text) ? names[Number(text) - first] : names.find((one) => one === text.toUpperCase())
  if (name !== undefined) return name
  noteUnknown(reading, key, text)
  return text
}

/** A token that was cut out of the record. */
export const readToken = ({ tokens, place }: Reading, key: string): string | null =>
  toColumnText(textOf(tokens.get(`${place}${key}`)) ?? '') || null

/**
 * The parts of a record, each read as a record of its own whose problems are those of the whole.
 * @returns null when the key is missing, null or `""`: nothing is said of them
 */
export function readParts<P>(reading: Reading, key: string, read: (part: Reading) => P): P[] | null {
  if (!isSaid(reading, key)) return null
  const list = reading.object[key]
  if (!isJsonList(list)) {
    reading.problems.push(`${key} is no list`)
    return null
  }
  return list.flatMap((object, index) => {
    const place = `${key}.${index}.`
    if (!isJsonObject(object)) {
      reading.problems.push(`${key}.${index} is no object`)
      return []
    }
    const { tokens } = reading
    const part: Reading = { object, tokens, place: `${reading.place}${place}`, problems: [], unknownValues: [] }
    const value = read(part)
    reading.problems.push(...part.problems.map((problem) => `${place}${problem}`))
    reading.unknownValues.push(...part.unknownValues.map(({ field, value }) => ({ field: `${place}${field}`, value })))
    return [value]
  })
}

/** An object within a record, such as `tax` with its `amount`; null when it is missing, null or `""`. */
export function readInner<P>(reading: Reading, key: string, read: (inner: Reading) => P): P | null {
  const object = reading.object[key]
  if (!isJsonObject(object)) {
    if (isSaid(reading, key)) reading.problems.push(`${key} is no object`)
    return null
  }
  const inner: Reading = { ...reading, object, place: `${reading.place}${key}.`, problems: [] }
  const value = read(inner)
  reading.problems.push(...inner.problems.map((problem) => `${key}.${problem}`))
  return value
}

function isSaid({ object }: Reading, key: string): boolean {
  const value = object[key]
  return value !== undefined && value !== null && value !== ''
}

export function noteUnknown(reading: Reading, field: string, value: string): void {
  reading.unknownValues.push({ field, value: excerpt(toColumnText(value)) })
}

/** What PostgreSQL's `text` refuses (NUL) or cannot hold (half a surrogate pair) becomes U+FFFD; `raw` keeps it. */
export const toColumnText = (text: string): string => text.replaceAll('\u0000', '\uFFFD').toWellFormed()

/** As Postgres' `numeric` reads it, of a length that no quantity has. */
const PLAIN_DECIMAL = /^-?\d{1,30}(?:\.\d{1,30})?$/
const INT32_MAX = 2_147_483_647n
const INT64_MAX = 9_223_372_036_854_775_807n
const DIGITS_UNKNOWN_CURRENCY = 2
const TRUE_WORDS = new Set(['true', '1', 'yes'])
const FALSE_WORDS = new Set(['false', '0', 'no', ''])
const EXCERPT_LENGTH_MAX = 100

/** What a field says, whether it came as text, number or boolean; of a list or an object its JSON. */
export function textOf(value: JsonValue | undefined): string | null {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return null
  if (isJsonNumber(value)) return value.value
  return stringifyJson(value)
}

function toInt64(text: string): bigint | undefined {
  if (!/^\d{1,19}$/.test(text)) return undefined
  const integer = BigInt(text)
  return integer <= INT64_MAX ? integer : undefined
}

const excerpt = (text: string): string =>
  text.length > EXCERPT_LENGTH_MAX ? `${text.slice(0, EXCERPT_LENGTH_MAX - 1).toWellFormed()}…` : text
