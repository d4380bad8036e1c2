import { afterAll, describe, expect, it } from 'vitest'
import { toInstant } from '../../src/domain/clock.ts'
import { DEFAULT_CHECK_SETTINGS } from '../../src/reconcile/settings.ts'
import {
  ACH_DEFECT_NAMES,
  ACH_INNOCENT_NAMES,
  CARD_MONEY_DEFECT_NAMES,
  CARD_MONEY_INNOCENT_NAMES,
  type DefectOptions,
  INVOICE_DEFECT_NAMES,
  INVOICE_INNOCENT_NAMES,
  RECURRING_DEFECT_NAMES,
  RECURRING_INNOCENT_NAMES,
} from '../../src/sandbox/defects/catalogue.ts'
import type { Switches } from '../../src/sandbox/options.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'
import { AGREED, compare, createTally, type Look, nameTruth, withRuntime } from '../days/support.ts'
import { createReader } from './recurring-support.ts'

const DAYS = 18
const zone = createZone('America/Edmonton')
const ALL_NAMES = [
  ...RECURRING_DEFECT_NAMES,
  ...RECURRING_INNOCENT_NAMES,
  ...CARD_MONEY_DEFECT_NAMES,
  ...CARD_MONEY_INNOCENT_NAMES,
  ...INVOICE_DEFECT_NAMES,
  ...INVOICE_INNOCENT_NAMES,
  ...ACH_DEFECT_NAMES,
  ...ACH_INNOCENT_NAMES,
]
/** The history is shorter than what a refund may reach back to unless it is said. */
const SETTINGS = {
  ...DEFAULT_CHECK_SETTINGS,
  cardMoney: { ...DEFAULT_CHECK_SETTINGS.cardMoney, originalWithinDays: 12 },
}
const tally = createTally()

afterAll(() => tally.print('Recurring charges'))

/** What Helcim's documents leave open about subscriptions and their charges, other in each row. */
const CASES: readonly { seed: number; lastDay: string; switches: Partial<Switches> }[] = [
  { seed: 41, lastDay: '2026-10-14', switches: {} },
  {
    seed: 43,
    lastDay: '2026-11-01',
    switches: { subscriptionAmount: 'recurring', recurringCharge: 'hours-later', subObjectsOnList: true },
  },
  {
    seed: 44,
    lastDay: '2026-03-09',
    switches: {
      subscriptionDateUpdated: 'never',
      subscriptionAmount: 'before-tax',
      waitingParts: 'filled',
      zone: '-07:00',
      recurringEnvelope: 'bare',
      achCodes: 'names',
      subObjectsOnList: true,
    },
  },
  {
    seed: 45,
    lastDay: '2026-07-20',
    switches: {
      subscriptionDateUpdated: 'everything',
      recurringCharge: 'hours-later',
      hasFailedPayments: 'number',
      amountTypes: 'four-decimals',
      statusSpelling: 'APPROVAL',
      subObjectsOnList: true,
    },
  },
]

function shopOf({ seed, lastDay, switches }: (typeof CASES)[number], names: readonly DefectOptions['name'][]) {
  const startsOn = addDays(lastDay, -DAYS)
  const endsAt = zone.at(lastDay, '14:00')
  const defects = names.map((name, index) => ({
    name,
    at: toInstant(
      zone.at(addDays(lastDay, index % 2 === 0 || name === 'payment_without_invoice' ? -3 : -4), '13:00') +
        index * 60_000,
    ),
  }))
  return {
    seed,
    now: new Date(endsAt + 5_000).toISOString(),
    historyDays: DAYS,
    switches,
    scenario: {
      startsOn,
      endsAt,
      customers: 56,
      salesPerDay: { min: 4, max: 8 },
      billing: { subscriptions: 54, signUpsPerDay: 0, invoicesPerDay: 1, declineShare: 0.12 },
      defects,
    },
  }
}

/** Families C to G: what else a shop of this kind shows is told by other tests. */
const isOfMoney = ({ code }: { code: string }) => !/^(record_|value_|card_batch_|pull_|filter_|settlement_)/.test(code)

