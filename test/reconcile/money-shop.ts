import { toInstant } from '../../src/domain/clock.ts'
import { DEFAULT_CHECK_SETTINGS } from '../../src/reconcile/settings.ts'
import type { DefectOptions } from '../../src/sandbox/defects/catalogue.ts'
import type { Switches } from '../../src/sandbox/options.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'

export const DAYS = 18
const zone = createZone('America/Edmonton')
/** The history is shorter than what a refund may reach back to unless it is said. */
export const SETTINGS = {
  ...DEFAULT_CHECK_SETTINGS,
  cardMoney: { ...DEFAULT_CHECK_SETTINGS.cardMoney, originalWithinDays: 12 },
}
export interface Case {
  readonly seed: number
  readonly lastDay: string
  readonly switches: Partial<Switches>
  readonly customers: number
  readonly days: number
}

/** A shop small enough for the usual run, and of any kind there is. */
export const SMALL = { customers: 56, days: DAYS } as const

/** What Helcim's documents leave open about subscriptions and their charges, other in each row. */
export const CASES: readonly Case[] = [
  { ...SMALL, seed: 41, lastDay: '2026-10-14', switches: {} },
  {
    ...SMALL,
    seed: 43,
    lastDay: '2026-11-01',
    switches: { subscriptionAmount: 'recurring', recurringCharge: 'hours-later', subObjectsOnList: true },
  },
  {
    ...SMALL,
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
    ...SMALL,
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

/** A shop with everything there is, and these defects struck three and four days before its last one. */
export function shopOf({ seed, lastDay, switches, customers, days }: Case, names: readonly DefectOptions['name'][]) {
  const startsOn = addDays(lastDay, -days)
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
    historyDays: days,
    switches,
    scenario: {
      startsOn,
      endsAt,
      customers,
      salesPerDay: { min: Math.ceil(customers / 14), max: Math.ceil(customers / 7) },
      billing: { subscriptions: customers - 2, signUpsPerDay: 0, invoicesPerDay: 1, declineShare: 0.12 },
      defects,
    },
  }
}

/** Families C to G: what else a shop of this kind shows is told by other tests. */
export const isOfMoney = ({ code }: { code: string }) =>
  !/^(record_|value_|card_batch_|pull_|filter_|settlement_)/.test(code)

const LAST_DAYS = ['2026-10-14', '2026-11-01', '2026-11-03', '2026-03-09', '2026-07-20', '2026-08-31', '2027-01-02']
const CHOICES = {
  refundRow: ['original-invoice', 'empty', 'with-parent'],
  recurringCharge: ['seconds-later', 'hours-later'],
  subscriptionDateUpdated: ['edits', 'never', 'everything'],
  subscriptionAmount: ['charged', 'recurring', 'before-tax'],
  statusSpelling: ['mixed', 'APPROVAL', 'APPROVED'],
  amountTypes: ['number', 'string', 'four-decimals'],
  zone: ['America/Edmonton', '-07:00'],
  achCodes: ['numbers', 'names'],
} as const

/** A case of its own for every seed: over the seeds each choice meets many others. */
export function caseOf(seed: number, size: Pick<Case, 'customers' | 'days'> = SMALL): Case {
  const entries = Object.entries(CHOICES).map(([name, values], index) => {
    const turn = seed + Math.floor(seed / values.length) * (index % 5)
    return [name, values[turn % values.length]]
  })
  const lastDay = LAST_DAYS[seed % LAST_DAYS.length] ?? '2026-10-14'
  return { seed, lastDay, switches: { ...Object.fromEntries(entries), subObjectsOnList: true }, ...size }
}
