import { assign, type Edge } from './assign.ts'
import type { Expectation } from './expectations.ts'
import {
  compareCharges,
  compareExpectations,
  costOf,
  distanceMs,
  distinctCharges,
  firstFrom,
  gapMs,
  isSameKind,
  RANK_COST,
  rankOf,
  seconds,
  sumRankOf,
} from './fit.ts'
import type { ChargeRow, RecurringSettings } from './sides.ts'

/** By what a charge was found to be a payment's own. */
export type MatchRule =
  /** One of the payment's sums, within the window around its processing. */
  | 'amount_and_time'
  /** One of its sums, around its due day: when it was processed is not known. */
  | 'amount_and_day'
  /** One of its sums right beside its processing, where its method or terminal, changed since, would not have it now. */
  | 'amount_elsewhere'
  /** Alone beside its processing, with another amount that the settings tolerate. */
  | 'amount_tolerated'
  /** A decline of that sum between the due day and the last try. */
  | 'declined_try'

/** `high`: close to its processing and nothing else fits; `medium`: within the window; `low`: around the day only. */
export type Confidence = 'high' | 'medium' | 'low'

export interface Match {
  readonly expectation: Expectation
  readonly charge: ChargeRow
  readonly rule: MatchRule
  readonly confidence: Confidence
  /** Another payment's charge could stand in its place: right in sum, and no claim about which is which. */
  readonly isInterchangeable: boolean
}

/** A charge beyond those that are expected, which equals the one that a payment has. */
export interface Surplus {
  readonly expectation: Expectation
  readonly charge: ChargeRow
  /** `duplicated`: made together with the other one; `ambiguous`: a second charge or a purchase, nothing tells. */
  readonly kind: 'duplicated' | 'ambiguous'
  /** The one it equals; null when neither is closer to the payment, so that none is taken. */
  readonly match: Match | null
  readonly twin: ChargeRow
}

/** Where nothing has the right amount, what stands alone in the right place; or what cannot be told apart there. */
export interface NearMiss {
  readonly expectation: Expectation
  readonly charges: readonly ChargeRow[]
  readonly kind: 'differs' | 'ambiguous'
}

export interface Matching {
  readonly matches: readonly Match[]
  readonly surplus: readonly Surplus[]
  readonly nearMisses: readonly NearMiss[]
}

/**
 * Matches the payments of one customer with the charges made to that customer: each charge is used once, as many
 * payments as possible get one, and among equal solutions the closest in time is taken. What is given in another order
 * gives the same result: both sides are sorted before.
 */
export function matchCharges(
  given: { expectations: readonly Expectation[]; charges: readonly ChargeRow[] },
  settings: RecurringSettings,
): Matching {
  const expectations = given.expectations.toSorted(compareExpectations)
  const charges = distinctCharges(given.charges).toSorted(compareCharges)
  const approved = charges.filter(({ outcome }) => outcome !== 'declined')
  const used = new Set<ChargeRow>()

  const exact = matchExactly(
    expectations.filter(({ state, processedAt }) => state === 'approved' && processedAt !== null),
    approved,
    settings,
  )
  for (const { charge } of exact.matches) used.add(charge)
  const surplus = surplusOf(
    exact,
    approved.filter((charge) => charge.outcome === 'approved' && !used.has(charge)),
    settings,
  )
  const released = new Set(surplus.filter(({ match }) => match === null).map(({ expectation }) => expectation))
  for (const { charge } of surplus) used.add(charge)

  const taken = new Set(exact.matches.map(({ expectation }) => expectation))
  const elsewhere = matchElsewhere(
    expectations.filter((one) => one.state === 'approved' && one.mayBeElsewhere && !taken.has(one)),
    approved.filter((charge) => !used.has(charge)),
    settings,
  )
  for (const { charge } of elsewhere) used.add(charge)
  const matches = [...exact.matches.filter(({ expectation }) => !released.has(expectation)), ...elsewhere]

  const matched = new Set([...matches.map(({ expectation }) => expectation), ...released])
  const nearMisses = nearMissesOf(
    expectations.filter((one) => one.state === 'approved' && one.processedAt !== null && !matched.has(one)),
    approved.filter((charge) => !used.has(charge)),
    settings,
  )
  for (const charge of nearMisses.flatMap((miss) => miss.charges)) used.add(charge)

  const byDay = matchByDay(
    expectations.filter(({ state, processedAt }) => state === 'due' || (state === 'approved' && processedAt === null)),
    approved.filter((charge) => !used.has(charge)),
  )
  const declines = matchDeclines(
    expectations,
    charges.filter((charge) => charge.outcome !== 'approved' && !used.has(charge)),
    new Set(matches.map(({ charge }) => charge)),
  )
  return { matches: [...matches, ...byDay, ...declines], surplus, nearMisses }
}

