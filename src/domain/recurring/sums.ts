import type { CustomerJudgement, Outcome } from './judge.ts'

/** What came of the payments that should have been charged, in one currency: expected = matched + found + waiting. */
export interface RecurringSums {
  readonly currency: string
  readonly expectedMinor: bigint
  readonly countExpected: number
  readonly minors: Readonly<Record<Outcome, bigint>>
  readonly counts: Readonly<Record<Outcome, number>>
}

const NOTHING = {
  expectedMinor: 0n,
  countExpected: 0,
  minors: { matched: 0n, found: 0n, waiting: 0n },
  counts: { matched: 0, found: 0, waiting: 0 },
}

/** Adds one customer's payments to the sums of their currencies. */
export function addToSums(sums: Map<string, RecurringSums>, { outcomes }: CustomerJudgement): void {
  for (const { expectation, outcome } of outcomes) {
    const { currency, expectedMinor } = expectation
    const before = sums.get(currency) ?? { currency, ...NOTHING }
    sums.set(currency, {
      currency,
      expectedMinor: before.expectedMinor + expectedMinor,
      countExpected: before.countExpected + 1,
      minors: { ...before.minors, [outcome]: before.minors[outcome] + expectedMinor },
      counts: { ...before.counts, [outcome]: before.counts[outcome] + 1 },
    })
  }
}
