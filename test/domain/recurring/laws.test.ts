import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addDays, toBusinessDate } from '../../../src/domain/calendar.ts'
import { toInstant } from '../../../src/domain/clock.ts'
import type { FormerTerms } from '../../../src/domain/recurring/former.ts'
import { type CustomerJudgement, judgeCustomer } from '../../../src/domain/recurring/judge.ts'
import type { ChargeRow, CustomerSides, SubscriptionSide, ToldPayment } from '../../../src/domain/recurring/sides.ts'
import { addToSums, type RecurringSums } from '../../../src/domain/recurring/sums.ts'
import { charge, mountain, NOW, PLAN, payment, readUntil, SETTINGS, subscription } from './support.ts'

/** Another one with `SEED=<number>`; printed with every failure by fast-check. */
const SEED = Number(process.env.SEED ?? 20_261_020)
console.log(`recurring laws: seed ${SEED}`)
const check = (property: fc.IPropertyWithHooks<[CustomerSides]> | fc.IProperty<[CustomerSides]>, numRuns = 200) =>
  fc.assert(property, { seed: SEED, numRuns })

const AMOUNTS = [2999n, 3149n, 3999n, 4149n]
const HOURS = [-3, -1, 0, 0, 0, 1, 4, 11, 13]

const arbitraryPayment = (paymentNumber: number): fc.Arbitrary<ToldPayment> =>
  fc
    .record({
      status: fc.constantFrom('approved', 'approved', 'approved', 'declined', 'failed', 'waiting', 'unheard-of'),
      day: fc.integer({ min: 0, max: 16 }),
      second: fc.integer({ min: 0, max: 7_200 }),
      taxMinor: fc.constantFrom(0n, 150n),
      addOnMinor: fc.constantFrom(0n, 1_000n),
      countRetries: fc.integer({ min: 0, max: 2 }),
    })
    .map(({ day, second, status, ...parts }) => {
      const dueOn = addDays(toBusinessDate('2026-10-01'), day)
      const processedAt = toInstant(mountain(`${dueOn} 01:00:00`) + second * 1000)
      const isDone = status !== 'waiting' && status !== 'unheard-of'
      return payment({ ...parts, paymentNumber, status, dueOn, processedAt: isDone ? processedAt : null })
    })

/** Seen until amid the payments. */
const FORMER: FormerTerms = {
  from: mountain('2026-10-03 12:00:00'),
  until: mountain('2026-10-09 12:00:00'),
  status: 'active',
  vias: ['card'],
  terminalId: 54181n,
  updatedAt: null,
}

const arbitrarySubscription = (place: number): fc.Arbitrary<SubscriptionSide> =>
  fc
    .record({
      status: fc.constantFrom('active', 'active', 'paused', 'cancelled', 'term_ending', 'term_ended'),
      payments: fc
        .integer({ min: 0, max: 3 })
        .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => arbitraryPayment(index + 1)))),
      isRead: fc.constantFrom(true, true, true, false),
      currency: fc.constantFrom('CAD', 'CAD', 'USD'),
      timesBilled: fc.integer({ min: 0, max: 4 }),
      former: fc.constantFrom(
        [],
        [],
        [FORMER],
        [{ ...FORMER, status: 'paused' }],
        [{ ...FORMER, vias: ['ach' as const] }],
      ),
      updatedAt: fc.constantFrom(null, null, mountain('2026-10-12 12:00:00')),
      vanishedAt: fc.constantFrom(null, null, null, mountain('2026-10-15 12:00:00')),
    })
    .map(({ payments, isRead, currency, ...facts }) =>
      subscription({
        ...facts,
        subscriptionId: BigInt(19_900 + place),
        plan: { ...PLAN, currency },
        payments: isRead ? payments : null,
        activatedOn: toBusinessDate('2026-09-12'),
      }),
    )

