import { describe, expect, it } from 'vitest'
import { toBusinessDate } from '../../../src/domain/calendar.ts'
import type { FormerTerms } from '../../../src/domain/recurring/former.ts'
import { judgeCustomer } from '../../../src/domain/recurring/judge.ts'
import { charge, judge, mountain, NOW, PLAN, payment, readUntil, SETTINGS, subscription, told } from './support.ts'

const former = (facts: Partial<FormerTerms> = {}): FormerTerms => ({
  from: mountain('2026-09-20 12:00:00'),
  until: mountain('2026-10-12 12:00:00'),
  status: 'active',
  vias: ['card'],
  terminalId: 54181n,
  updatedAt: null,
  ...facts,
})

const OWN = charge()

describe('a payment of before somebody changed where the money comes in', () => {
  const toBank = { vias: ['ach'] as const, former: [former()] }

  it('keeps its charge', () => {
    const judgement = judge({ subscriptions: [subscription(toBank)], charges: [OWN] })
    expect(told(judgement)).toEqual(['1 matched'])
    expect(judgement.matches).toMatchObject([{ rule: 'amount_and_time', confidence: 'high' }])
    expect(told(judge({ subscriptions: [subscription({ ...toBank, former: [] })], charges: [OWN] }))).toEqual([
      '1 found',
      'charge_missing 1',
    ])
  })

  it('keeps it where its plan has another terminal by now', () => {
    const elsewhere = { ...PLAN, terminalId: 54182n }
    expect(
      told(judge({ subscriptions: [subscription({ plan: elsewhere, former: [former()] })], charges: [OWN] })),
    ).toEqual(['1 matched'])
  })

  it('one of after it is held to the new place', () => {
    const late = payment({ processedAt: mountain('2026-10-13 01:30:00'), dueOn: null })
    const of = (facts: object) =>
      told(
        judge({
          subscriptions: [subscription({ ...toBank, payments: [late] })],
          charges: [charge({ at: '2026-10-13 01:30:02', ...facts })],
        }),
      )
    expect(of({ via: 'ach', terminalId: null, cardNumber: null })).toEqual(['1 matched'])
    expect(of({})).toEqual(['1 found', 'charge_missing 1'])
  })

  it('and before we saw the change, or ever read it, has the one seconds from its processing', () => {
    const between = { ...toBank, former: [former({ until: mountain('2026-10-05 02:00:00') })] }
    const before = { vias: ['ach'] as const, updatedAt: mountain('2026-10-08 12:00:00') }
    for (const facts of [between, before]) {
      const own = charge({ ...(facts === between && { via: 'ach', terminalId: null, cardNumber: null }) })
      const judgement = judge({ subscriptions: [subscription(facts)], charges: [own] })
      expect(told(judgement)).toEqual(['1 matched'])
      expect(judgement.matches).toMatchObject([{ rule: 'amount_elsewhere', confidence: 'low' }])
      // What stands hours away may be anything.
      const far = { ...own, createdAt: mountain('2026-10-05 04:00:00') }
      expect(told(judge({ subscriptions: [subscription(facts)], charges: [far] }))).toEqual([
        '1 found',
        'charge_missing 1',
      ])
    }
  })
})

describe('a subscription that stood still for a time', () => {
  const paused = former({
    status: 'paused',
    from: mountain('2026-10-06 12:00:00'),
    until: mountain('2026-10-12 12:00:00'),
  })
  const second = charge({ transactionId: 2n, at: '2026-10-08 01:30:00' })
  const toldOf = (facts: object, charges = [OWN, second]) =>
    judge({ subscriptions: [subscription({ former: [paused], ...facts })], charges })

  it('was not to be charged then, though it is billed again', () => {
    const judgement = toldOf({ updatedAt: mountain('2026-10-12 11:00:00') })
    expect(told(judgement)).toEqual(['1 matched', 'charge_unexpected'])
    expect(judgement.findings).toMatchObject([{ status: 'paused' }])
  })

  it('was not to be charged then, whatever became of it since', () => {
    for (const status of ['paused', 'cancelled', 'term_ended']) {
      expect(told(toldOf({ status, updatedAt: mountain('2026-10-12 11:00:00') }))).toEqual([
        '1 matched',
        'charge_unexpected',
      ])
    }
  })

  it('may be charged before and after', () => {
    const active = former({ until: mountain('2026-10-08 12:00:00') })
    const at = (text: string) =>
      told(
        toldOf({ former: [active, { ...paused, from: mountain('2026-10-08 12:00:00') }] }, [
          OWN,
          charge({ transactionId: 2n, at: text }),
        ]),
      )
    expect(at('2026-10-07 18:00:00')).toEqual(['1 matched'])
    expect(at('2026-10-19 18:00:00')).toEqual(['1 matched'])
    expect(at('2026-10-09 02:00:00')).toEqual(['1 matched', 'charge_unexpected'])
  })

  it('is not dated by a change of before it was seen to be billed', () => {
    // Its term ended by itself, which nobody dates.
    const ended = { status: 'term_ended', updatedAt: mountain('2026-09-20 11:00:00') }
    const seen = { former: [former({ until: mountain('2026-10-19 12:00:00') })] }
    expect(told(toldOf({ ...ended, ...seen }))).toEqual(['1 matched', 'charge_ambiguous 1'])
  })
})

