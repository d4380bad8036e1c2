import type { HelcimId } from '../../domain/record.ts'
import {
  type AddOn,
  type PaymentPlan,
  SUBSCRIPTION_PAYMENT_STATUSES,
  SUBSCRIPTION_STATUSES,
  type Subscription,
  type SubscriptionAddOn,
  type SubscriptionDetail,
  type SubscriptionPayment,
} from '../../domain/recurring.ts'
import { type EndpointCall, type ListEndpoint, queryOf, type RecordShape } from '../endpoint.ts'
import type { JsonObject } from '../json.ts'
import {
  type Reading,
  readCount,
  readCountOrNone,
  readCurrency,
  readDay,
  readDecimal,
  readFlag,
  readFlagOrCount,
  readId,
  readIdOrNone,
  readKnown,
  readMinor,
  readMinorOrNone,
  readParts,
  readText,
  readTime,
} from '../reading.ts'

export interface RecurringQuery {
  readonly limit: number
  readonly page: number
  /** Rows that the pages before held. */
  readonly offset: number
}

const PAGING = { style: 'offset', limitMax: 100 } as const

/**
 * A list of the Recurring API. The names of its paging parameters are presumed (API.md, point 22): both that are in use
 * are sent, since one that is not known is ignored in silence; the walk sees whether one of them held. In ascending order
 * a new record comes last and moves nothing.
 */
function recurringCall(path: string, { limit, page, offset }: RecurringQuery, extra = {}): EndpointCall {
  const query = queryOf({ sort: 'id.asc', limit, offset, page, ...extra })
  return { method: 'GET', name: `GET ${path}`, path, query, isEmptyWhen204: true }
}

/** Neither add-ons nor subscriptions name a currency; all that Helcim sells in, CAD and USD, have two digits. */
const AMOUNT_DIGITS = 2

/** `GET /payment-plans` */
export const paymentPlans: ListEndpoint<PaymentPlan, RecurringQuery> = {
  resource: 'payment_plans',
  name: 'GET /payment-plans',
  paging: PAGING,
  idKey: 'id',
  list: (query) => recurringCall('/payment-plans', query),
  decode(reading, paymentPlanId) {
    const { currency, digits } = readCurrency(reading, 'currency')
    return {
      paymentPlanId,
      name: readText(reading, 'name'),
      description: readText(reading, 'description'),
      type: readKnown(reading, 'type', ['subscription', 'cycle']),
      status: readKnown(reading, 'status', ['active', 'inactive']),
      currency,
      cardTerminalId: readIdOrNone(reading, 'cardTerminalId'),
      setupMinor: readMinorOrNone(reading, 'setupAmount', digits),
      recurringMinor: readMinor(reading, 'recurringAmount', digits),
      billingPeriod: readKnown(reading, 'billingPeriod', ['daily', 'weekly', 'monthly', 'yearly']),
      billingPeriodIncrements: readCountOrNone(reading, 'billingPeriodIncrements'),
      billingDay: readText(reading, 'dateBilling'),
      termType: readText(reading, 'termType'),
      termLength: readCountOrNone(reading, 'termLength'),
      freeTrialDays: readCountOrNone(reading, 'freeTrialPeriod'),
      taxType: readText(reading, 'taxType'),
      paymentMethod: readText(reading, 'paymentMethod'),
      created: readTime(reading, 'dateCreated'),
      updated: readTime(reading, 'dateUpdated'),
    }
  },
}

/** `GET /add-ons` */
export const addOns: ListEndpoint<AddOn, RecurringQuery> = {
  resource: 'add_ons',
  name: 'GET /add-ons',
  paging: PAGING,
  idKey: 'id',
  list: (query) => recurringCall('/add-ons', query),
  decode: (reading, addOnId) => ({
    addOnId,
    name: readText(reading, 'name'),
    description: readText(reading, 'description'),
    amountMinor: readMinor(reading, 'amount', AMOUNT_DIGITS),
    frequency: readKnown(reading, 'frequency', ['one_time', 'recurring']),
    isQuantityEditable: readFlag(reading, 'isQuantityEditable'),
    created: readTime(reading, 'dateCreated'),
    updated: readTime(reading, 'dateUpdated'),
  }),
}

/** Come only when asked for, and perhaps for single subscriptions only. `addOns` is what a community client calls them. */
const ADD_ON_KEYS = ['subscriptionAddOns', 'addOns'] as const
const SUB_OBJECT_KEYS: readonly string[] = ['payments', ...ADD_ON_KEYS]
/** The list ignores it or spares a call for each subscription. */
const WITH_SUB_OBJECTS = { includeSubObjects: 'true' }