interface Exact {
  readonly matches: readonly Match[]
  /** Which payments each charge would have fitted. */
  readonly fitting: ReadonlyMap<ChargeRow, readonly Expectation[]>
}

function matchExactly(
  expectations: readonly Expectation[],
  charges: readonly ChargeRow[],
  settings: RecurringSettings,
): Exact {
  const edges: Edge[] = []
  const fitting = new Map<ChargeRow, Expectation[]>()
  for (const [left, expectation] of expectations.entries()) {
    const { from, until } = expectation.window
    for (let right = firstFrom(charges, from); right < charges.length; right += 1) {
      const charge = charges[right]
      if (!charge || charge.createdAt > until) break
      const rank = rankOf(expectation, charge)
      if (rank === -1) continue
      edges.push({ left, right, cost: costOf(expectation, charge, rank, settings) })
      const known = fitting.get(charge)
      if (known) known.push(expectation)
      else fitting.set(charge, [expectation])
    }
  }
  const pairs = pairsOf(edges, expectations, charges)
  const matches = pairs.map((pair): Match => {
    const isNear = distanceMs(pair) <= settings.nearMs
    const isInterchangeable = pairs.some((other) => other !== pair && isSwappable(pair, other, fitting))
    return {
      ...pair,
      rule: 'amount_and_time',
      confidence: isNear && !isInterchangeable ? 'high' : 'medium',
      isInterchangeable,
    }
  })
  return { matches, fitting }
}

interface Pair {
  readonly expectation: Expectation
  readonly charge: ChargeRow
}

const pairsOf = (edges: readonly Edge[], expectations: readonly Expectation[], charges: readonly ChargeRow[]): Pair[] =>
  [...assign(edges)].flatMap(([left, right]) => {
    const expectation = expectations[left]
    const charge = charges[right]
    return expectation && charge ? [{ expectation, charge }] : []
  })

/** Equal charges of equal payments may change places. */
function isSwappable(one: Pair, other: Pair, fitting: Exact['fitting']): boolean {
  const fits = (charge: ChargeRow, expectation: Expectation) => fitting.get(charge)?.includes(expectation) === true
  return (
    one.charge.amountMinor === other.charge.amountMinor &&
    fits(one.charge, other.expectation) &&
    fits(other.charge, one.expectation)
  )
}

/** Charges that nobody expected and that equal the one a payment has. */
function surplusOf({ matches, fitting }: Exact, left: readonly ChargeRow[], settings: RecurringSettings): Surplus[] {
  const found: Surplus[] = []
  for (const charge of left) {
    const fits = fitting.get(charge) ?? []
    const twins = matches
      .filter((match) => match.charge.amountMinor === charge.amountMinor && fits.includes(match.expectation))
      .filter((match) => !isPurchase(charge, match.charge))
      .toSorted((a, b) => gapMs(a.charge, charge) - gapMs(b.charge, charge))
    const [match] = twins
    if (!match) continue
    const isTogether = gapMs(match.charge, charge) <= settings.duplicateMs
    // Where neither stands close to the processing, and they are not one event, either may be the payment's own.
    const isTaken = isTogether || distanceMs(match) <= settings.nearMs
    found.push({
      expectation: match.expectation,
      charge,
      kind: isTogether ? 'duplicated' : 'ambiguous',
      match: isTaken ? match : null,
      twin: match.charge,
    })
  }
  return found
}

/**
 * Charges of after a payment's window that equal its own: a billing run that ran again the next night takes it once more, and
 * nothing tells that from a purchase.
 * @param left those that nothing else claims
 */
export function repeatsOf(
  matches: readonly Match[],
  left: readonly ChargeRow[],
  { repeatMs }: RecurringSettings,
): Surplus[] {
  const own = matches.filter(({ rule }) => rule === 'amount_and_time' || rule === 'amount_elsewhere')
  return left.flatMap((charge): Surplus[] => {
    const [match] = own
      .filter(({ expectation, charge: taken }) => {
        const until = (expectation.processedAt ?? Number.NEGATIVE_INFINITY) + repeatMs
        const isInside = charge.createdAt > expectation.window.until && charge.createdAt <= until
        const isAlike = charge.amountMinor === taken.amountMinor && charge.cardNumber === taken.cardNumber
        return isInside && isAlike && !charge.isByHand && isSameKind(expectation, charge)
      })
      .toSorted((a, b) => gapMs(a.charge, charge) - gapMs(b.charge, charge))
    return match ? [{ expectation: match.expectation, charge, kind: 'ambiguous', match, twin: match.charge }] : []
  })
}

