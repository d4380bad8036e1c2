import type { Endpoint, EndpointCall } from '../endpoint.ts'
import { amountFilter, codeFilter, isDate, numberFilter, textFilter, wordFilter } from '../filters.ts'
import type { Switches } from '../options.ts'
import {
  type AddOnRow,
  chargedMinor,
  countFailed,
  type PlanRow,
  type SubscriptionAddOn,
  type SubscriptionPayment,
  type SubscriptionRow,
  timesBilled,
} from '../records/recurring.ts'
import { renderKept, renderRecord, type ServedRecord, spellAmount, spellTime } from '../served.ts'
import { ZERO_DATE } from '../zone.ts'
import { answerList, answerOne, type RecurringResource } from './recurring-envelope.ts'

const PLANS: RecurringResource<PlanRow> = {
  records: ({ merchant }) => merchant.records.plans,
  filters: {
    id: numberFilter(({ id }) => id),
    name: textFilter(({ name }) => name),
    type: wordFilter(['subscription', 'cycle'], ({ type }) => type),
    status: wordFilter(['active', 'inactive'], ({ status }) => status),
    currency: wordFilter(['CAD', 'USD'], ({ currency }) => currency),
    setupAmount: amountFilter(({ setupMinor }) => setupMinor),
    recurringAmount: amountFilter(({ recurringMinor }) => recurringMinor),
    billingPeriod: wordFilter(['daily', 'weekly', 'monthly', 'yearly'], ({ period }) => period),
    billingPeriodIncrements: numberFilter(({ increments }) => increments),
    dateBilling: textFilter(({ billsOn }) => billsOn),
  },
  sortKeys: {
    id: ({ id }) => id,
    name: ({ name }) => name,
    dateCreated: ({ createdAt }) => createdAt,
    recurringAmount: ({ recurringMinor }) => recurringMinor,
  },
  render(row, { zone, switches, merchant }) {
    const money = (minor: bigint) => spellAmount(minor, row.currency, switches.amountTypes)
    const served = new Map([
      ['id', String(row.id)],
      ['dateCreated', spellTime(row.createdAt, zone)],
      ['dateUpdated', spellTime(row.updatedAt, zone)],
      ['userId', '4279294'],
      ['name', JSON.stringify(row.name)],
      ['businessEmail', '""'],
      ['businessName', '""'],
      ['description', JSON.stringify(row.description)],
      ['type', JSON.stringify(row.type)],
      ['status', JSON.stringify(row.status)],
      ['currency', JSON.stringify(row.currency)],
      ['cardTerminalId', String(row.terminalId)],
      ['setupAmount', money(row.setupMinor)],
      ['recurringAmount', money(row.recurringMinor)],
      ['billingPeriod', JSON.stringify(row.period)],
      ['billingPeriodIncrements', String(row.increments)],
      ['dateBilling', JSON.stringify(row.billsOn)],
      ['termType', JSON.stringify(row.termType)],
      ['freeTrialPeriod', String(row.freeTrialDays)],
      ['taxType', JSON.stringify(row.taxType)],
      ['termLength', String(row.termLength)],
      ['paymentMethod', JSON.stringify(row.paymentMethod)],
      ['defaultPaymentLinkId', '0'],
      ['addOnIds', `[${row.addOnIds.join(',')}]`],
    ])
    // Named by the reference and not printed by the guide; plans without set-up fee leave them out.
    if (row.setupMinor > 0n)
      served.set('billSetupImmediately', JSON.stringify(row.setupBilled)).set('isProrated', '"no"')
    return renderKept(served, row, merchant.records.plans)
  },
}

