import type { BusinessDate } from './calendar.ts'
import type { Instant } from './clock.ts'

export const INPUT_OUTCOMES = ['matched', 'found', 'waiting'] as const
export type InputOutcome = (typeof INPUT_OUTCOMES)[number]

/** What came of what went in, in one currency: in all = matched + found + waiting. */
export interface InputSums {
  readonly currency: string
  readonly minor: bigint
  readonly count: number
  readonly minors: Readonly<Record<InputOutcome, bigint>>
  readonly counts: Readonly<Record<InputOutcome, number>>
}

/** Approved transactions of one currency that end in the same way; `count` and `minor` may be taken away by a minus. */
export interface InputPart {
  readonly currency: string
  readonly outcome: InputOutcome
  readonly count: number
  readonly minor: bigint
}

/** Adds parts up by currency, in the order of their codes. */
export function sumInputs(parts: readonly InputPart[]): InputSums[] {
  const sums = new Map<string, InputSums>()
  for (const { currency, outcome, count, minor } of parts) {
    const before = sums.get(currency) ?? { currency, minor: 0n, count: 0, ...NOTHING }
    sums.set(currency, {
      currency,
      minor: before.minor + minor,
      count: before.count + count,
      minors: { ...before.minors, [outcome]: before.minors[outcome] + minor },
      counts: { ...before.counts, [outcome]: before.counts[outcome] + count },
    })
  }
  return [...sums.values()].filter(({ count }) => count > 0).toSorted((a, b) => (a.currency < b.currency ? -1 : 1))
}

const NOTHING = { minors: { matched: 0n, found: 0n, waiting: 0n }, counts: { matched: 0, found: 0, waiting: 0 } }

/** What a run went by. */
export interface RunEvidence {
  readonly historyFrom: BusinessDate
  /** Whether any day of bank payments was read: without one nothing is known of them, and no reading is awaited. */
  readonly isAchReadable: boolean
  /** Approved card transactions of the batches that it judged. */
  readonly cards: readonly InputSums[]
  /** When each list or run of days was last proved; null: never. */
  readonly freshness: readonly { readonly resource: string; readonly provedAt: Instant | null }[]
  /** Days of card transactions that were not read completely since they were over. */
  readonly countMissingDays: number
  /** Lists that were not read completely for longer than their limit: what only absence would prove waits. */
  readonly staleResources: readonly string[]
}