/** `GET /subscriptions`, without their sub-objects: those are `subscriptionDetails`. */
export const subscriptions: ListEndpoint<Subscription, RecurringQuery> = {
  resource: 'subscriptions',
  name: 'GET /subscriptions',
  paging: PAGING,
  idKey: 'id',
  list: (query) => recurringCall('/subscriptions', query, WITH_SUB_OBJECTS),
  select: (object) => pick(object, (key) => !SUB_OBJECT_KEYS.includes(key)),
  decode: (reading, subscriptionId) => ({
    subscriptionId,
    status: readKnown(reading, 'status', SUBSCRIPTION_STATUSES),
    paymentPlanId: readId(reading, 'paymentPlanId'),
    customerCode: readText(reading, 'customerCode') ?? '',
    timesBilled: readCount(reading, 'timesBilled'),
    recurringMinor: readMinor(reading, 'recurringAmount', AMOUNT_DIGITS),
    setupMinor: readMinorOrNone(reading, 'setupAmount', AMOUNT_DIGITS),
    freeTrialDays: readCountOrNone(reading, 'freeTrialPeriod'),
    cyclesMax: readCountOrNone(reading, 'maxCycles'),
    hasFailedPayments: readFlagOrCount(reading, 'hasFailedPayments'),
    paymentMethod: readText(reading, 'paymentMethod'),
    activated: readDay(reading, 'dateActivated'),
    billing: readDay(reading, 'dateBilling'),
    created: readTime(reading, 'dateCreated'),
    updated: readTime(reading, 'dateUpdated'),
  }),
}

/** `GET /subscriptions/{id}` with its sub-objects. */
export const subscriptionById = (id: HelcimId): EndpointCall => ({
  method: 'GET',
  name: 'GET /subscriptions/{id}',
  path: `/subscriptions/${id}`,
  query: WITH_SUB_OBJECTS,
  isEmptyWhen204: true,
})

/** The sub-objects of a subscription, wherever an answer holds them. */
export const subscriptionDetails: RecordShape<SubscriptionDetail> & { readonly name: string } = {
  resource: 'subscription_details',
  name: 'GET /subscriptions/{id}',
  idKey: 'id',
  select: (object) =>
    (object.payments ?? null) === null ? null : pick(object, (key) => key === 'id' || SUB_OBJECT_KEYS.includes(key)),
  decode: (reading, subscriptionId) => ({
    subscriptionId,
    payments: readParts(reading, 'payments', readPayment) ?? [],
    addOns: ADD_ON_KEYS.map((key) => readParts(reading, key, readAddOn)).find((list) => list !== null) ?? null,
  }),
}

const readPayment = (payment: Reading): SubscriptionPayment => ({
  paymentId: readId(payment, 'id'),
  paymentNumber: readCount(payment, 'paymentNumber'),
  status: readKnown(payment, 'status', SUBSCRIPTION_PAYMENT_STATUSES),
  due: readDay(payment, 'dateDue'),
  processed: readTime(payment, 'dateProcessed'),
  amountMinor: readMinor(payment, 'amount', AMOUNT_DIGITS),
  setupMinor: readMinorOrNone(payment, 'setupAmount', AMOUNT_DIGITS),
  recurringMinor: readMinorOrNone(payment, 'recurringAmount', AMOUNT_DIGITS),
  addOnMinor: readMinorOrNone(payment, 'addOnAmount', AMOUNT_DIGITS),
  taxMinor: readMinorOrNone(payment, 'taxAmount', AMOUNT_DIGITS),
  countRetries: readCountOrNone(payment, 'numberOfRetries'),
})

const readAddOn = (addOn: Reading): SubscriptionAddOn => ({
  addOnId: readId(addOn, 'addOnId'),
  name: readText(addOn, 'name'),
  description: readText(addOn, 'description'),
  amountMinor: readMinor(addOn, 'amount', AMOUNT_DIGITS),
  frequency: readText(addOn, 'frequency'),
  quantity: readDecimal(addOn, 'quantity'),
  isActive: readFlag(addOn, 'isActive'),
  firstPaymentNumber: readCountOrNone(addOn, 'firstProcessedPaymentNumber'),
  lastPaymentNumber: readCountOrNone(addOn, 'lastProcessedPaymentNumber'),
})

const pick = (object: JsonObject, isWanted: (key: string) => boolean): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([key]) => isWanted(key)))
