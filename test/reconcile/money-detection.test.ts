import { afterAll, describe, expect, it } from 'vitest'
import { MONEY_NAMES } from '../../src/sandbox/defects/catalogue.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'
import { AGREED, compare, createTally, type Look, nameTruth, withRuntime } from '../days/support.ts'
import { isLong } from '../support/long.ts'
import { CASES, type Case, caseOf, DAYS, isOfMoney, SETTINGS, SMALL, shopOf } from './money-shop.ts'
import { createReader } from './recurring-support.ts'

const zone = createZone('America/Edmonton')
/** `30x100,1x20000`: so many shops of so many customers, each with a seed of its own, over sixty days. */
const LONG_SHOPS = process.env.SHOPS ?? '30x100,3x2000,1x20000'
const LONG_CASES: readonly Case[] = LONG_SHOPS.split(',')
  .flatMap((text) => {
    const [count, customers] = text.split('x').map(Number)
    return Array.from({ length: count ?? 0 }, () => customers ?? 0)
  })
  .map((customers, index) => caseOf(100 + index, { customers, days: 60 }))
const ALL_CASES = isLong ? [...CASES, ...LONG_CASES] : [CASES[0], CASES[2]].flatMap((one) => one ?? [])
const tally = createTally()

afterAll(() => tally.print('Money'))

const foundIn = async (look: Look) => (await look.found()).filter(isOfMoney)

describe('what money came and went is told exactly', { timeout: isLong ? 3_600_000 : 180_000 }, () => {
  it.each(ALL_CASES)('seed $seed, customers $customers, until $lastDay, $switches', async (one) => {
    const shop = shopOf(one, MONEY_NAMES)
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
      ).toEqual(MONEY_NAMES.toSorted())
      // Judging 20,000 customers takes longer than a list of terminals is fresh, and nobody else reads it here.
      await reader.read('again', ['card_terminal'])
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
      for (const { minor, count, minors, counts } of [...evidence.cards, ...evidence.ach]) {
        expect(minors.matched + minors.found + minors.waiting + minors.unbatched).toBe(minor)
        expect(counts.matched + counts.found + counts.waiting + counts.unbatched).toBe(count)
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
    ...SMALL,
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
