import { describe, expect, it } from 'vitest'
import { toBusinessDate } from '../../../src/domain/calendar.ts'
import { charge, judge, mountain, NOW, PLAN, payment, readUntil, subscription, told } from './support.ts'

/** Same as the default one, seconds after its processing. */
const OWN = charge()

describe('a payment and its charge', () => {
  it('one of the same amount seconds later is its own', () => {
    const judgement = judge({ subscriptions: [subscription()], charges: [OWN] })
    expect(told(judgement)).toEqual(['1 matched'])
    expect(judgement.matches).toMatchObject([{ rule: 'amount_and_time', confidence: 'high', isInterchangeable: false }])
  })

  it('hours later it still is, and less certain', () => {
    const judgement = judge({ subscriptions: [subscription()], charges: [charge({ at: '2026-10-05 09:00:00' })] })
    expect(told(judgement)).toEqual(['1 matched'])
    expect(judgement.matches).toMatchObject([{ confidence: 'medium' }])
  })

  it.each([
    ['13 hours later', { at: '2026-10-05 14:31:00' }],
    ['of another amount', { amountMinor: 3100n, at: '2026-10-05 09:00:00' }],
    ['in another currency', { currency: 'USD' }],
    ['in a batch of another terminal', { terminalId: 54182n }],
    ['that was declined', { outcome: 'declined' as const }],
    ['from a bank account', { via: 'ach' as const }],
  ])('one %s is not: its money is missing', (_, facts) => {
    expect(told(judge({ subscriptions: [subscription()], charges: [charge(facts)] }))).toEqual([
      '1 found',
      'charge_missing 1',
    ])
  })

  it.each([
    ['all parts', payment({ amountMinor: 2999n, recurringMinor: 2999n, addOnMinor: 1000n, taxMinor: 200n }), 4199n],
    ['amount and tax', payment({ recurringMinor: 0n, taxMinor: 150n }), 3149n],
    ['amount and add-ons', payment({ recurringMinor: 0n, addOnMinor: 1000n }), 3999n],
    [
      'the guide’s own example, which does not add up',
      payment({ amountMinor: 7500n, recurringMinor: 7500n, addOnMinor: 2500n, taxMinor: 500n }),
      7500n,
    ],
  ])('its sum may be %s', (_, told_, amountMinor) => {
    const judgement = judge({
      subscriptions: [subscription({ payments: [told_] })],
      charges: [charge({ amountMinor })],
    })
    expect(told(judgement)).toEqual(['1 matched'])
  })

  it('a surcharge that its invoice states comes on top', () => {
    const charges = [charge({ amountMinor: 3071n, feesMinor: 72n })]
    expect(told(judge({ subscriptions: [subscription()], charges }))).toEqual(['1 matched'])
  })

  it('while the invoice was not read, a little more proves nothing', () => {
    const charges = [charge({ amountMinor: 3071n, isFeeKnown: false })]
    expect(told(judge({ subscriptions: [subscription()], charges }))).toEqual(['1 waiting'])
  })

  it('in the hour that November repeats, a charge may seem to come before', () => {
    const at = payment({ processedAt: mountain('2026-11-01 01:59:59'), dueOn: toBusinessDate('2026-11-01') })
    const now = mountain('2026-11-03 12:00:00')
    const judgement = judge(
      { subscriptions: [subscription({ payments: [at] })], charges: [charge({ at: '2026-11-01 01:00:01' })] },
      readUntil(now, now),
    )
    expect(told(judgement)).toEqual(['1 matched'])
  })
})

