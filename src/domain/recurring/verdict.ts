import { isTolerated } from '../check-rules.ts'
import type { Expectation } from './expectations.ts'
import { compareCharges, distinctCharges } from './fit.ts'
import type { ChargeOutcome, Outcome, RecurringFinding } from './judge.ts'
import type { Match, Matching, Surplus } from './match.ts'
import type { ChargeRow, RecurringSettings } from './sides.ts'

/** Collects where each payment and each charge ends, and sees that none ends twice. */
export function verdictOf(
  { matches, surplus, nearMisses }: Matching,
  context: {
    isWhole: (charge: ChargeRow) => boolean
    isMissing: (expectation: Expectation) => boolean
    settings: RecurringSettings
  },
) {
  const found: RecurringFinding[] = []
  const tolerated: Match[] = []
  const outcomeByExpectation = new Map<Expectation, Outcome>()
  const outcomeByCharge = new Map<ChargeRow, ChargeOutcome>()
  for (const { expectation, charge, rule } of matches) {
    if (rule === 'declined_try') continue
    outcomeByExpectation.set(expectation, 'matched')
    outcomeByCharge.set(charge, 'matched')
  }
  const addSurplus = (more: readonly Surplus[]) => {
    for (const [expectation, group] of groupByExpectation(more)) {
      const charges = [...new Set(group.flatMap(({ twin, charge }) => [twin, charge]))]
      const isCertain = charges.every(context.isWhole)
      const isTaken = group.every(({ match }) => match !== null)
      if (!isTaken) outcomeByExpectation.set(expectation, isCertain ? 'found' : 'waiting')
      for (const { charge } of group) outcomeByCharge.set(charge, isCertain ? 'found' : 'waiting')
      if (!isTaken) for (const { twin } of group) outcomeByCharge.set(twin, isCertain ? 'found' : 'waiting')
      if (!isCertain) continue
      const duplicates = group.filter(({ kind }) => kind === 'duplicated')
      if (duplicates.length > 0) {
        const own = duplicates.map(({ twin }) => twin).slice(0, 1)
        found.push({
          code: 'charge_duplicated',
          expectation,
          charges: [...own, ...duplicates.map(({ charge }) => charge)],
        })
      }
      if (duplicates.length < group.length) found.push(ambiguous(expectation, charges, isTaken))
    }
  }
  addSurplus(surplus)
  for (const { expectation, charges, kind } of nearMisses) {
    // Its true charge may still be on its way, and then the other one is none of its business.
    const isCertain = context.isMissing(expectation)
    outcomeByExpectation.set(expectation, isCertain ? 'found' : 'waiting')
    for (const charge of charges) outcomeByCharge.set(charge, isCertain ? 'found' : 'waiting')
    const [charge] = charges
    if (
      charge &&
      kind === 'differs' &&
      isTolerated(expectation.expectedMinor, charge.amountMinor, context.settings.tolerance)
    ) {
      outcomeByExpectation.set(expectation, 'matched')
      outcomeByCharge.set(charge, 'matched')
      tolerated.push({ expectation, charge, rule: 'amount_tolerated', confidence: 'medium', isInterchangeable: false })
      continue
    }
    if (!isCertain || !charge) continue
    if (kind === 'differs') found.push({ code: 'charge_amount_differs', expectation, charge })
    else found.push(ambiguous(expectation, charges, false))
  }
  return {
    isDecided: (expectation: Expectation) => outcomeByExpectation.has(expectation),
    tolerated: (): readonly Match[] => tolerated,
    isSpoken: (charge: ChargeRow) => outcomeByCharge.has(charge),
    isChargeWaiting: () => [...outcomeByCharge.values()].includes('waiting'),
    find(expectation: Expectation, finding: RecurringFinding) {
      outcomeByExpectation.set(expectation, 'found')
      found.push(finding)
    },
    findCharge(charge: ChargeRow, finding: RecurringFinding) {
      outcomeByCharge.set(charge, 'found')
      found.push(finding)
    },
    /** Charges beyond those that are expected, of which nothing else was said. */
    addSurplus,
    wait: (charge: ChargeRow) => void outcomeByCharge.set(charge, 'waiting'),
    outcomeOf: (expectation: Expectation): Outcome => outcomeByExpectation.get(expectation) ?? 'waiting',
    chargeOutcomeOf: (charge: ChargeRow): ChargeOutcome => outcomeByCharge.get(charge) ?? 'apart',
    findings: () => mergeAmbiguous(found),
  }
}

function groupByExpectation(surplus: readonly Surplus[]): Map<Expectation, Surplus[]> {
  const groups = new Map<Expectation, Surplus[]>()
  for (const one of surplus) groups.set(one.expectation, [...(groups.get(one.expectation) ?? []), one])
  return groups
}

const ambiguous = (
  { subscription, paymentNumber, currency, expectedMinor }: Expectation,
  charges: readonly ChargeRow[],
  isOneTaken: boolean,
): RecurringFinding => ({
  code: 'charge_ambiguous',
  subscription,
  paymentNumber,
  currency,
  expectedMinor,
  charges,
  isOneTaken,
  isOfEnd: false,
})

type Ambiguous = Extract<RecurringFinding, { code: 'charge_ambiguous' }>

/** Of one payment it is said once, with all charges that nothing tells apart. */
function mergeAmbiguous(found: readonly RecurringFinding[]): RecurringFinding[] {
  const byPayment = new Map<string, Ambiguous>()
  const others = found.filter((one) => one.code !== 'charge_ambiguous')
  for (const one of found) {
    if (one.code !== 'charge_ambiguous') continue
    const key = `${one.subscription.subscriptionId}:${one.paymentNumber}`
    const known = byPayment.get(key)
    byPayment.set(
      key,
      known ? { ...known, charges: distinctCharges([...known.charges, ...one.charges]).toSorted(compareCharges) } : one,
    )
  }
  return [...others, ...byPayment.values()]
}