describe('a subscription that was deleted', () => {
  const deleted = { vanishedAt: mountain('2026-10-10 12:00:00') }

  it('keeps its charges and what was wrong with them', () => {
    const twice = [OWN, charge({ transactionId: 2n, at: '2026-10-05 01:33:00' })]
    const judgement = judge({ subscriptions: [subscription(deleted)], charges: twice })
    expect(told(judgement)).toEqual(['1 matched', 'charge_duplicated 1'])
  })

  it('is not charged any more', () => {
    const after = charge({ transactionId: 2n, at: '2026-10-11 01:30:00' })
    const judgement = judge({ subscriptions: [subscription(deleted)], charges: [OWN, after] })
    expect(told(judgement)).toEqual(['1 matched', 'charge_unexpected'])
    expect(judgement.findings).toMatchObject([{ status: 'deleted' }])
  })

  it('owes nothing, and its terms are nobody’s concern', () => {
    const waiting = payment({ status: 'waiting', processedAt: null, paymentNumber: 2, dueOn: null })
    const facts = { payments: [payment(), waiting], timesBilled: 5, recurringMinor: 100n }
    const judgement = judge({ subscriptions: [subscription({ ...deleted, ...facts })], charges: [OWN] })
    expect(told(judgement)).toEqual(['1 matched'])
    expect(judgement.unsettledIds).toEqual([])
  })

  it('of which the last change was not read holds nothing else back', () => {
    const unread = subscription({
      ...deleted,
      subscriptionId: 19_901n,
      paymentsReadAt: mountain('2026-10-01 12:00:00'),
    })
    const twice = [OWN, charge({ transactionId: 2n, at: '2026-10-05 01:33:00' })]
    const own = { payments: [] }
    expect(told(judge({ subscriptions: [subscription(), { ...unread, ...own }], charges: twice }))).toEqual([
      '1 matched',
      'charge_duplicated 1',
    ])
  })
})

describe('a payment by bank that Helcim calls approved', () => {
  const ofBank = { vias: ['ach'] as const }
  const withdrawal = charge({ via: 'ach', terminalId: null, cardNumber: null })
  const toldOf = (facts: object, reading = readUntil()) =>
    told(judge({ subscriptions: [subscription(ofBank)], charges: [{ ...withdrawal, ...facts }] }, reading))

  it('has its withdrawal', () => expect(toldOf({})).toEqual(['1 matched']))

  it('has one that went back later: of that tells the bank', () => {
    expect(toldOf({ outcome: 'undone' })).toEqual(['1 matched'])
  })

  it('has none that the bank never let pass', () => {
    expect(toldOf({ outcome: 'declined' })).toEqual(['1 found', 'charge_missing 1'])
  })

  it('may be declined by now, as long as it was not read since the withdrawal was', () => {
    expect(
      toldOf(
        { outcome: 'declined', observedAt: NOW },
        { ...readUntil(), subscriptionsReadAt: mountain('2026-10-20 11:00:00') },
      ),
    ).toEqual(['1 waiting'])
  })
})

describe('a difference that is tolerated', () => {
  it('is a match, and says so', () => {
    const settings = { ...SETTINGS, tolerance: { amountMinor: 5n, sharePpm: 0n } }
    const judgement = judgeCustomer(
      {
        customerCode: 'CST1000',
        subscriptions: [subscription()],
        charges: [charge({ amountMinor: 3001n })],
        defaultCard: null,
      },
      readUntil(),
      settings,
    )
    expect(told(judgement)).toEqual(['1 matched'])
    expect(judgement.matches).toMatchObject([{ rule: 'amount_tolerated', charge: { amountMinor: 3001n } }])
  })
})

it('a payment that waits beyond its day keeps the charge that looks like its own', () => {
  const waiting = payment({ status: 'waiting', processedAt: null, dueOn: toBusinessDate('2026-10-17') })
  const own = charge({ at: '2026-10-17 01:30:00' })
  const judgement = judge({ subscriptions: [subscription({ payments: [waiting] })], charges: [own] })
  expect(told(judgement)).toEqual(['1 found', 'charge_overdue 1'])
  expect(judgement.findings).toMatchObject([{ charge: { transactionId: own.transactionId } }])
  expect(judgement.matches).toMatchObject([{ rule: 'amount_and_day' }])
})
