import type { BusinessDate } from './calendar.ts'
import type { Instant } from './clock.ts'
import type { ResourceName } from './pull.ts'
import { rereadMsMax } from './rhythm.ts'

/** `unbatched`: in no batch, so that nothing states its sum, and neither found nor waiting by itself. */
export const INPUT_OUTCOMES = ['matched', 'found', 'waiting', 'unbatched'] as const
export type InputOutcome = (typeof INPUT_OUTCOMES)[number]

/** What came of what went in, in one currency: in all = matched + found + waiting + unbatched. */
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

const NOTHING = {
  minors: { matched: 0n, found: 0n, waiting: 0n, unbatched: 0n },
  counts: { matched: 0, found: 0, waiting: 0, unbatched: 0 },
}

/** One input that does not end as its batch does, or as those in none. What its batch found is found as a whole. */
export function moveInput(
  input: { readonly currency: string; readonly minor: bigint },
  before: InputOutcome,
  outcome: 'found' | 'waiting',
): InputPart[] {
  if (before === outcome || before === 'found') return []
  const { currency, minor } = input
  return [
    { currency, outcome: before, count: -1, minor: -minor },
    { currency, outcome, count: 1, minor },
  ]
}

/** What the judgements and sums of a run rest on. */
export const INPUTS_OF = {
  cards: ['card_batch', 'card_transaction', 'card_terminal'],
  recurring: ['subscription', 'payment_plan', 'customer', 'card_transaction', 'ach_transaction', 'invoice'],
  invoices: ['invoice', 'card_transaction', 'ach_transaction'],
  ACH: ['ach_batch', 'ach_transaction'],
} as const satisfies Readonly<Record<string, readonly ResourceName[]>>

/** In the order in which they are said, each once. */
export const INPUT_RESOURCES: readonly ResourceName[] = [...new Set(Object.values(INPUTS_OF).flat())]

/** What rests on a resource, in words. */
export const restingOn = (resource: ResourceName): string[] =>
  Object.entries(INPUTS_OF).flatMap(([family, resources]) => (resources.some((one) => one === resource) ? family : []))

export type InputState = 'fresh' | 'stale' | 'not_permitted'

/** How fresh the mirror of a resource was when a run went by it. */
export interface InputFreshness {
  readonly resource: ResourceName
  /** When it was last proved; null: never. */
  readonly provedAt: Instant | null
  readonly state: InputState
}

/**
 * Stale is what its own rhythm should have read again, and did not for longer than `graceMs`. What this token never
 * could read is not: nothing of it is in any sum. What it could read once grows old like the rest.
 */
export function freshnessOfInput(
  proof: Omit<InputFreshness, 'state'> & { isPermitted: boolean; cardDaysCalls: number },
  { now, graceMs }: { now: Instant; graceMs: number },
): InputFreshness {
  const { resource, provedAt, isPermitted, cardDaysCalls } = proof
  if (provedAt === null) return { resource, provedAt, state: isPermitted ? 'stale' : 'not_permitted' }
  const limitMs = rereadMsMax(resource, cardDaysCalls) + graceMs
  return { resource, provedAt, state: now - provedAt > limitMs ? 'stale' : 'fresh' }
}

/** What a run went by. */
export interface RunEvidence {
  readonly historyFrom: BusinessDate
  /** Whether any day of bank payments was read: without one nothing is known of them, and no reading is awaited. */
  readonly isAchReadable: boolean
  /** Approved card transactions of the batches that it judged; of a full run, also those of the history in no batch. */
  readonly cards: readonly InputSums[]
  /** Approved bank payments, likewise. */
  readonly ach: readonly InputSums[]
  /** Of each list and run of days that a family rests on. */
  readonly freshness: readonly InputFreshness[]
  /** Days of card transactions that were not read completely since they were over. */
  readonly countMissingDays: number
  /** Of these the stale ones: what they do not hold yet is in no sum, and what only absence would prove waits. */
  readonly staleResources: readonly ResourceName[]
}