describe('absence', () => {
  it.each([
    ['before a day has passed', readUntil(mountain('2026-10-05 20:00:00'), mountain('2026-10-05 20:00:00'))],
    ['while the days were read before the charge could come', readUntil(mountain('2026-10-05 12:00:00'), NOW)],
  ])('proves nothing %s', (_, reading) => {
    const judgement = judge({ subscriptions: [subscription()] }, reading)
    expect(told(judgement)).toEqual(['1 waiting'])
    expect(judgement.dueAt).toBe(mountain('2026-10-06 01:30:00'))
  })

  it('of a payment processed before the history that was asked for proves nothing ever', () => {
    const old = payment({ processedAt: mountain('2026-08-20 01:30:00'), dueOn: toBusinessDate('2026-08-20') })
    expect(told(judge({ subscriptions: [subscription({ payments: [old] })] }))).toEqual([])
  })

  it('of an outcome is told when the due day and another one are over', () => {
    const waiting = payment({ status: 'waiting', processedAt: null, dueOn: toBusinessDate('2026-10-17') })
    const of = (facts: object) => told(judge({ subscriptions: [subscription({ payments: [waiting], ...facts })] }))
    expect(of({})).toEqual(['1 found', 'charge_overdue 1'])
    expect(of({ paymentsReadAt: mountain('2026-10-16 12:00:00') })).toEqual(['1 waiting'])
    expect(of({ status: 'paused' })).toEqual([])
    expect(of({ status: 'cancelled' })).toEqual([])
  })

  it('of an outcome is told from the list alone, whose next billing day has gone by', () => {
    const dueOn = toBusinessDate('2026-10-17')
    const waiting = payment({ status: 'waiting', processedAt: null, dueOn })
    const facts = { payments: [waiting], billingOn: dueOn, paymentsReadAt: mountain('2026-10-16 12:00:00') }
    expect(told(judge({ subscriptions: [subscription(facts)] }))).toEqual(['1 found', 'charge_overdue 1'])
  })
})

describe('amounts that differ', () => {
  const other = charge({ amountMinor: 3999n })

  it('a lone charge beside the processing is the payment’s own with another amount', () => {
    expect(told(judge({ subscriptions: [subscription()], charges: [other] }))).toEqual([
      '1 found',
      'charge_amount_differs 1',
    ])
  })

  it('two of them cannot be told apart', () => {
    const charges = [other, charge({ amountMinor: 1500n, transactionId: 2n, at: '2026-10-05 01:31:00' })]
    expect(told(judge({ subscriptions: [subscription()], charges }))).toEqual(['1 found', 'charge_ambiguous 1'])
  })

  it('one made by hand is a purchase', () => {
    const charges = [{ ...other, isByHand: true }]
    expect(told(judge({ subscriptions: [subscription()], charges }))).toEqual(['1 found', 'charge_missing 1'])
  })
})

describe('a charge beyond those expected', () => {
  const second = (at: string, facts = {}) => charge({ at, transactionId: 30_537_099n, ...facts })
  const withSecond = (at: string, facts = {}) =>
    told(judge({ subscriptions: [subscription()], charges: [OWN, second(at, facts)] }))

  it('minutes from the first is a duplicate', () => {
    expect(withSecond('2026-10-05 01:33:00')).toEqual(['1 matched', 'charge_duplicated 1'])
  })

  it('hours later is a second charge or a purchase, and nobody can tell', () => {
    expect(withSecond('2026-10-05 11:00:00')).toEqual(['1 matched', 'charge_ambiguous 1'])
  })

  it('of the next night may be a billing run that ran again', () => {
    expect(withSecond('2026-10-06 01:30:02')).toEqual(['1 matched', 'charge_ambiguous 1'])
    expect(withSecond('2026-10-06 01:30:02', { isByHand: true })).toEqual(['1 matched'])
    expect(withSecond('2026-10-06 01:30:02', { cardNumber: '545454******0007' })).toEqual(['1 matched'])
    expect(withSecond('2026-10-06 13:31:00')).toEqual(['1 matched'])
  })

  it('of the next night is the next payment’s own where there is one', () => {
    const daily = [1, 2].map((number) => {
      const dueOn = toBusinessDate(`2026-10-0${4 + number}`)
      return payment({ paymentNumber: number, dueOn, processedAt: mountain(`${dueOn} 01:30:00`) })
    })
    const charges = [OWN, second('2026-10-06 01:30:02')]
    expect(told(judge({ subscriptions: [subscription({ payments: daily })], charges }))).toEqual([
      '1 matched',
      '2 matched',
    ])
  })

  it('that come one after the other are told together', () => {
    const charges = [OWN, second('2026-10-05 11:00:00'), second('2026-10-06 01:30:02', { transactionId: 3n })]
    const judgement = judge({ subscriptions: [subscription()], charges })
    expect(told(judgement)).toEqual(['1 matched', 'charge_ambiguous 1'])
    expect(judgement.findings).toMatchObject([{ charges: [{}, {}, {}] }])
  })

  it('is no concern of ours when a person made it, on another card, for another sum, or another day', () => {
    expect(withSecond('2026-10-05 01:33:00', { isByHand: true })).toEqual(['1 matched'])
    expect(withSecond('2026-10-05 01:33:00', { cardNumber: '545454******0007' })).toEqual(['1 matched'])
    expect(withSecond('2026-10-05 01:33:00', { amountMinor: 4500n })).toEqual(['1 matched'])
    expect(withSecond('2026-10-07 01:33:00')).toEqual(['1 matched'])
  })

  it('makes none the payment’s own when neither is close to its processing', () => {
    const charges = [charge({ at: '2026-10-05 05:00:00' }), second('2026-10-05 08:00:00')]
    const judgement = judge({ subscriptions: [subscription()], charges })
    expect(told(judgement)).toEqual(['1 found', 'charge_ambiguous 1'])
    expect(judgement.matches).toEqual([])
    expect(judgement.chargeOutcomes.map(({ outcome }) => outcome)).toEqual(['found', 'found'])
  })

  it('waits while another subscription of the customer may be what it is for', () => {
    const unread = subscription({ subscriptionId: 19_901n, payments: null })
    const judgement = judge({
      subscriptions: [subscription(), { ...unread, plan: { ...PLAN, currency: 'USD' } }],
      charges: [OWN, second('2026-10-05 01:33:00')],
    })
    expect(judgement.findings).toEqual([])
    expect(judgement.chargeOutcomes.map(({ outcome }) => outcome)).toEqual(['matched', 'waiting'])
  })
})

