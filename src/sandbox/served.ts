import type { Instant } from '../domain/clock.ts'
import { currencyDigits } from '../domain/money.ts'
import type { Collection, Kept } from './collection.ts'
import type { Switches } from './options.ts'
import { ZERO_DATE, type Zone } from './zone.ts'

/** Key → JSON text of the value, in the order of the documented examples. Texts, so that no amount passes a double. */
export type ServedRecord = Map<string, string>

export const renderRecord = (record: ServedRecord): string =>
  `{${Array.from(record, ([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`

/** The record as text, with what the collection serves in place of the truth. */
export function renderKept<R extends Kept, I extends string>(
  served: ServedRecord,
  row: R,
  collection: Collection<R, I>,
): string {
  for (const [key, literal] of collection.disguiseOf(row.id) ?? []) {
    if (literal === null) served.delete(key)
    else served.set(key, literal)
  }
  return renderRecord(served)
}

/** A date and time, or the zero date where there is none. */
export const spellTime = (at: Instant | null, zone: Zone): string =>
  JSON.stringify(at === null ? ZERO_DATE : zone.text(at))

export function spellAmount(minor: bigint, currency: string, types: Switches['amountTypes']): string {
  if (types === 'number') return shortDecimal(minor, currency)
  return JSON.stringify(longDecimal(minor, currency, types === 'string' ? (currencyDigits(currency) ?? 2) : 4))
}

/** 9000n → `90`, 5250n → `52.5`: as a JSON number loses its trailing zeros. */
export const shortDecimal = (minor: bigint, currency: string): string =>
  longDecimal(minor, currency, currencyDigits(currency) ?? 2).replace(/\.?0+$/, (zeros, at: number, all: string) =>
    all.includes('.') && at > 0 ? '' : zeros,
  )

/** `decimals` digits after the point; at least as many as the currency has. */
export function longDecimal(minor: bigint, currency: string, decimals: number): string {
  const digits = currencyDigits(currency) ?? 2
  const magnitude = (minor < 0n ? -minor : minor).toString().padStart(digits + 1, '0')
  const point = magnitude.length - digits
  return `${minor < 0n ? '-' : ''}${magnitude.slice(0, point)}.${magnitude.slice(point).padEnd(decimals, '0')}`
}
