import type { Instant } from '../clock.ts'
import type { Expectation } from './expectations.ts'
import type { ChargeRow, RecurringSettings } from './sides.ts'

/** Everything necessary but time: currency, where the money comes in, and the plan's terminal. */
export function isSameKind({ currency, vias, terminalId }: Expectation, charge: ChargeRow): boolean {
  if (charge.currency !== currency || !vias.includes(charge.via)) return false
  return terminalId === null || charge.terminalId === null || charge.terminalId === terminalId
}

/** Which of a payment's sums a charge is, with its fees or without; −1: none. */
export function rankOf(expectation: Expectation, charge: ChargeRow): number {
  return isSameKind(expectation, charge) ? sumRankOf(expectation, charge) : -1
}

/** The same wherever the charge stands. */
export function sumRankOf(expectation: Expectation, charge: ChargeRow): number {
  if (charge.currency !== expectation.currency) return -1
  const plain = expectation.sumsMinor.indexOf(charge.amountMinor)
  if (plain !== -1 || charge.feesMinor === 0n) return plain
  return expectation.sumsMinor.indexOf(charge.amountMinor - charge.feesMinor)
}

/** Weights by which pairs are compared: nearness before hints, hints before the likelier sum, that before time. */
const FAR_COST = 1e9
const HINT_COST = 2e8
export const RANK_COST = 1e7

export function costOf(
  expectation: Expectation,
  charge: ChargeRow,
  rank: number,
  { nearMs }: RecurringSettings,
): number {
  const distance = distanceMs({ expectation, charge })
  const hints = Number(charge.isByHand) + Number(charge.outcome !== 'approved')
  return Number(distance > nearMs) * FAR_COST + hints * HINT_COST + rank * RANK_COST + seconds(distance)
}

export const seconds = (ms: number): number => Math.floor(Math.abs(ms) / 1000)

export const distanceMs = ({ expectation, charge }: { expectation: Expectation; charge: ChargeRow }): number =>
  expectation.processedAt === null ? Number.POSITIVE_INFINITY : Math.abs(charge.createdAt - expectation.processedAt)

export const gapMs = (one: ChargeRow, other: ChargeRow): number => Math.abs(one.createdAt - other.createdAt)

export const compareExpectations = (a: Expectation, b: Expectation): number =>
  compareIds(a.subscriptionId, b.subscriptionId) || a.paymentNumber - b.paymentNumber

export const compareCharges = (a: ChargeRow, b: ChargeRow): number =>
  a.createdAt - b.createdAt ||
  (a.via === b.via ? 0 : a.via < b.via ? -1 : 1) ||
  compareIds(a.transactionId, b.transactionId)

const compareIds = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

/** A charge that was handed over twice is one. */
export const distinctCharges = (charges: readonly ChargeRow[]): ChargeRow[] => [
  ...new Map(charges.map((charge) => [`${charge.via} ${charge.transactionId}`, charge])).values(),
]

/** The first place, in charges sorted by time, that is not before `from`. */
export function firstFrom(charges: readonly ChargeRow[], from: Instant): number {
  let low = 0
  let high = charges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((charges[middle]?.createdAt ?? 0) < from) low = middle + 1
    else high = middle
  }
  return low
}
