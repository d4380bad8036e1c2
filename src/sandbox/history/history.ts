import type { Instant } from '../../domain/clock.ts'
import type { Merchant } from '../merchant.ts'
import { DEFAULT_SWITCHES, type Range, rangeOf, type ScenarioOptions } from '../options.ts'
import { addDays, createZone } from '../zone.ts'
import { type Billing, type BillingSwitches, createBilling } from './billing/billing.ts'
import { type Customer, createCustomers } from './customers.ts'
import { planDay } from './day.ts'
import { createPayments, type Payments } from './payments.ts'
import { createTimeline } from './timeline.ts'

/** What happened to the merchant until now, made up as time goes on; the same however often one looks. */
export interface History {
  readonly payments: Payments
  readonly customers: readonly Customer[]
  /** null for a merchant who has a till and nothing else. */
  readonly billing: Billing | null
  /** Lets everything happen that is due until `now`: sales, closings, and what was scheduled. */
  advanceTo(now: Instant): void
  schedule(at: Instant, run: () => void): void
}

const CUSTOMERS_DEFAULT = 120
const SALES_PER_DAY_DEFAULT: Range = { min: 60, max: 120 }

export function createHistory(
  merchant: Merchant,
  scenario: ScenarioOptions,
  seed: number,
  switches: BillingSwitches = DEFAULT_SWITCHES,
): History {
  const zone = createZone('America/Edmonton')
  const timeline = createTimeline()
  const payments = createPayments(merchant, seed)
  const customers = createCustomers(scenario.customers ?? CUSTOMERS_DEFAULT, seed, merchant.terminals())
  if (scenario.archive) merchant.openArchive(scenario.archive, scenario.startsOn, customers)
  const { endsAt, salesPerDay = SALES_PER_DAY_DEFAULT } = scenario
  const isOver = (at: Instant) => endsAt !== undefined && at > endsAt
  const scheduleUntilEnd = (at: Instant, run: () => void) => {
    if (!isOver(at)) timeline.schedule(at, run)
  }
  const billing = scenario.billing
    ? createBilling(
        {
          seed,
          zone,
          merchant,
          payments,
          customers,
          startsOn: scenario.startsOn,
          schedule: scheduleUntilEnd,
          follow: timeline.schedule,
        },
        scenario.billing,
        switches,
      )
    : null
  const dayContext = {
    seed,
    zone,
    customers,
    salesPerDay: rangeOf(salesPerDay),
    timeline: {
      ...timeline,
      schedule: scheduleUntilEnd,
    },
    payments,
    // Subscriptions take the place of charges that only look like theirs.
    hasOwnRecurring: billing === null,
    current: (row: { id: bigint }) => merchant.transaction(row.id),
  }

  const scheduleDay = (date: string) => {
    const startsAt = zone.at(date, '00:00')
    if (isOver(startsAt)) return
    timeline.schedule(startsAt, () => {
      planDay(dayContext, date)
      billing?.planDay(date)
      scheduleDay(addDays(date, 1))
    })
  }
  scheduleDay(scenario.startsOn)

  const closeDue = (until: Instant) => {
    for (const { id } of merchant.terminals()) {
      const open = merchant.openBatch(id)
      if (open?.closesAt != null && open.closesAt <= until) merchant.closeBatch(open.id, open.closesAt)
    }
  }

  return {
    payments,
    customers,
    billing,
    schedule: timeline.schedule,
    advanceTo(now) {
      for (;;) {
        const event = timeline.takeDue(now)
        if (!event) break
        closeDue(event.at)
        event.run()
      }
      closeDue(now)
    },
  }
}
