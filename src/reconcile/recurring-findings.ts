import { businessDateOf } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import { type Finding, moneyFinding, type Severity, textFinding } from '../domain/mismatch.ts'
import { moneyText } from '../domain/money.ts'
import type { Expectation } from '../domain/recurring/expectations.ts'
import { statusNow } from '../domain/recurring/former.ts'
import type { RecurringFinding } from '../domain/recurring/judge.ts'
import type { ChargeRow, SubscriptionSide } from '../domain/recurring/sides.ts'
import { RECURRING_CHECKS, type RecurringCode } from './recurring-checks.ts'

/** Puts into words what was found about one customer; several of one identity become one, with the rows of all. */
export function wordFindings(customerCode: string, found: readonly RecurringFinding[]): Finding[] {
  const byIdentity = new Map<string, Finding>()
  for (const one of found) {
    const finding = wordFinding(customerCode, one)
    const identity = `${finding.code} ${finding.subject.kind} ${finding.subject.id}`
    const known = byIdentity.get(identity)
    const evidence = [...new Set([...(known?.evidence ?? []), ...finding.evidence])]
    byIdentity.set(identity, { ...(known ?? finding), evidence })
  }
  return [...byIdentity.values()]
}

function wordFinding(customer: string, found: RecurringFinding): Finding {
  switch (found.code) {
    case 'charge_missing':
      return onPayment(found.code, found.expectation, {
        actualMinor: 0n,
        summary: `${nameOf(found.expectation)} of customer ${customer}, ${moneyOf(found.expectation)}, was approved ${whenOf(found.expectation.processedAt)}, but no transaction carries the money.`,
        evidence: [],
      })
    case 'charge_overdue':
      return wordOverdue(customer, found)
    case 'charge_failed':
      return wordFailed(customer, found)
    case 'charge_amount_differs': {
      const { expectation, charge } = found
      return onPayment(found.code, expectation, {
        actualMinor: charge.amountMinor,
        summary: `${nameOf(expectation)} of customer ${customer} should be ${moneyOf(expectation)}; the charge made with it took ${money(charge)}.`,
        evidence: [charge],
      })
    }
    case 'charge_duplicated': {
      const { expectation, charges } = found
      const [first] = charges
      return onPayment(found.code, expectation, {
        expectedMinor: first?.amountMinor ?? expectation.expectedMinor,
        actualMinor: charges.reduce((sum, { amountMinor }) => sum + amountMinor, 0n),
        summary: `${nameOf(expectation)} of customer ${customer} was charged ${charges.length} times: transactions ${listOf(charges)}.`,
        evidence: charges,
      })
    }
    case 'charge_unexpected':
      return wordUnexpected(customer, found)
    case 'charge_ambiguous':
      return wordAmbiguous(customer, found)
    case 'times_billed_differs': {
      const { subscription, countApproved } = found
      return onSubscription(found.code, subscription, {
        expectedText: `${subscription.timesBilled} billings`,
        actualText: `${countApproved} approved payments`,
        summary: `Subscription ${subscription.subscriptionId} of customer ${customer} says it was billed ${subscription.timesBilled} times; ${countApproved} of its payments are approved.`,
      })
    }
    case 'price_differs_from_plan': {
      const { subscription, planMinor } = found
      const { subscriptionId, recurringMinor, plan } = subscription
      const currency = plan?.currency ?? ''
      const of = (minor: bigint) => moneyText(minor, currency)
      return {
        ...onSubscription(found.code, subscription, {
          expectedText: null,
          actualText: null,
          summary: `Subscription ${subscriptionId} of customer ${customer} pays ${of(recurringMinor)}; its plan${plan?.name ? ` “${plan.name}”` : ''} costs ${of(planMinor)}.`,
        }),
        currency,
        expectedMinor: planMinor,
        actualMinor: recurringMinor,
      }
    }
    case 'card_expires_before_next_charge': {
      const { subscription, card, endsOn, billingOn } = found
      return onSubscription(found.code, subscription, {
        expectedText: `a card good on ${billingOn}`,
        actualText: `a card good until ${endsOn}`,
        summary: `Subscription ${subscription.subscriptionId} bills on ${billingOn}; the card${card.cardNumber ? ` ${card.cardNumber}` : ''} of customer ${customer} is good until ${endsOn}.`,
      })
    }
  }
}

function wordOverdue(customer: string, { expectation, charge }: Extract<RecurringFinding, { code: 'charge_overdue' }>) {
  const said = `${nameOf(expectation)} of customer ${customer}, ${moneyOf(expectation)}, was due on ${expectation.dueOn} and still waits`
  if (charge === null) {
    return onPayment('charge_overdue', expectation, { actualMinor: 0n, summary: `${said}.`, evidence: [] })
  }
  return onPayment('charge_overdue', expectation, {
    actualMinor: charge.amountMinor,
    summary: `${said}, though ${money(charge)} was taken from the customer ${whenOf(charge.createdAt)}, transaction ${charge.transactionId}.`,
    advice:
      'Do not run the payment again before it is clear what that transaction was for; if it was this payment, mark it as paid in Helcim.',
    evidence: [charge],
  })
}

