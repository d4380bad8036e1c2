import type { HelcimId } from '../record.ts'
import { type CardRow, compareRows, mayBeSameCard } from './rows.ts'

export type RefundFinding =
  | { readonly code: 'refund_without_original'; readonly refund: CardRow }
  | {
      readonly code: 'refund_exceeds_original'
      readonly original: CardRow
      /** All that were given back of it, and what was no longer left to give back. */
      readonly refunds: readonly CardRow[]
      /** More sales than this one may be meant: which was refunded too much is not told, only that one was. */
      readonly isOneOfSeveral: boolean
    }

export interface RefundJudgement {
  /** Original of each refund that has one; inferred wherever no row names it. */
  readonly originals: ReadonlyMap<HelcimId, CardRow>
  readonly findings: readonly RefundFinding[]
  /** Refunds of which more reading would tell. */
  readonly waiting: readonly CardRow[]
  /** Sales of which those among them may be too much: what was said of them stands until then. */
  readonly heldIds: readonly HelcimId[]
}

/** More steps than this are not searched: what is undecided by then waits. */
const STEPS_MAX = 20_000

/**
 * Finds the sales that refunds of one card and currency gave back: the one that a refund names by id or invoice, else any
 * earlier one, settled by then, of at least its amount. All refunds of the card are assigned together, so that partial
 * ones that add up are innocent; only what no assignment explains is found. Voided rows are not handed over.
 * @param isProved whether every sale that can be this refund's own would have been read
 * @param isDecided whether every row that can have voided this refund would have been read
 */
export function judgeRefunds(
  { sales, refunds }: { readonly sales: readonly CardRow[]; readonly refunds: readonly CardRow[] },
  isProved: (refund: CardRow) => boolean,
  isDecided: (refund: CardRow) => boolean = () => true,
): RefundJudgement {
  const choices = refunds
    .map((refund) => ({ refund, candidates: candidatesOf(refund, sales) }))
    .toSorted(
      (a, b) =>
        a.candidates.length - b.candidates.length ||
        compareAmounts(b.refund.amountMinor, a.refund.amountMinor) ||
        compareRows(a.refund, b.refund),
    )
  const orphans = choices.filter(({ candidates }) => candidates.length === 0).map(({ refund }) => refund)
  const others = choices.filter(({ candidates }) => candidates.length > 0)
  const { assigned, overflow, isComplete } = assign(others)
  const findings: RefundFinding[] = []
  const waiting: RefundJudgement['waiting'][number][] = []
  for (const refund of orphans) {
    if (isProved(refund) && isDecided(refund)) findings.push({ code: 'refund_without_original', refund })
    else waiting.push(refund)
  }
  const heldIds: HelcimId[] = []
  /** One that was only inferred may turn out to be of a sale that is still to be read. */
  const isPlaced = (refund: CardRow, original: CardRow | undefined) => isTold(refund, original) || isProved(refund)
  const exceeded = new Map<HelcimId, { original: CardRow; beyond: CardRow[]; isOneOfSeveral: boolean }>()
  for (const { refund, candidates } of overflow) {
    const [original] = candidates
    if (!original || !isComplete || !isPlaced(refund, original)) {
      waiting.push(refund)
      if (original) heldIds.push(original.transactionId)
      continue
    }
    const known = exceeded.get(original.transactionId)
    exceeded.set(original.transactionId, {
      original,
      beyond: [...(known?.beyond ?? []), refund],
      isOneOfSeveral: (known?.isOneOfSeveral ?? false) || candidates.length > 1,
    })
  }
  for (const { original, beyond, isOneOfSeveral } of exceeded.values()) {
    const own = others.filter(({ refund }) => assigned.get(refund.transactionId) === original)
    const all = [...own.map(({ refund }) => refund), ...beyond].toSorted(compareRows)
    const isSure = all.every((refund) => isDecided(refund) && isPlaced(refund, original))
    if (isSure) findings.push({ code: 'refund_exceeds_original', original, refunds: all, isOneOfSeveral })
    else {
      waiting.push(...beyond)
      heldIds.push(original.transactionId)
    }
  }
  return { originals: assigned, findings, waiting, heldIds }
}

interface Choice {
  readonly refund: CardRow
  /** The likeliest first. */
  readonly candidates: readonly CardRow[]
}

/** Sales that a refund can be of, the likeliest first: what it names; else any of its card, settled by then, of at least its amount. */
export function candidatesOf<T extends CardRow>(refund: CardRow, sales: readonly T[]): T[] {
  const earlier = sales.filter(
    (sale) =>
      compareRows(sale, refund) < 0 &&
      mayBeSameCard(sale, refund) &&
      (sale.batchClosedAt === null || sale.batchClosedAt <= refund.createdAt),
  )
  const named = earlier.filter((sale) => isTold(refund, sale))
  if (named.length > 0) return named.toSorted((a, b) => compareRows(b, a))
  return earlier
    .filter(({ amountMinor }) => amountMinor >= refund.amountMinor)
    .toSorted(
      (a, b) =>
        Number(b.amountMinor === refund.amountMinor) - Number(a.amountMinor === refund.amountMinor) ||
        compareAmounts(a.amountMinor, b.amountMinor) ||
        compareRows(b, a),
    )
}

/** A refund that names an invoice which no sale of the card has may name one of its own: then the name tells nothing. */
function isTold(refund: CardRow, sale: CardRow | undefined): boolean {
  if (!sale) return false
  if (refund.originalId !== null) return refund.originalId === sale.transactionId
  return refund.invoiceNumber !== null && refund.invoiceNumber === sale.invoiceNumber
}

/** Gives each refund one of its candidates while that has so much left; those left over when not all can have one. */
function assign(choices: readonly Choice[]): {
  assigned: Map<HelcimId, CardRow>
  overflow: Choice[]
  isComplete: boolean
} {
  const left = new Map<HelcimId, bigint>()
  for (const { candidates } of choices) for (const one of candidates) left.set(one.transactionId, one.amountMinor)
  const assigned = new Map<HelcimId, CardRow>()
  let steps = 0
  const take = ({ refund }: Choice, sale: CardRow, sign: 1n | -1n) => {
    left.set(sale.transactionId, (left.get(sale.transactionId) ?? 0n) - sign * refund.amountMinor)
    if (sign === 1n) assigned.set(refund.transactionId, sale)
    else assigned.delete(refund.transactionId)
  }
  const fits = ({ refund }: Choice, sale: CardRow) => (left.get(sale.transactionId) ?? 0n) >= refund.amountMinor
  const search = (place: number): boolean => {
    const choice = choices[place]
    if (!choice) return true
    for (const sale of choice.candidates) {
      steps += 1
      if (steps > STEPS_MAX) return false
      if (!fits(choice, sale)) continue
      take(choice, sale, 1n)
      if (search(place + 1)) return true
      take(choice, sale, -1n)
    }
    return false
  }
  if (search(0)) return { assigned, overflow: [], isComplete: true }
  // No assignment takes all: the likeliest first, in order of time, and what is left over is too much.
  const overflow: Choice[] = []
  for (const choice of choices.toSorted((a, b) => compareRows(a.refund, b.refund))) {
    const sale = choice.candidates.find((one) => fits(choice, one))
    if (sale) take(choice, sale, 1n)
    else overflow.push(choice)
  }
  return { assigned, overflow, isComplete: steps <= STEPS_MAX }
}

const compareAmounts = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)
