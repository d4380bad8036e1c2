import { addDays, type BusinessDate, toBusinessDate } from '../../../src/domain/calendar.ts'
import { type Instant, toInstant } from '../../../src/domain/clock.ts'
import { parseHelcimTime } from '../../../src/domain/helcim-time.ts'
import { type CustomerJudgement, judgeCustomer } from '../../../src/domain/recurring/judge.ts'
import {
  type ChargeRow,
  type CustomerSides,
  DEFAULT_RECURRING_SETTINGS,
  type PlanTerms,
  type ReadingState,
  type SubscriptionSide,
  type ToldPayment,
} from '../../../src/domain/recurring/sides.ts'

export const SETTINGS = DEFAULT_RECURRING_SETTINGS
export const NOW = mountain('2026-10-20 12:00:00')

/** What Helcim's clock showed, as an instant. */
export function mountain(text: string): Instant {
  const instant = parseHelcimTime(text)?.instant
  if (instant === null || instant === undefined) throw new Error(`${text} is no time`)
  return instant
}

/** Everything read completely a minute ago, from 1 September on; or until another moment. */
export function readUntil(until: Instant = NOW, now: Instant = NOW): ReadingState {
  const days = new Map<BusinessDate, Instant>()
  const last = toBusinessDate(new Date(until).toISOString().slice(0, 10))
  for (let day = toBusinessDate('2026-08-30'); day <= last; day = addDays(day, 1)) days.set(day, until)
  return {
    now,
    scopeFrom: mountain('2026-09-01 00:00:00'),
    subscriptionsReadAt: until,
    daysRead: { card: days, ach: days },
  }
}

export const PLAN: PlanTerms = {
  name: 'Monthly',
  type: 'subscription',
  currency: 'CAD',
  terminalId: 54181n,
  recurringMinor: 2999n,
  billingPeriod: 'monthly',
  billingPeriodIncrements: 1,
  billingDay: 'Sign-up',
  updatedAt: null,
}

export const payment = (facts: Partial<ToldPayment> = {}): ToldPayment => ({
  paymentNumber: 1,
  status: 'approved',
  dueOn: toBusinessDate('2026-10-05'),
  processedAt: mountain('2026-10-05 01:30:00'),
  amountMinor: 2999n,
  setupMinor: 0n,
  recurringMinor: 2999n,
  addOnMinor: 0n,
  addOnOnceMinor: 0n,
  taxMinor: 0n,
  countRetries: 0,
  ...facts,
})

export function subscription(facts: Partial<SubscriptionSide> = {}): SubscriptionSide {
  const payments = facts.payments === undefined ? [payment()] : facts.payments
  return {
    subscriptionId: 19_900n,
    status: 'active',
    plan: PLAN,
    vias: ['card'],
    timesBilled: payments?.filter(({ status }) => status === 'approved').length ?? 0,
    recurringMinor: 2999n,
    setupMinor: 0n,
    freeTrialDays: 0,
    cyclesMax: 0,
    activatedOn: toBusinessDate('2026-10-05'),
    billingOn: toBusinessDate('2026-11-05'),
    updatedAt: null,
    observedAt: mountain('2026-10-19 12:00:00'),
    vanishedAt: null,
    former: [],
    paymentsReadAt: payments === null ? null : NOW,
    ...facts,
    payments,
  }
}

export const charge = (facts: Partial<ChargeRow> & { at?: string } = {}): ChargeRow => {
  const { at = '2026-10-05 01:30:02', ...rest } = facts
  return {
    via: 'card',
    transactionId: 30_537_001n,
    createdAt: mountain(at),
    observedAt: mountain('2026-10-19 12:00:00'),
    outcome: 'approved',
    amountMinor: 2999n,
    feesMinor: 0n,
    isFeeKnown: true,
    currency: 'CAD',
    terminalId: 54181n,
    cardNumber: '412493******9990',
    isByHand: false,
    ...rest,
  }
}

export const judge = (sides: Partial<CustomerSides>, reading: ReadingState = readUntil()): CustomerJudgement =>
  judgeCustomer(
    { customerCode: 'CST1000', subscriptions: [], charges: [], defaultCard: null, ...sides },
    reading,
    SETTINGS,
  )

/** What an accountant reads: codes with the payment they are said of, and where each payment ended. */
export function told({ findings, outcomes }: CustomerJudgement): string[] {
  const codes = findings.map((finding) => {
    if ('expectation' in finding) return `${finding.code} ${finding.expectation.paymentNumber}`
    if (finding.code === 'charge_ambiguous') return `${finding.code} ${finding.paymentNumber}`
    return finding.code
  })
  return [...outcomes.map(({ expectation, outcome }) => `${expectation.paymentNumber} ${outcome}`), ...codes]
}

export const later = (instant: Instant, ms: number): Instant => toInstant(instant + ms)