/** Told apart from a billing run's charge: made by hand, or with another card. */
const isPurchase = (charge: ChargeRow, own: ChargeRow): boolean =>
  (charge.isByHand && !own.isByHand) ||
  (charge.cardNumber !== null && own.cardNumber !== null && charge.cardNumber !== own.cardNumber)

/**
 * What was charged before somebody moved the subscription or its plan to another method or terminal: only seconds from the
 * processing, and not by hand, since nothing else tells that it is the payment's own.
 */
function matchElsewhere(
  expectations: readonly Expectation[],
  charges: readonly ChargeRow[],
  { nearMs }: RecurringSettings,
): Match[] {
  const edges = expectations.flatMap((expectation, left) =>
    charges.flatMap((charge, right) => {
      const rank = charge.isByHand ? -1 : sumRankOf(expectation, charge)
      const distance = distanceMs({ expectation, charge })
      return rank === -1 || distance > nearMs ? [] : [{ left, right, cost: rank * RANK_COST + seconds(distance) }]
    }),
  )
  return pairsOf(edges, expectations, charges).map(
    (pair): Match => ({ ...pair, rule: 'amount_elsewhere', confidence: 'low', isInterchangeable: false }),
  )
}

/**
 * The pass without amounts: right beside the processing of a payment that has no charge stands one that nobody claims.
 * Alone with it, it is its charge with another amount.
 */
function nearMissesOf(
  expectations: readonly Expectation[],
  charges: readonly ChargeRow[],
  settings: RecurringSettings,
): NearMiss[] {
  const isBeside = (expectation: Expectation, charge: ChargeRow) =>
    charge.outcome === 'approved' &&
    !charge.isByHand &&
    isSameKind(expectation, charge) &&
    distanceMs({ expectation, charge }) <= settings.nearMs
  const misses: NearMiss[] = []
  for (const expectation of expectations) {
    const beside = charges.filter((charge) => isBeside(expectation, charge))
    const [charge] = beside
    if (!charge) continue
    const isAlone = beside.length === 1 && expectations.every((one) => one === expectation || !isBeside(one, charge))
    misses.push({ expectation, charges: beside, kind: isAlone ? 'differs' : 'ambiguous' })
  }
  return misses
}

function matchByDay(expectations: readonly Expectation[], charges: readonly ChargeRow[]): Match[] {
  const edges = expectations.flatMap((expectation, left) =>
    charges.flatMap((charge, right) => {
      const { from, until } = expectation.window
      const isInside = charge.createdAt >= from && charge.createdAt < until && charge.outcome === 'approved'
      const rank = isInside && !charge.isByHand ? rankOf(expectation, charge) : -1
      const middle = (from + until) / 2
      return rank === -1 ? [] : [{ left, right, cost: rank * RANK_COST + seconds(charge.createdAt - middle) }]
    }),
  )
  return pairsOf(edges, expectations, charges).map(
    (pair): Match => ({ ...pair, rule: 'amount_and_day', confidence: 'low', isInterchangeable: false }),
  )
}

const DAY_MS = 86_400_000

/** Ties declines to the payments that were tried: as many as Helcim counts tries, each to the nearest in time. */
function matchDeclines(
  expectations: readonly Expectation[],
  declines: readonly ChargeRow[],
  used: ReadonlySet<ChargeRow>,
): Match[] {
  const left = new Map(
    expectations
      .filter(({ state, processedAt }) => state !== 'due' && processedAt !== null)
      .map((one) => [one, one.state === 'approved' ? one.countRetries : one.countRetries + 1]),
  )
  const matches: Match[] = []
  for (const charge of declines) {
    if (used.has(charge)) continue
    let nearest: Expectation | null = null
    for (const [expectation, capacity] of left) {
      const { processedAt, dueOn, window } = expectation
      if (capacity === 0 || processedAt === null || rankOf(expectation, charge) === -1) continue
      const from = dueOn === null ? window.from : Math.min(window.from, Date.parse(`${dueOn}T00:00:00Z`) - DAY_MS)
      if (charge.createdAt < from || charge.createdAt > window.until) continue
      const isNearer =
        nearest === null || distanceMs({ expectation, charge }) < distanceMs({ expectation: nearest, charge })
      if (isNearer) nearest = expectation
    }
    if (nearest === null) continue
    left.set(nearest, (left.get(nearest) ?? 1) - 1)
    matches.push({
      expectation: nearest,
      charge,
      rule: 'declined_try',
      confidence: 'medium',
      isInterchangeable: false,
    })
  }
  return matches
}