const arbitraryCharge = (place: number, payments: readonly ToldPayment[]): fc.Arbitrary<ChargeRow> =>
  fc
    .record({
      near: fc.constantFrom(...payments, payment()),
      hours: fc.constantFrom(...HOURS),
      second: fc.integer({ min: 0, max: 900 }),
      amountMinor: fc.constantFrom(...AMOUNTS),
      outcome: fc.constantFrom('approved', 'approved', 'approved', 'declined'),
      currency: fc.constantFrom('CAD', 'CAD', 'CAD', 'USD'),
      via: fc.constantFrom('card', 'card', 'card', 'ach'),
      isByHand: fc.constantFrom(false, false, false, true),
      cardNumber: fc.constantFrom('412493******9990', '412493******9990', null, '545454******0007'),
    })
    .map(({ near, hours, second, ...facts }) => ({
      ...charge(),
      ...facts,
      transactionId: BigInt(30_000_000 + place),
      createdAt: toInstant((near.processedAt ?? NOW - 5 * 86_400_000) + hours * 3_600_000 + second * 1000),
    }))

const arbitrarySides: fc.Arbitrary<CustomerSides> = fc
  .integer({ min: 1, max: 4 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, place) => arbitrarySubscription(place))))
  .chain((subscriptions) => {
    const payments = subscriptions.flatMap((one) => one.payments ?? [])
    return fc
      .integer({ min: 0, max: 8 })
      .chain((count) => fc.tuple(...Array.from({ length: count }, (_, place) => arbitraryCharge(place, payments))))
      .map((charges) => ({
        customerCode: 'CST1000',
        subscriptions,
        charges,
        defaultCard: { cardNumber: null, expiry: '1126' },
      }))
  })

const judge = (sides: CustomerSides): CustomerJudgement => judgeCustomer(sides, readUntil(), SETTINGS)

/** Everything that is said, in an order of its own. */
const written = (judgement: CustomerJudgement): string[] =>
  [
    ...judgement.outcomes.map(
      ({ expectation, outcome }) => `${expectation.subscriptionId}:${expectation.paymentNumber} ${outcome}`,
    ),
    ...judgement.chargeOutcomes.map(({ charge: row, outcome }) => `${row.via} ${row.transactionId} ${outcome}`),
    ...judgement.matches.map(
      ({ expectation, charge: row, rule, confidence, isInterchangeable }) =>
        `${expectation.subscriptionId}:${expectation.paymentNumber} is ${row.transactionId} ${rule} ${confidence} ${isInterchangeable}`,
    ),
    ...judgement.findings.map((finding) =>
      JSON.stringify(finding, (key, value) =>
        typeof value === 'bigint' ? String(value) : key === 'payments' ? undefined : value,
      ),
    ),
    `due ${judgement.dueAt}`,
  ].toSorted()