const ADD_ONS: RecurringResource<AddOnRow> = {
  records: ({ merchant }) => merchant.records.addOns,
  filters: {
    id: numberFilter(({ id }) => id),
    name: textFilter(({ name }) => name),
    frequency: wordFilter(['one_time', 'recurring'], ({ frequency }) => frequency),
    amount: amountFilter(({ amountMinor }) => amountMinor),
  },
  sortKeys: { id: ({ id }) => id, name: ({ name }) => name, dateCreated: ({ createdAt }) => createdAt },
  render: (row, { zone, switches, merchant }) =>
    renderKept(
      new Map([
        ['id', String(row.id)],
        ['dateCreated', spellTime(row.createdAt, zone)],
        ['dateUpdated', spellTime(row.updatedAt, zone)],
        ['name', JSON.stringify(row.name)],
        ['description', JSON.stringify(row.description)],
        ['amount', spellAmount(row.amountMinor, row.currency, switches.amountTypes)],
        ['frequency', JSON.stringify(row.frequency)],
        ['isQuantityEditable', String(row.isQuantityEditable)],
      ]),
      row,
      merchant.records.addOns,
    ),
}

const dateFilter =
  (read: (row: SubscriptionRow) => string) =>
  (asked: string): ((row: SubscriptionRow) => boolean) | undefined =>
    isDate(asked) ? (row) => read(row) === asked : undefined

const SUBSCRIPTIONS: RecurringResource<SubscriptionRow> = {
  records: ({ merchant }) => merchant.records.subscriptions,
  filters: {
    id: numberFilter(({ id }) => id),
    dateActivated: dateFilter(({ activatedOn }) => activatedOn),
    dateBilling: dateFilter(({ billsOn }) => billsOn),
    status: wordFilter(['active', 'paused', 'cancelled', 'term_ending', 'term_ended'], ({ status }) => status),
    paymentPlanId: numberFilter(({ planId }) => planId),
    customerCode: codeFilter(({ customerCode }) => customerCode),
    timesBilled: numberFilter(timesBilled),
    setupAmount: amountFilter(({ setupMinor }) => setupMinor),
    recurringAmount: amountFilter(({ recurringMinor }) => recurringMinor),
    freeTrialPeriod: numberFilter(({ freeTrialDays }) => freeTrialDays),
    maxCycles: numberFilter(({ cyclesMax }) => cyclesMax),
    hasFailedPayments(asked) {
      if (!/^(?:yes|no|true|false|1|0)$/.test(asked)) return undefined
      const isWanted = /^(?:yes|true|1)$/.test(asked)
      return (row) => countFailed(row) > 0 === isWanted
    },
  },
  sortKeys: {
    id: ({ id }) => id,
    dateCreated: ({ createdAt }) => createdAt,
    dateBilling: ({ billsOn }) => billsOn,
    dateActivated: ({ activatedOn }) => activatedOn,
    timesBilled,
  },
  render(row, call, form) {
    const { zone, switches, merchant, query } = call
    const currency = merchant.records.plans.get(row.planId)?.currency ?? 'CAD'
    const money = (minor: bigint) => spellAmount(minor, currency, switches.amountTypes)
    const updatedAt = { edits: row.editedAt, everything: row.touchedAt, never: null }[switches.subscriptionDateUpdated]
    const served: ServedRecord = new Map([
      ['id', String(row.id)],
      ['dateCreated', spellTime(row.createdAt, zone)],
      ['dateUpdated', spellTime(updatedAt === row.createdAt ? null : updatedAt, zone)],
      ['dateActivated', JSON.stringify(row.activatedOn)],
      ['dateBilling', JSON.stringify(row.billsOn)],
      ['status', JSON.stringify(row.status)],
      ['paymentPlanId', String(row.planId)],
      ['customerCode', JSON.stringify(row.customerCode)],
      ['timesBilled', String(timesBilled(row))],
      ['recurringAmount', money(row.recurringMinor)],
      ['freeTrialPeriod', String(row.freeTrialDays)],
      ['hasFailedPayments', spellFailed(countFailed(row), switches.hasFailedPayments)],
    ])
    // Named by the reference and not printed by the guide, so that they come with those that need them.
    if (row.setupMinor > 0n) served.set('setupAmount', money(row.setupMinor))
    if (row.cyclesMax > 0) served.set('maxCycles', String(row.cyclesMax))
    if (row.paymentMethod === 'bank') served.set('paymentMethod', '"bank"')
    if (query.includeSubObjects === 'true' && (form === 'single' || switches.subObjectsOnList)) {
      served.set('payments', `[${row.payments.map((each) => renderPayment(each, row, money, call)).join(',')}]`)
      served.set(switches.subscriptionAddOnsKey, `[${row.addOns.map((each) => renderAddOn(each, money)).join(',')}]`)
    }
    return renderKept(served, row, merchant.records.subscriptions)
  },
}

