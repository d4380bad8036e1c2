import { BATCH_AMOUNTS, type BatchAmounts, type BatchCounts, type BatchStatistics } from './card-batch.ts'
import { hasReading, type ReverseGroup, readingsOf } from './reverse-readings.ts'

/** How often transactions of one type stand in a batch, by outcome; `unknown` outcomes count in the total only. */
export interface TypeCounts {
  readonly approved: number
  readonly declined: number
  readonly unknown: number
}

/** What our rows say about a batch. Amounts are of approved rows, minor units. */
export interface BatchRows {
  readonly salesMinor: bigint
  readonly refundsMinor: bigint
  readonly reverseGroups: readonly ReverseGroup[]
  readonly counts: {
    readonly preauth: TypeCounts
    readonly verify: TypeCounts
    readonly other: TypeCounts
  }
}

/**
 * Which types enter Helcim's three counts is not documented; each rule is a guess that closed batches confirm or not.
 * The first that fits best is taken.
 */
export const COUNT_RULES = ['all', 'without_verify', 'without_preauth', 'without_preauth_and_verify'] as const
export type CountRule = (typeof COUNT_RULES)[number]

export type BatchFigure = (typeof BATCH_AMOUNTS)[number]

export interface FigureDifference {
  readonly figure: BatchFigure
  /** What Helcim states. */
  readonly statedMinor: bigint
  /** What its rows add up to. */
  readonly summedMinor: bigint
}

export interface TieOut {
  readonly figures: readonly FigureDifference[]
  /** null when the counts agree, or are not compared because no rule is known yet. */
  readonly counts: { readonly stated: BatchCounts; readonly counted: BatchCounts } | null
}

/** Compares what Helcim states about a batch with what its rows add up to. Each figure is checked by itself. */
export function tieOut(stated: BatchStatistics, rows: BatchRows, rule: CountRule | null): TieOut {
  const summed = sumsOf(rows, stated.amounts)
  const figures = BATCH_AMOUNTS.filter((figure) => stated.amounts[figure] !== summed[figure]).map((figure) => ({
    figure,
    statedMinor: stated.amounts[figure],
    summedMinor: summed[figure],
  }))
  const counted = rule === null ? null : countsOf(rows, rule)
  return {
    figures,
    counts: counted === null || isSameCounts(counted, stated.counts) ? null : { stated: stated.counts, counted },
  }
}

/**
 * Whether `tieOut` finds no difference, told without looking for the reading that differs least. Where very many reverses can
 * be read in several ways both may overlook one that agrees.
 */
export function tiesOut({ amounts, counts }: BatchStatistics, rows: BatchRows, rule: CountRule | null): boolean {
  const { net, sales, refunds, reversed, refundsReversed } = amounts
  if (sales !== rows.salesMinor || refunds !== rows.refundsMinor) return false
  if (net !== sales - refunds - reversed + refundsReversed) return false
  return (rule === null || isCountedBy(rule, rows, counts)) && hasReading(rows.reverseGroups, amounts)
}

/** The counts that Helcim would state for these rows if `rule` were how it counts. */
export function countsOf({ counts }: BatchRows, rule: CountRule): BatchCounts {
  const arePreauthsCounted = isTypeCounted(rule, 'preauth')
  const areVerifiesCounted = isTypeCounted(rule, 'verify')
  const sum = (key: keyof TypeCounts) =>
    counts.other[key] + (arePreauthsCounted ? counts.preauth[key] : 0) + (areVerifiesCounted ? counts.verify[key] : 0)
  return {
    total: sum('approved') + sum('declined') + sum('unknown'),
    approved: sum('approved'),
    declined: sum('declined'),
  }
}

/** Whether rows of this type enter the counts by this rule. */
export function isTypeCounted(rule: CountRule, type: string): boolean {
  if (type === 'preauth') return rule === 'all' || rule === 'without_verify'
  return type !== 'verify' || rule === 'all' || rule === 'without_preauth'
}

/** Whether `stated` is what Helcim would count for these rows by this rule. */
export const isCountedBy = (rule: CountRule, rows: BatchRows, stated: BatchCounts): boolean =>
  isSameCounts(countsOf(rows, rule), stated)

const isSameCounts = (a: BatchCounts, b: BatchCounts): boolean =>
  a.total === b.total && a.approved === b.approved && a.declined === b.declined

/** Fewer agreeing closed batches than this prove nothing: no count is alarmed until there are as many. */
const AGREEING_MIN = 2

export interface Calibration {
  readonly rule: CountRule
  readonly countAgreeing: number
  readonly countTested: number
}

/**
 * Learns from closed batches which types enter the counts. Sound ones, whose money agrees, decide: where a row is missing,
 * its count would teach the wrong rule. The others only break ties.
 * @returns null while there is too little to learn from
 */
export function calibrateCounts(
  batches: readonly { readonly stated: BatchCounts; readonly rows: BatchRows; readonly isSound: boolean }[],
): Calibration | null {
  const sound = batches.filter(({ isSound }) => isSound)
  const candidates = COUNT_RULES.map((rule) => {
    const agreeing = batches.filter(({ stated, rows }) => isCountedBy(rule, rows, stated))
    return { rule, countAgreeing: agreeing.filter(({ isSound }) => isSound).length, countAll: agreeing.length }
  })
  const [best] = candidates.toSorted((a, b) => b.countAgreeing - a.countAgreeing || b.countAll - a.countAll)
  if (!best || best.countAgreeing < AGREEING_MIN) return null
  return { rule: best.rule, countAgreeing: best.countAgreeing, countTested: sound.length }
}

/**
 * The five figures from rows. Reverses whose original cannot be told are read in the way that contradicts Helcim's
 * figures least: a difference is only alarmed if no reading of the rows explains it.
 * `net = sales − refunds − reversed + refundsReversed` (inferred from published figures, API.md §6).
 */
function sumsOf(rows: BatchRows, stated: BatchAmounts): BatchAmounts {
  const { salesMinor: sales, refundsMinor: refunds } = rows
  let best: { amounts: BatchAmounts; differing: number; distance: bigint } | null = null
  for (const { reversed, refundsReversed } of readingsOf(rows.reverseGroups, stated)) {
    const net = sales - refunds - reversed + refundsReversed
    const amounts = { net, sales, refunds, reversed, refundsReversed }
    const differing = BATCH_AMOUNTS.filter((figure) => amounts[figure] !== stated[figure]).length
    const distance = magnitude(reversed - stated.reversed) + magnitude(refundsReversed - stated.refundsReversed)
    if (!best || differing < best.differing || (differing === best.differing && distance < best.distance)) {
      best = { amounts, differing, distance }
    }
  }
  if (!best) throw new Error('a batch has no reading of its reverses')
  return best.amounts
}

const magnitude = (minor: bigint): bigint => (minor < 0n ? -minor : minor)
