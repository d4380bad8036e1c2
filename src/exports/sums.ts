import { currencyDigits, DIGITS_UNLESS_KNOWN, formatMinor } from '../domain/money.ts'
import type { Control } from './control.ts'

/** Sums of money columns by currency, of rows that mostly have the currency of the row before. */
export interface Sums {
  /** Begins a row of the currency that the bytes name; none is `''`. */
  enter(bytes: Buffer, start: number, end: number): void
  /** Digits after the point of the row's currency. */
  digits(): number
  currency(): string
  add(column: number, minor: number | bigint): void
  /** Columns without any amount are left out, and so are currencies without such a column. */
  result(): Control['sums']
}

interface CurrencyTotals {
  readonly currency: string
  readonly name: Buffer
  readonly digits: number
  /** By column; `undefined` until there is an amount. */
  readonly totals: (bigint | undefined)[]
  /** Not in `totals` yet: adding small integers is quick. */
  readonly pending: number[]
}

const PENDING_MAX = 2 ** 52

/** @param names of the money columns, which `add` knows by their index */
export function createSums(names: readonly string[]): Sums {
  const byCurrency = new Map<string, CurrencyTotals>()
  const totalsOf = (currency: string): CurrencyTotals => {
    const known = byCurrency.get(currency)
    if (known) return known
    const digits = currencyDigits(currency) ?? DIGITS_UNLESS_KNOWN
    const made = { currency, name: Buffer.from(currency), digits, totals: [], pending: names.map(() => 0) }
    byCurrency.set(currency, made)
    return made
  }
  let current = totalsOf('')
  const settle = ({ totals, pending }: CurrencyTotals, column: number) => {
    const total = totals[column]
    if (total === undefined) return
    totals[column] = total + BigInt(pending[column] ?? 0)
    pending[column] = 0
  }
  return {
    enter(bytes, start, end) {
      if (!isEqual(current.name, bytes, start, end)) current = totalsOf(bytes.toString('utf8', start, end))
    },
    digits: () => current.digits,
    currency: () => current.currency,
    add(column, minor) {
      const { totals, pending } = current
      totals[column] ??= 0n
      if (typeof minor === 'bigint') {
        totals[column] += minor
        return
      }
      const sum = (pending[column] as number) + minor
      pending[column] = sum
      if (Math.abs(sum) > PENDING_MAX) settle(current, column)
    },
    result() {
      const sums: Control['sums'] = {}
      for (const currency of [...byCurrency.keys()].sort()) {
        const one = totalsOf(currency)
        names.forEach((_, column) => {
          settle(one, column)
        })
        const amounts = names.flatMap((name, column) => {
          const total = one.totals[column]
          return total === undefined ? [] : [[name, formatMinor(total, currency)] as const]
        })
        if (amounts.length > 0) sums[currency] = Object.fromEntries(amounts)
      }
      return sums
    },
  }
}

function isEqual(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false
  for (let at = 0; at < name.length; at += 1) if (name[at] !== bytes[start + at]) return false
  return true
}
