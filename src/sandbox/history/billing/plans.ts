import { type Instant, toInstant } from '../../../domain/clock.ts'
import type { Records } from '../../records/records.ts'
import type { AddOnRow, PlanRow } from '../../records/recurring.ts'
import type { TerminalRow } from '../../rows.ts'

type PlanFacts = Pick<PlanRow, 'name'> & Partial<Omit<PlanRow, 'id' | 'currency' | 'terminalId' | 'createdAt'>>

/** One of each kind that API.md §8 names. */
const PLANS: readonly PlanFacts[] = [
  { name: 'Monthly', recurringMinor: 2999n },
  { name: 'Monthly with set-up', recurringMinor: 4900n, setupMinor: 2500n, taxType: 'customer' },
  { name: 'Monthly after a trial', recurringMinor: 7550n, freeTrialDays: 14 },
  {
    name: 'Set-up now, months after a trial',
    recurringMinor: 3500n,
    setupMinor: 1000n,
    setupBilled: 'immediate',
    freeTrialDays: 7,
  },
  { name: 'Month-end', recurringMinor: 5500n, type: 'cycle', billsOn: '31' },
  { name: 'Fifteenth', recurringMinor: 1999n, type: 'cycle', billsOn: '15', taxType: 'merchant' },
  { name: 'Weekly', recurringMinor: 1500n, period: 'weekly' },
  { name: 'Mondays', recurringMinor: 1250n, period: 'weekly', type: 'cycle', billsOn: 'Monday' },
  { name: 'Fortnightly', recurringMinor: 2750n, period: 'weekly', increments: 2, taxType: 'customer' },
  { name: 'Daily', recurringMinor: 350n, period: 'daily' },
  { name: 'Quarterly', recurringMinor: 9900n, increments: 3 },
  { name: 'Yearly', recurringMinor: 36_000n, period: 'yearly' },
  { name: 'Four weeks', recurringMinor: 2000n, period: 'weekly', termType: 'expires', termLength: 4 },
  { name: 'Monthly by bank', recurringMinor: 12_000n, paymentMethod: 'bank' },
  { name: 'Weekly by bank', recurringMinor: 4000n, period: 'weekly', paymentMethod: 'bank', taxType: 'customer' },
  { name: 'Withdrawn', recurringMinor: 999n, status: 'inactive' },
]

/** Plans per currency, each on the first terminal of that currency, and the add-ons they offer. */
export function enterPlans(records: Records, terminals: readonly TerminalRow[], startsAt: Instant): void {
  const createdAt = toInstant(startsAt - 200 * 86_400_000)
  const updatedAt = toInstant(createdAt + 5 * 3_600_000)
  const addOn = (currency: string, facts: Pick<AddOnRow, 'name' | 'amountMinor' | 'frequency'>) =>
    records.addOns.add((id) => ({
      ...facts,
      id,
      createdAt,
      updatedAt: id % 2n === 0n ? updatedAt : null,
      description: `${facts.name} (${currency})`,
      currency,
      isQuantityEditable: id % 3n !== 0n,
    })).id
  for (const currency of new Set(terminals.map((terminal) => terminal.currency))) {
    const terminalId = terminals.find((terminal) => terminal.currency === currency)?.id ?? 0n
    const addOnIds = [
      addOn(currency, { name: 'Locker', amountMinor: 1000n, frequency: 'recurring' }),
      addOn(currency, { name: 'Welcome kit', amountMinor: 2500n, frequency: 'one_time' }),
    ]
    for (const facts of PLANS) {
      records.plans.add((id) => ({
        id,
        createdAt,
        updatedAt: id % 2n === 0n ? updatedAt : null,
        description: `${facts.name}, in ${currency}`,
        type: 'subscription',
        status: 'active',
        currency,
        terminalId,
        setupMinor: 0n,
        recurringMinor: 0n,
        period: 'monthly',
        increments: 1,
        billsOn: 'Sign-up',
        termType: 'forever',
        termLength: 1,
        freeTrialDays: 0,
        taxType: 'no_tax',
        paymentMethod: 'card',
        setupBilled: 'first_billing',
        addOnIds,
        ...facts,
      }))
    }
  }
}
