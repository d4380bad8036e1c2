import { toInstant } from '../../../domain/clock.ts'
import { createRandom, type Random } from '../../random.ts'
import type { CustomerRow } from '../../records/customer.ts'
import type { PlanRow } from '../../records/recurring.ts'
import { drawCard, drawName } from '../customers.ts'
import type { BillingContext } from './billing.ts'
import { lengthDays } from './due-dates.ts'
import type { Population } from './population.ts'
import type { Subscriptions } from './subscriptions.ts'

/** Who subscribes, when, and to what: those brought along on the first day, and newcomers from then on. */
export function createSignUps(
  { seed, zone, merchant, customers, startsOn, schedule }: BillingContext,
  { population, subscriptions }: { population: Population; subscriptions: Subscriptions },
): { bringAlong(count: number): void; planDay(date: string, count: number): void } {
  const { records } = merchant
  const currencies = [...new Set(merchant.terminals().map(({ currency }) => currency))]
  const planFor = (random: Random, currency: string): PlanRow =>
    random.pick(records.plans.all().filter((plan) => plan.currency === currency && plan.status === 'active'))
  const byCode = (code: string): CustomerRow | undefined => records.customers.by('code', code).at(0)

  return {
    bringAlong(count) {
      const startsAt = zone.at(startsOn, '00:00')
      for (let place = 0; place < count; place += 1) {
        const random = createRandom(seed, 'brought-along', place)
        // Some hold several, now and then twice the same plan.
        const payer = random.chance(0.9) ? customers[place % customers.length] : random.pick(customers)
        if (!payer) return
        const plan = planFor(random, payer.currency)
        const at = toInstant(startsAt + random.integer(300, 6 * 3600) * 1000)
        schedule(at, () => {
          const customer = byCode(payer.code)
          if (customer) subscriptions.signUp(customer, plan, at, { spreadDays: Math.min(60, lengthDays(plan)) })
        })
      }
    },
    planDay(date, count) {
      for (let place = 0; place < count; place += 1) {
        const random = createRandom(seed, 'newcomer', date, place)
        const at = toInstant(zone.at(date, '00:00') + random.integer(8 * 3600, 22 * 3600) * 1000)
        const plan = planFor(random, random.pick(currencies))
        const card = { ...drawCard(random), holderName: drawName(random) }
        schedule(at, () => {
          // Codes go on from those of the till's customers.
          const customer = population.enter({ code: `CST${1000 + records.customers.all().length}`, card }, at)
          subscriptions.signUp(customer, plan, toInstant(at + 60_000))
        })
      }
    },
  }
}
