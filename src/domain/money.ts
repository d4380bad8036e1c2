/** An amount in minor units (cents) of one currency. Sums never cross currencies. */
export interface Money {
  readonly minor: bigint
  readonly currency: string
}

/** Digits after the point, ISO 4217. Helcim sells in CAD and USD (docs: card-transactions `currency`). */
export const CURRENCY_DIGITS: ReadonlyMap<string, number> = new Map([
  ['CAD', 2],
  ['USD', 2],
])

/** Of currencies that we do not know: as most have. */
export const DIGITS_UNLESS_KNOWN = 2

/** Digits after the point of `currency`, or undefined for one we do not know and therefore must not guess. */
export const currencyDigits = (currency: string): number | undefined => CURRENCY_DIGITS.get(currency)

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/

/**
 * Reads a decimal from its text, never through a double: `"52.5"` → 5250n, `"819.0000"` → 81900n.
 * Helcim sends numbers and numeric strings, with zero to four decimals (API.md §6).
 * @returns undefined when the text is no decimal, or is finer than the currency can hold
 */
export function parseMinor(text: string, digits: number): bigint | undefined {
  const match = DECIMAL.exec(text)
  if (!match) return undefined
  const [, sign = '', whole = '0', fraction = '', exponentText = '0'] = match
  // A number such as 1e400 is legal JSON; amounts of more than 18 digits are not money.
  const shift = Number(exponentText) + digits - fraction.length
  const unscaled = `${whole}${fraction}`.replace(/^0+(?=\d)/, '')
  if (unscaled === '0') return 0n
  if (unscaled.length + shift > 18) return undefined
  if (shift >= 0) return BigInt(`${sign}${unscaled}${'0'.repeat(shift)}`)
  const kept = unscaled.slice(0, shift) || '0'
  const cut = unscaled.slice(shift)
  if (/[^0]/.test(cut)) return undefined
  return BigInt(`${sign}${kept}`)
}

/** Minor units as the decimal text a person reads: 5250n → `"52.50"`, −5n → `"-0.05"`. */
export function formatMinor(minor: bigint, currency: string): string {
  const digits = currencyDigits(currency) ?? DIGITS_UNLESS_KNOWN
  const magnitude = (minor < 0n ? -minor : minor).toString().padStart(digits + 1, '0')
  const point = magnitude.length - digits
  return `${minor < 0n ? '-' : ''}${magnitude.slice(0, point)}.${magnitude.slice(point)}`
}

/** The same with its currency, as sentences and plain-text journals have it: 5250n → `"52.50 CAD"`. */
export const moneyText = (minor: bigint, currency: string): string => `${formatMinor(minor, currency)} ${currency}`