function wordFailed(customer: string, { expectation, tries }: Extract<RecurringFinding, { code: 'charge_failed' }>) {
  const { state, countRetries, processedAt } = expectation
  const retries =
    countRetries === 0
      ? 'not tried again so far'
      : countRetries === 1
        ? '1 retry so far'
        : `${countRetries} retries so far`
  return onPayment('charge_failed', expectation, {
    severity: state === 'failed' ? 'high' : 'medium',
    actualMinor: 0n,
    summary: `${nameOf(expectation)} of customer ${customer}, ${moneyOf(expectation)}, ${
      state === 'failed' ? 'has failed for good' : 'was declined'
    } ${whenOf(processedAt)}; ${retries}.`,
    evidence: tries,
  })
}

function wordUnexpected(
  customer: string,
  { subscription, status, charge }: Extract<RecurringFinding, { code: 'charge_unexpected' }>,
): Finding {
  const { severity, advice } = RECURRING_CHECKS.charge_unexpected
  return moneyFinding({
    code: 'charge_unexpected',
    severity,
    subject: { kind: `${charge.via}_transaction`, id: String(charge.transactionId) },
    currency: charge.currency,
    expectedMinor: 0n,
    actualMinor: charge.amountMinor,
    summary: `Customer ${customer} was charged ${money(charge)} ${whenOf(charge.createdAt)} while subscription ${subscription.subscriptionId} of that amount was ${status}.`,
    advice,
    evidence: [evidenceOf(charge), `subscription:${subscription.subscriptionId}`],
  })
}

function wordAmbiguous(customer: string, found: Extract<RecurringFinding, { code: 'charge_ambiguous' }>): Finding {
  const { subscription, paymentNumber, currency, expectedMinor, charges, isOneTaken, isOfEnd } = found
  const { severity, advice } = RECURRING_CHECKS.charge_ambiguous
  const name = `Payment ${paymentNumber} of subscription ${subscription.subscriptionId} of customer ${customer}`
  const which = isOfEnd
    ? `was followed by ${listOf(charges)}, and whether the subscription, which is ${statusNow(subscription)}, was over by then is not told`
    : isOneTaken
      ? `has its charge, but of ${listOf(charges)} nothing tells whether the others are second charges or purchases`
      : `has several charges that may be its own: ${listOf(charges)}`
  return moneyFinding({
    code: 'charge_ambiguous',
    severity,
    subject: { kind: 'subscription_payment', id: `${subscription.subscriptionId}:${paymentNumber}` },
    currency,
    expectedMinor: isOfEnd ? 0n : expectedMinor,
    actualMinor: charges.reduce((sum, { amountMinor }) => sum + amountMinor, 0n),
    summary: `${name} ${which}.`,
    advice,
    evidence: [...charges.map(evidenceOf), `subscription:${subscription.subscriptionId}`],
  })
}

function onPayment(
  code: RecurringCode,
  expectation: Expectation,
  facts: {
    severity?: Severity
    expectedMinor?: bigint
    actualMinor: bigint
    summary: string
    /** That of the code, unless there is a better one. */
    advice?: string
    evidence: readonly ChargeRow[]
  },
): Finding {
  const check = RECURRING_CHECKS[code]
  const { subscriptionId, paymentNumber, currency, expectedMinor } = expectation
  return moneyFinding({
    code,
    severity: facts.severity ?? check.severity,
    subject: { kind: check.subject, id: `${subscriptionId}:${paymentNumber}` },
    currency,
    expectedMinor: facts.expectedMinor ?? expectedMinor,
    actualMinor: facts.actualMinor,
    summary: facts.summary,
    advice: facts.advice ?? check.advice,
    evidence: [...facts.evidence.map(evidenceOf), `subscription:${subscriptionId}`],
  })
}

function onSubscription(
  code: RecurringCode,
  { subscriptionId }: SubscriptionSide,
  facts: { expectedText: string | null; actualText: string | null; summary: string },
): Finding {
  const { severity, subject, advice } = RECURRING_CHECKS[code]
  return textFinding({
    code,
    severity,
    subject: { kind: subject, id: String(subscriptionId) },
    ...facts,
    advice,
    evidence: [`subscription:${subscriptionId}`],
  })
}

const nameOf = ({ subscriptionId, paymentNumber }: Expectation): string =>
  `Payment ${paymentNumber} of subscription ${subscriptionId}`

const moneyOf = ({ expectedMinor, currency }: Expectation): string => moneyText(expectedMinor, currency)

const money = ({ amountMinor, currency }: ChargeRow): string => moneyText(amountMinor, currency)

const whenOf = (at: Instant | null): string =>
  at === null ? 'on an unknown day' : `on ${businessDateOf(at, HELCIM_ZONE)}`

const evidenceOf = ({ via, transactionId }: ChargeRow): string => `${via}_transaction:${transactionId}`

const listOf = (charges: readonly ChargeRow[]): string => {
  const ids = charges.map(({ transactionId }) => String(transactionId))
  return ids.length === 1 ? `transaction ${ids[0]}` : `${ids.slice(0, -1).join(', ')} and ${ids.at(-1)}`
}
