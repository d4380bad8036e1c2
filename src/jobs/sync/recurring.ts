import { markVanished } from '../../db/coverage.ts'
import {
  addOnMirror,
  paymentPlanMirror,
  subscriptionDetailMirror,
  subscriptionMirror,
} from '../../db/mirror/recurring.ts'
import type { PullWindow } from '../../domain/pull.ts'
import type { ListEndpoint } from '../../helcim/endpoint.ts'
import {
  addOns,
  paymentPlans,
  type RecurringQuery,
  subscriptionById,
  subscriptionDetails,
  subscriptions,
} from '../../helcim/endpoints/recurring.ts'
import { innerRecords } from './inner-records.ts'
import { proveWalk } from './prove-walk.ts'
import { defineResource, type PageAsked } from './resource.ts'

/** Plans change when a merchant edits one. */
export const paymentPlanResource = defineResource({
  name: 'payment_plan',
  endpoint: paymentPlans,
  mirror: paymentPlanMirror,
  pageLimit: 100,
  call: (window, page) => wholeList(paymentPlans, window, page),
  isInside: () => true,
  afterWalk: proveWalk(paymentPlanMirror),
})

export const addOnResource = defineResource({
  name: 'add_on',
  endpoint: addOns,
  mirror: addOnMirror,
  pageLimit: 100,
  call: (window, page) => wholeList(addOns, window, page),
  isInside: () => true,
  afterWalk: proveWalk(addOnMirror),
})

/**
 * The list every hour; payments and add-ons of those in which it shows a change (`ask-for-needs.ts`), a call each, unless
 * the list already holds them.
 */
export const subscriptionResource = defineResource({
  name: 'subscription',
  endpoint: subscriptions,
  mirror: subscriptionMirror,
  pageLimit: 100,
  call: (window, page) =>
    window.kind === 'one' ? subscriptionById(window.id) : wholeList(subscriptions, window, page),
  isInside: ({ subscriptionId }, window) => window.kind !== 'one' || subscriptionId === window.id,
  inner: innerRecords(subscriptionDetails, subscriptionDetailMirror),
  afterWalk: proveWalk(subscriptionMirror),
  async afterMissing(tx, { pull, now }) {
    const { accountId, window, walkStartedAt: readAt } = pull
    await markVanished(tx, subscriptionMirror, { accountId, window, seenIds: [], readAt, now })
  },
})

function wholeList<R>(endpoint: ListEndpoint<R, RecurringQuery>, { kind }: PullWindow, page: PageAsked) {
  if (kind !== 'all') throw new Error(`${endpoint.resource} are not read by ${kind}`)
  return endpoint.list(page)
}