describe('whatever a customer’s payments and charges are', () => {
  it('their order changes nothing', () => {
    check(
      fc.property(arbitrarySides, (sides) => {
        const turned = {
          ...sides,
          subscriptions: sides.subscriptions
            .toReversed()
            .map((one) => ({ ...one, payments: one.payments?.toReversed() ?? null })),
          charges: sides.charges.toReversed(),
        }
        expect(written(judge(turned))).toEqual(written(judge(sides)))
      }),
    )
  })

  it('a charge that is handed over twice is one', () => {
    check(
      fc.property(arbitrarySides, (sides) => {
        const doubled = { ...sides, charges: [...sides.charges, ...sides.charges.map((one) => ({ ...one }))] }
        expect(written(judge(doubled))).toEqual(written(judge(sides)))
      }),
    )
  })

  it('each payment and each approved charge ends in one place, and no charge is used twice', () => {
    check(
      fc.property(arbitrarySides, (sides) => {
        const { outcomes, chargeOutcomes, matches, findings } = judge(sides)
        const money = matches.filter(({ rule }) => rule !== 'declined_try')
        const key = ({ via, transactionId }: ChargeRow) => `${via} ${transactionId}`
        expect(new Set(matches.map(({ charge: row }) => key(row))).size).toBe(matches.length)
        expect(new Set(money.map(({ expectation }) => expectation)).size).toBe(money.length)
        const approved = new Set(sides.charges.filter(({ outcome }) => outcome === 'approved').map(key))
        expect(chargeOutcomes.map(({ charge: row }) => key(row)).toSorted()).toEqual([...approved].toSorted())
        // What is matched has a match, what is found a finding, and nothing else has, but what waits beyond its day.
        const matched = outcomes.filter(({ outcome }) => outcome === 'matched').map(({ expectation }) => expectation)
        const late = findings.flatMap((one) => (one.code === 'charge_overdue' && one.charge ? [one.expectation] : []))
        expect(new Set(money.map(({ expectation }) => expectation))).toEqual(new Set([...matched, ...late]))
        const saidOf = new Set(
          findings.flatMap((finding) => {
            if (finding.code === 'charge_duplicated') return []
            if ('expectation' in finding) {
              return [`${finding.expectation.subscriptionId}:${finding.expectation.paymentNumber}`]
            }
            if (finding.code !== 'charge_ambiguous' || finding.isOneTaken || finding.isOfEnd) return []
            return [`${finding.subscription.subscriptionId}:${finding.paymentNumber}`]
          }),
        )
        const found = outcomes
          .filter(({ outcome }) => outcome === 'found')
          .map(({ expectation }) => `${expectation.subscriptionId}:${expectation.paymentNumber}`)
        expect(new Set(found)).toEqual(saidOf)
      }),
    )
  })

  it('sums per currency agree: expected = matched + found + waiting', () => {
    check(
      fc.property(arbitrarySides, (sides) => {
        const judgement = judge(sides)
        const sums = new Map<string, RecurringSums>()
        addToSums(sums, judgement)
        for (const { currency, expectedMinor, countExpected, minors, counts } of sums.values()) {
          expect(minors.matched + minors.found + minors.waiting).toBe(expectedMinor)
          expect(counts.matched + counts.found + counts.waiting).toBe(countExpected)
          const own = judgement.outcomes.filter(({ expectation }) => expectation.currency === currency)
          expect(own.reduce((sum, { expectation }) => sum + expectation.expectedMinor, 0n)).toBe(expectedMinor)
        }
      }),
    )
  })

  it('matches keep what makes them so: currency, place, window, and one of the sums', () => {
    check(
      fc.property(arbitrarySides, (sides) => {
        for (const { expectation, charge: row, rule } of judge(sides).matches) {
          expect(row.currency).toBe(expectation.currency)
          if (rule === 'amount_elsewhere') expect(expectation.mayBeElsewhere).toBe(true)
          else expect(expectation.vias).toContain(row.via)
          expect(expectation.sumsMinor).toContain(row.amountMinor)
          if (rule === 'amount_and_time') expect(row.createdAt).toBeGreaterThanOrEqual(expectation.window.from)
          expect(row.createdAt).toBeLessThanOrEqual(expectation.window.until)
        }
      }),
    )
  })

  it('nothing that only absence proves is said before anything was read', () => {
    const nothingRead = { ...readUntil(), daysRead: { card: new Map(), ach: new Map() }, subscriptionsReadAt: null }
    const byAbsence = [
      'charge_missing',
      'charge_amount_differs',
      'charge_duplicated',
      'charge_unexpected',
      'charge_ambiguous',
    ]
    let countFoundWhenRead = 0
    check(
      fc.property(arbitrarySides, (sides) => {
        const { findings } = judgeCustomer(sides, nothingRead, SETTINGS)
        expect(findings.filter(({ code }) => byAbsence.includes(code))).toEqual([])
        countFoundWhenRead += judge(sides).findings.filter(({ code }) => byAbsence.includes(code)).length
      }),
    )
    expect(countFoundWhenRead).toBeGreaterThan(100)
  })
})