it('a payment just before the history claims its charge, which is no second one of a payment like it', () => {
  const reading = { ...readUntil(), scopeFrom: mountain('2026-10-05 00:00:00') }
  const early = subscription({ payments: [payment({ processedAt: mountain('2026-10-05 00:35:35') })] })
  const late = subscription({
    subscriptionId: 19_901n,
    payments: [payment({ processedAt: mountain('2026-10-05 02:33:24') })],
  })
  const charges = [
    charge({ at: '2026-10-05 00:35:38' }),
    charge({ transactionId: 30_537_002n, at: '2026-10-05 02:33:25' }),
  ]
  const judgement = judge({ subscriptions: [early, late], charges }, reading)
  expect(told(judgement)).toEqual(['1 matched'])
  expect(judgement.outcomes.map(({ expectation }) => expectation.subscriptionId)).toEqual([19_901n])
  expect(judgement.chargeOutcomes.map(({ outcome }) => outcome)).toEqual(['matched', 'matched'])
  // Without it, nothing tells what it was for.
  expect(told(judge({ subscriptions: [late], charges }, reading))).toEqual(['1 matched', 'charge_ambiguous 1'])
})

it('a payment that failed in the first hours of the history is told; one that did before is not', () => {
  const reading = { ...readUntil(), scopeFrom: mountain('2026-10-05 00:00:00') }
  const failedAt = (text: string) =>
    subscription({ status: 'cancelled', payments: [payment({ status: 'declined', processedAt: mountain(text) })] })
  expect(told(judge({ subscriptions: [failedAt('2026-10-05 01:42:59')] }, reading))).toEqual([
    '1 found',
    'charge_failed 1',
  ])
  expect(told(judge({ subscriptions: [failedAt('2026-10-04 23:59:59')] }, reading))).toEqual([])
})