export const RECURRING_ENDPOINTS: readonly Endpoint[] = [
  ...endpointsOf('/payment-plans', PLANS),
  ...endpointsOf('/add-ons', ADD_ONS),
  ...endpointsOf('/subscriptions', SUBSCRIPTIONS),
]

function endpointsOf<R extends PlanRow | AddOnRow | SubscriptionRow>(
  path: string,
  resource: RecurringResource<R>,
): readonly Endpoint[] {
  const needs = { general: 'read' } as const
  return [
    { method: 'GET', path, needs, answer: (call) => answerList(resource, call) },
    { method: 'GET', path: `${path}/:id`, needs, answer: (call) => answerOne(resource, call.parameters.id, call) },
  ]
}

/** In every type that was seen or is spoken of (API.md §8, and point 14 of what is uncertain). */
function spellFailed(count: number, form: Switches['hasFailedPayments']): string {
  if (form === 'number') return String(count)
  if (form === 'boolean') return String(count > 0)
  const [yes, no] = form === 'yes-no' ? ['"yes"', '"no"'] : ['"true"', '"false"']
  return count > 0 ? yes : no
}

function renderPayment(
  payment: SubscriptionPayment,
  row: SubscriptionRow,
  money: (minor: bigint) => string,
  { zone, switches }: EndpointCall,
): string {
  const isWaiting = payment.status === 'waiting'
  const isFilled = switches.waitingParts === 'filled'
  const parts = isWaiting && isFilled ? { ...payment, recurringMinor: row.recurringMinor } : payment
  const amounts = {
    charged: chargedMinor(parts),
    'before-tax': chargedMinor(parts) - parts.taxMinor,
    recurring: parts.recurringMinor,
  }
  // What waits has an amount though its parts are zero, as printed.
  const amountMinor = isWaiting ? row.recurringMinor : amounts[switches.subscriptionAmount]
  return renderRecord(
    new Map([
      ['id', String(payment.id)],
      ['setupAmount', money(parts.setupMinor)],
      ['recurringAmount', money(parts.recurringMinor)],
      ['addOnAmount', money(parts.addOnMinor)],
      ['amount', money(amountMinor)],
      ['taxAmount', money(parts.taxMinor)],
      ['status', JSON.stringify(payment.status)],
      ['dateDue', JSON.stringify(`${payment.dueOn} 00:00:00`)],
      [
        'dateProcessed',
        payment.processedAt === null ? JSON.stringify(ZERO_DATE) : spellTime(payment.processedAt, zone),
      ],
      ['paymentNumber', String(payment.number)],
      ['numberOfRetries', String(payment.countRetries)],
    ]),
  )
}

const renderAddOn = (addOn: SubscriptionAddOn, money: (minor: bigint) => string): string =>
  renderRecord(
    new Map([
      ['addOnId', String(addOn.addOnId)],
      ['name', JSON.stringify(addOn.name)],
      ['description', JSON.stringify(addOn.description)],
      ['amount', money(addOn.amountMinor)],
      ['firstProcessedPaymentNumber', String(addOn.firstPaymentNumber)],
      ['lastProcessedPaymentNumber', String(addOn.lastPaymentNumber)],
      ['isActive', String(addOn.isActive)],
      ['frequency', JSON.stringify(addOn.frequency)],
      ['quantity', String(addOn.quantity)],
    ]),
  )