const foundIn = async (look: Look) => (await look.found()).filter(isOfMoney)

describe('what subscriptions should have brought in is told exactly', () => {
  it.each(CASES)('seed $seed, until $lastDay, $switches', async (one) => {
    const shop = shopOf(one, ALL_NAMES)
    await withRuntime(shop, async (look) => {
      const reader = createReader(look, SETTINGS)
      await reader.read('first')
      await reader.readPayments('payments', ['subscription', 'invoice'])
      await reader.reconcile('marked')
      const truth = nameTruth(look.sandbox.truth().defects.filter(isOfMoney))
      const found = await foundIn(look)
      const comparison = compare(truth, found)
      tally.add(truth, found, comparison)
      expect(comparison).toEqual(AGREED)
      expect(
        look.sandbox.state
          .strikes()
          .map(({ name }) => name)
          .toSorted(),
      ).toEqual(ALL_NAMES.toSorted())
      const { countOpened, countReopened, countResolved, recurring, evidence } = await reader.reconcile('full')
      expect({ countOpened, countReopened, countResolved }).toEqual({
        countOpened: 0,
        countReopened: 0,
        countResolved: 0,
      })
      for (const { expectedMinor, minors } of recurring) {
        expect(minors.matched + minors.found + minors.waiting).toBe(expectedMinor)
      }
      // What went in ends in exactly one of three, and all that is mirrored went in.
      const approved = await look.query(`
        select t.currency, sum(t.amount_minor) as minor, count(*) as count from helcim.card_transactions t
        where t.outcome = 'approved' and t.vanished_at is null and t.type in ('purchase', 'capture', 'refund', 'reverse')
        group by 1 order by 1`)
      expect(evidence.cards.map(({ currency, minor, count }) => ({ currency, minor, count }))).toEqual(
        approved.map((row) => ({
          currency: row.currency,
          minor: BigInt(String(row.minor)),
          count: Number(row.count),
        })),
      )
      for (const { minor, count, minors, counts } of evidence.cards) {
        expect(minors.matched + minors.found + minors.waiting).toBe(minor)
        expect(counts.matched + counts.found + counts.waiting).toBe(count)
      }
      expect(evidence.cards.reduce((sum, { counts }) => sum + counts.found, 0)).toBeGreaterThan(5)
      expect(evidence).toMatchObject({ countMissingDays: 0, staleResources: [] })
      const [stored] = await look.query('select evidence from recon.runs order by run_id desc limit 1')
      expect(stored?.evidence).toMatchObject({ historyFrom: evidence.historyFrom, staleResources: [] })
      // The comparison can fail.
      expect(compare(truth.slice(1), found).extra).toHaveLength(1)
    })
  })
})

it('where no transaction ever carries the money, every approved payment by card is missing and nothing else', async () => {
  const one = {
    seed: 46,
    lastDay: '2026-10-14',
    switches: { recurringCharge: 'missing', subObjectsOnList: true },
  } as const
  await withRuntime(shopOf(one, []), async (look) => {
    const reader = createReader(look, SETTINGS)
    await reader.read('first')
    await reader.reconcile('marked')
    const { records } = look.sandbox.state.merchant()
    const from = zone.at(addDays(one.lastDay, -DAYS), '02:00')
    const until = Date.parse(shopOf(one, []).now) - 86_400_000
    const missing = records.subscriptions.all().flatMap(({ id, planId, payments }) =>
      payments
        .filter(({ status, processedAt }) => status === 'approved' && processedAt !== null)
        .filter(({ processedAt }) => Number(processedAt) >= from && Number(processedAt) <= until)
        .filter(() => records.plans.need(planId).paymentMethod === 'card')
        .map(({ number }) => `subscription_payment ${id}:${number}`),
    )
    expect(missing.length).toBeGreaterThan(20)
    const found = (await look.found()).filter(({ code }) => code === 'charge_missing')
    expect(found.map(({ key }) => key).toSorted()).toEqual(missing.toSorted())
    expect((await foundIn(look)).filter(({ code }) => /ambiguous|duplicated|unexpected|differs$/.test(code))).toEqual(
      [],
    )
  })
})
