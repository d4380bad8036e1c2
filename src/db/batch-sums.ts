import type { BatchRows, TypeCounts } from '../domain/batch-tie-out.ts'

/** What the rows of a batch come to; amounts in minor units. */
export interface Sums {
  salesMinor: bigint
  refundsMinor: bigint
  reversesMinor: bigint
  countReverses: number
  /** Refunds and preauths, which a reverse can have voided as well as a sale. */
  countOtherOriginals: number
  readonly counts: Readonly<Record<keyof BatchRows['counts'], Record<keyof TypeCounts, number>>>
  readonly currencies: readonly string[]
  readonly money: Map<string, { count: number; minor: bigint }>
}

/** Approved rows of these moved money. */
export const MONEY_TYPES: readonly string[] = ['purchase', 'capture', 'refund', 'reverse']

/** Number and sum of the rows of each type, outcome and currency of a batch, as Postgres tells them. */
interface Groups {
  /** `[type, outcome, currency, number, sum]` of each, as JSON; null without rows. */
  readonly composition: string | null
  /** The sums again, in the same order, as text with commas: JSON would make doubles of them. */
  readonly amounts: string | null
  /** The terminal's; null when that is not mirrored. */
  readonly currency: string | null
}

/** Sums never cross currencies: a row in another one than the terminal's counts, but is in no figure. */
export function sumUp({ composition, amounts, currency: terminalCurrency }: Groups): Sums {
  const groups = JSON.parse(composition ?? '[]') as [type: string, outcome: string, currency: string, n: number][]
  const amountsMinor = amounts?.split(',').map(BigInt) ?? []
  const noRows = () => ({ approved: 0, declined: 0, unknown: 0 })
  const sums: Sums = {
    salesMinor: 0n,
    refundsMinor: 0n,
    reversesMinor: 0n,
    countReverses: 0,
    countOtherOriginals: 0,
    counts: { preauth: noRows(), verify: noRows(), other: noRows() },
    currencies: [...new Set(groups.map(([, , currency]) => currency))].sort(),
    money: new Map(),
  }
  for (const [index, [type, outcome, currency, n]] of groups.entries()) {
    const counts = type === 'preauth' || type === 'verify' ? sums.counts[type] : sums.counts.other
    if (outcome === 'approved' || outcome === 'declined' || outcome === 'unknown') counts[outcome] += n
    if (outcome === 'approved' && MONEY_TYPES.includes(type)) {
      const { count, minor } = sums.money.get(currency) ?? { count: 0, minor: 0n }
      sums.money.set(currency, { count: count + n, minor: minor + (amountsMinor[index] ?? 0n) })
    }
    if (outcome === 'approved' && (terminalCurrency === null || currency === terminalCurrency)) {
      addMoney(sums, type, n, amountsMinor[index] ?? 0n)
    }
  }
  return sums
}

function addMoney(sums: Sums, type: string, n: number, amountMinor: bigint): void {
  switch (type) {
    case 'purchase':
    case 'capture':
      sums.salesMinor += amountMinor
      break
    case 'refund':
      sums.refundsMinor += amountMinor
      sums.countOtherOriginals += n
      break
    case 'preauth':
      sums.countOtherOriginals += n
      break
    case 'reverse':
      sums.reversesMinor += amountMinor
      sums.countReverses += n
      break
  }
}
