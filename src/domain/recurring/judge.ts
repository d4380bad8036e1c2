import { startOfDay } from '../calendar.ts'
import { type Instant, toInstant } from '../clock.ts'
import { HELCIM_ZONE } from '../helcim-time.ts'
import { isOverdue, isProvedMissing, isReadSince, mayHaveFailed, mayHaveFees, overdueFrom } from './absence.ts'
import { type Expectation, expectationsOf, isBeforeScope } from './expectations.ts'
import { compareCharges, distinctCharges } from './fit.ts'
import { isBilling } from './former.ts'
import { type Match, type Matching, matchCharges, repeatsOf } from './match.ts'
import type { ChargeRow, CustomerSides, ReadingState, RecurringSettings, SubscriptionSide } from './sides.ts'
import { judgeTerms, type TermsFinding } from './terms.ts'
import { findUnexpected } from './unexpected.ts'
import { verdictOf } from './verdict.ts'

/** What one customer's payments and charges come to, before it is put into words. */
export type RecurringFinding =
  | { readonly code: 'charge_missing'; readonly expectation: Expectation }
  | {
      readonly code: 'charge_overdue'
      readonly expectation: Expectation
      /** One of its sum around its day, which looks like its own all the same; else null. */
      readonly charge: ChargeRow | null
    }
  | { readonly code: 'charge_failed'; readonly expectation: Expectation; readonly tries: readonly ChargeRow[] }
  | { readonly code: 'charge_amount_differs'; readonly expectation: Expectation; readonly charge: ChargeRow }
  | {
      readonly code: 'charge_duplicated'
      readonly expectation: Expectation
      /** The one that was expected, and those beyond it. */
      readonly charges: readonly ChargeRow[]
    }
  | {
      readonly code: 'charge_ambiguous'
      readonly subscription: SubscriptionSide
      readonly paymentNumber: number
      readonly currency: string
      readonly expectedMinor: bigint
      readonly charges: readonly ChargeRow[]
      /** Whether one of them is its own charge for certain, or none can be told to be. */
      readonly isOneTaken: boolean
      /** Whether what is asked is only since when the subscription has not been billed. */
      readonly isOfEnd: boolean
    }
  | {
      readonly code: 'charge_unexpected'
      readonly subscription: SubscriptionSide
      /** What the subscription was when it was charged. */
      readonly status: string
      readonly charge: ChargeRow
    }
  | TermsFinding

/** Where each payment that should have been charged ends; none ends in two. */
export type Outcome = 'matched' | 'found' | 'waiting'

/** Where an approved charge ends: `apart` is no subscription's, such as a purchase at the till. */
export type ChargeOutcome = Outcome | 'apart'

export interface CustomerJudgement {
  readonly customerCode: string
  readonly outcomes: readonly { readonly expectation: Expectation; readonly outcome: Outcome }[]
  readonly chargeOutcomes: readonly {
    readonly charge: ChargeRow
    readonly outcome: ChargeOutcome
    /** Whether a payment that expects it would have been read. */
    readonly isWhole: boolean
  }[]
  readonly matches: readonly Match[]
  readonly findings: readonly RecurringFinding[]
  /** Subscriptions of which one more reading would decide the figures. */
  readonly unsettledIds: readonly bigint[]
  /** When time alone can change what is said here; null: never. */
  readonly dueAt: Instant | null
}

/**
 * Judges everything that is known of one customer: what should have been charged against what was. Nothing is found that
 * only absence would prove before what is absent could have been read.
 */