describe('twins', () => {
  const twins = [subscription(), subscription({ subscriptionId: 19_901n })]

  it('two alike with two charges are matched jointly and may change places', () => {
    const judgement = judge({
      subscriptions: twins,
      charges: [OWN, charge({ transactionId: 30_537_002n, at: '2026-10-05 01:30:05' })],
    })
    expect(told(judgement)).toEqual(['1 matched', '1 matched'])
    expect(judgement.matches.map(({ isInterchangeable }) => isInterchangeable)).toEqual([true, true])
  })

  it('two alike with one charge miss one', () => {
    expect(told(judge({ subscriptions: twins, charges: [OWN] })).filter((one) => one.startsWith('charge'))).toEqual([
      'charge_missing 1',
    ])
  })

  it('as many as possible are matched, where the nearest first would leave one without', () => {
    const early = subscription({ payments: [payment({ processedAt: mountain('2026-10-05 01:00:00') })] })
    const late = subscription({
      subscriptionId: 19_901n,
      payments: [payment({ processedAt: mountain('2026-10-05 13:30:00') })],
    })
    const charges = [charge({ at: '2026-10-05 12:00:00' }), charge({ transactionId: 2n, at: '2026-10-06 00:30:00' })]
    expect(told(judge({ subscriptions: [early, late], charges }))).toEqual(['1 matched', '1 matched'])
  })
})

describe('declines', () => {
  const declined = payment({ status: 'declined', countRetries: 1, processedAt: mountain('2026-10-08 01:30:00') })
  const tries = [
    charge({ outcome: 'declined' }),
    charge({ outcome: 'declined', transactionId: 2n, at: '2026-10-08 01:30:02' }),
  ]

  it('a declined payment is told with its tries', () => {
    const judgement = judge({ subscriptions: [subscription({ payments: [declined] })], charges: tries })
    expect(told(judgement)).toEqual(['1 found', 'charge_failed 1'])
    expect(judgement.findings).toMatchObject([{ tries: [{ transactionId: 30_537_001n }, { transactionId: 2n }] }])
  })

  it('one that a retry paid is matched, and its decline tied to it', () => {
    const paid = { ...declined, status: 'approved' }
    const [first] = tries
    const charges = [...(first ? [first] : []), charge({ transactionId: 2n, at: '2026-10-08 01:30:02' })]
    const judgement = judge({ subscriptions: [subscription({ payments: [paid] })], charges })
    expect(told(judgement)).toEqual(['1 matched'])
    expect(judgement.matches.map(({ rule }) => rule)).toEqual(['amount_and_time', 'declined_try'])
  })
})

describe('a subscription that is not billed', () => {
  const idle = { status: 'cancelled', updatedAt: mountain('2026-10-10 12:00:00'), billingOn: null }
  const after = charge({ transactionId: 2n, at: '2026-10-11 01:30:00' })
  const toldOf = (facts: object, second = after) =>
    told(judge({ subscriptions: [subscription({ ...idle, ...facts })], charges: [OWN, second] }))

  it('is not charged', () => {
    expect(toldOf({})).toEqual(['1 matched', 'charge_unexpected'])
    expect(toldOf({ status: 'paused' })).toEqual(['1 matched', 'charge_unexpected'])
  })

  it('may have been charged before it ended, which is not said where nothing tells', () => {
    expect(toldOf({ updatedAt: null })).toEqual(['1 matched', 'charge_ambiguous 1'])
  })

  it('was charged before the history for a payment that is not expected any more, and its charge came hours later', () => {
    const old = payment({ processedAt: mountain('2026-09-01 01:00:00'), dueOn: toBusinessDate('2026-09-01') })
    const of = (at: string) => {
      const subscriptions = [subscription({ ...idle, updatedAt: mountain('2026-09-01 02:00:00'), payments: [old] })]
      return told(judge({ subscriptions, charges: [charge({ at })] }))
    }
    expect(of('2026-09-01 09:00:00')).toEqual([])
    expect(of('2026-09-01 14:00:00')).toEqual(['charge_unexpected'])
  })

  it('has customers who buy', () => {
    expect(toldOf({}, { ...after, amountMinor: 4000n })).toEqual(['1 matched'])
    expect(toldOf({}, { ...after, isByHand: true })).toEqual(['1 matched'])
    expect(toldOf({}, { ...after, terminalId: 1n })).toEqual(['1 matched'])
    expect(toldOf({}, { ...after, cardNumber: '545454******0007' })).toEqual(['1 matched'])
  })

  it('is not charged on the card that is the default one by now', () => {
    const defaultCard = { cardNumber: '545454******0007', expiry: '1228' }
    const charges = [OWN, { ...after, cardNumber: '545454******0007' }]
    expect(told(judge({ subscriptions: [subscription(idle)], charges, defaultCard }))).toEqual([
      '1 matched',
      'charge_unexpected',
    ])
  })

  it('is not charged once more for what its last charge took, nor for what its next one would', () => {
    const payments = [payment({ setupMinor: 2500n, recurringMinor: 4900n, taxMinor: 370n, amountMinor: 7770n })]
    const first = { ...OWN, amountMinor: 7770n }
    const withSetup = (amountMinor: bigint) =>
      told(
        judge({
          subscriptions: [subscription({ ...idle, recurringMinor: 4900n, payments })],
          charges: [first, { ...after, amountMinor }],
        }),
      )
    expect(withSetup(7770n)).toEqual(['1 matched', 'charge_unexpected'])
    expect(withSetup(5145n)).toEqual(['1 matched', 'charge_unexpected'])
    expect(withSetup(4900n)).toEqual(['1 matched', 'charge_unexpected'])
    expect(withSetup(5270n)).toEqual(['1 matched'])
  })

  it('has customers who buy for what an earlier payment came to with its set-up or a one-time add-on', () => {
    const firstPayment = { amountMinor: 10499n, setupMinor: 2500n, addOnMinor: 5000n, addOnOnceMinor: 5000n }
    const last = payment({ paymentNumber: 2, processedAt: mountain('2026-10-09 01:30:00') })
    const charges = [{ ...OWN, amountMinor: 10499n }, charge({ transactionId: 3n, at: '2026-10-09 01:30:02' })]
    const toldOfSecond = (amountMinor: bigint) =>
      told(
        judge({
          subscriptions: [subscription({ ...idle, payments: [payment(firstPayment), last] })],
          charges: [...charges, { ...after, amountMinor }],
        }),
      )
    expect(toldOfSecond(10499n)).toEqual(['1 matched', '2 matched'])
    expect(toldOfSecond(7999n)).toEqual(['1 matched', '2 matched'])
    expect(toldOfSecond(2999n)).toEqual(['1 matched', '2 matched', 'charge_unexpected'])
  })
})

describe('terms', () => {
  it('a count, a price and a card are told', () => {
    const judgement = judge({
      subscriptions: [subscription({ timesBilled: 2, recurringMinor: 2949n })],
      charges: [OWN],
      defaultCard: { cardNumber: null, expiry: '1026' },
    })
    expect(told(judgement)).toEqual([
      '1 matched',
      'times_billed_differs',
      'price_differs_from_plan',
      'card_expires_before_next_charge',
    ])
  })

  it('a count is compared with payments of the same moment only', () => {
    const facts = { timesBilled: 2, paymentsReadAt: mountain('2026-10-19 11:00:00') }
    const judgement = judge({ subscriptions: [subscription(facts)], charges: [OWN] })
    expect(told(judgement)).toEqual(['1 matched'])
    expect(judgement.unsettledIds).toEqual([19_900n])
  })

  it('a card is good until the end of its month', () => {
    const of = (expiry: string) =>
      told(judge({ subscriptions: [subscription()], charges: [OWN], defaultCard: { cardNumber: null, expiry } }))
    expect(of('1126')).toEqual(['1 matched'])
    expect(of('1026')).toEqual(['1 matched', 'card_expires_before_next_charge'])
  })
})

describe('payments that were never read', () => {
  const unread = { payments: null, activatedOn: toBusinessDate('2026-09-19'), billingOn: toBusinessDate('2026-11-19') }

  it('are projected, and matched around their day', () => {
    const charges = [charge({ at: '2026-09-19 10:00:00' }), charge({ transactionId: 2n, at: '2026-10-19 01:30:00' })]
    const judgement = judge({ subscriptions: [subscription(unread)], charges })
    expect(told(judgement)).toEqual(['1 matched', '2 matched'])
    expect(judgement.matches).toMatchObject([{ confidence: 'low' }, { confidence: 'low' }])
  })

  it('are never missed', () => {
    expect(told(judge({ subscriptions: [subscription(unread)] }))).toEqual(['1 waiting', '2 waiting'])
  })
})