export function judgeCustomer(
  sides: CustomerSides,
  reading: ReadingState,
  settings: RecurringSettings,
): CustomerJudgement {
  const subscriptions = sides.subscriptions.toSorted((a, b) => (a.subscriptionId < b.subscriptionId ? -1 : 1))
  const known = subscriptions.flatMap((one) => expectationsOf(one, reading, settings))
  const expectations = known.filter((one) => !isBeforeScope(one, reading))
  const all = matchCharges({ expectations: known, charges: sides.charges }, settings)
  // Of a payment before the scope it counts which charge is its own, and no more.
  const isJudged = ({ expectation }: { expectation: Expectation }) => !isBeforeScope(expectation, reading)
  const matching: Matching = {
    matches: all.matches,
    surplus: all.surplus.filter(isJudged),
    nearMisses: all.nearMisses.filter(isJudged),
  }
  const isWhole = (charge: ChargeRow) => subscriptions.every((one) => isReadSince(one, charge.createdAt, reading))
  const isMissing = (expectation: Expectation) =>
    isProvedMissing(expectation, reading, settings) &&
    !mayHaveFees(expectation, sides.charges, settings) &&
    !mayHaveFailed(expectation, sides.charges, reading)
  const verdict = verdictOf(matching, { isWhole, isMissing, settings })
  for (const expectation of expectations.filter((one) => isOverdue(one, reading, settings))) {
    const own = matching.matches.find((match) => match.expectation === expectation)
    verdict.find(expectation, { code: 'charge_overdue', expectation, charge: own?.charge ?? null })
  }
  for (const expectation of expectations) {
    if (verdict.isDecided(expectation)) continue
    if (expectation.state === 'declined' || expectation.state === 'failed') {
      const tries = matching.matches.filter((match) => match.expectation === expectation).map(({ charge }) => charge)
      verdict.find(expectation, { code: 'charge_failed', expectation, tries })
    } else if (isMissing(expectation)) {
      verdict.find(expectation, { code: 'charge_missing', expectation })
    }
  }
  const approved = distinctApproved(sides.charges)
  const free = approved.filter((charge) => !verdict.isSpoken(charge))
  const { matches } = matching
  const { defaultCard } = sides
  for (const { charge, finding } of findUnexpected(
    { subscriptions, charges: free, isWhole, matches, defaultCard },
    settings,
  )) {
    if (finding === null) verdict.wait(charge)
    else verdict.findCharge(charge, finding)
  }
  verdict.addSurplus(
    repeatsOf(
      matches,
      approved.filter((charge) => !verdict.isSpoken(charge)),
      settings,
    ).filter(isJudged),
  )
  const terms = subscriptions.map((one) => judgeTerms(one, defaultCard))
  const outcomes = expectations.map((expectation) => ({ expectation, outcome: verdict.outcomeOf(expectation) }))
  return {
    customerCode: sides.customerCode,
    outcomes,
    chargeOutcomes: approved.map((charge) => ({
      charge,
      outcome: verdict.chargeOutcomeOf(charge),
      isWhole: isWhole(charge),
    })),
    matches: [...matching.matches, ...verdict.tolerated()],
    findings: [...verdict.findings(), ...terms.flatMap(({ findings }) => findings)],
    unsettledIds: terms.flatMap(({ unsettledId }) => (unsettledId === null ? [] : [unsettledId])),
    dueAt: dueAtOf({ subscriptions, outcomes, isChargeWaiting: verdict.isChargeWaiting() }, reading, settings),
  }
}

function dueAtOf(
  given: {
    subscriptions: readonly SubscriptionSide[]
    outcomes: CustomerJudgement['outcomes']
    isChargeWaiting: boolean
  },
  { now }: ReadingState,
  settings: RecurringSettings,
): Instant | null {
  const instants: Instant[] = given.isChargeWaiting ? [now] : []
  for (const { expectation, outcome } of given.outcomes) {
    if (outcome === 'found' || (outcome === 'matched' && expectation.state !== 'due')) continue
    const { state, dueOn, processedAt, window } = expectation
    if (state === 'approved') instants.push(toInstant((processedAt ?? window.until) + settings.missingAfterMs))
    else if (dueOn !== null) instants.push(overdueFrom(dueOn, settings))
  }
  for (const subscription of given.subscriptions.filter(isBilling)) {
    const waiting = subscription.payments?.filter(({ status }) => status === 'waiting') ?? []
    const days = [...waiting.map(({ dueOn }) => dueOn), subscription.billingOn]
    for (const day of days) {
      const at = day === null ? null : startOfDay(day, HELCIM_ZONE)
      if (at !== null && at > now) instants.push(at)
    }
  }
  return instants.length === 0 ? null : toInstant(Math.min(...instants))
}

const distinctApproved = (charges: readonly ChargeRow[]): ChargeRow[] =>
  distinctCharges(charges.filter(({ outcome }) => outcome === 'approved')).toSorted(compareCharges)
