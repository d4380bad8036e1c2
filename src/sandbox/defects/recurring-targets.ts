import type { Instant } from '../../domain/clock.ts'
import type { PlanRow, SubscriptionPayment, SubscriptionRow } from '../records/recurring.ts'
import type { TransactionRow } from '../rows.ts'
import type { DefectContext } from './catalogue.ts'

const DAY_MS = 86_400_000

/** A payment that was approved, with the card transaction that is its charge. */
export interface Paid {
  readonly row: SubscriptionRow
  readonly plan: PlanRow
  readonly payment: SubscriptionPayment & { readonly processedAt: Instant }
  readonly charge: TransactionRow
}

/** Subscriptions by card that are their customer's only one, of this currency or any, and that no defect has taken. */
export function loneSubscriptions({ merchant }: DefectContext): { row: SubscriptionRow; plan: PlanRow }[] {
  const { subscriptions, plans } = merchant.records
  return subscriptions
    .all()
    .map((row) => ({ row, plan: plans.need(row.planId) }))
    .filter(
      ({ row, plan }) =>
        plan.paymentMethod === 'card' && subscriptions.by('customerCode', row.customerCode).length === 1,
    )
}

/** Their payments that were charged at the first try, at least a day after history began, and never refunded. */
export function paidPayments(context: DefectContext): Paid[] {
  const { merchant, history, at } = context
  const links = history.billing?.subscriptions.links() ?? []
  const referred = new Set(merchant.transactions().map(({ originalId }) => originalId))
  const lone = new Map(loneSubscriptions(context).map((one) => [one.row.id, one]))
  const first = merchant.transactions().at(0)?.createdAt ?? at
  return links.flatMap(({ subscriptionId, paymentNumber, attempt, via, transactionId }) => {
    const one = lone.get(subscriptionId)
    const payment = one?.row.payments.find(({ number }) => number === paymentNumber)
    const charge = via === 'card' ? merchant.transaction(transactionId) : undefined
    if (!one || !charge || attempt !== 0 || payment?.status !== 'approved' || payment.processedAt === null) return []
    // A retry of another payment on the same day takes the same amount: which of both a further charge repeats is not told.
    const { processedAt } = payment
    const isAlone = one.row.payments.every(
      (other) => other === payment || Math.abs((other.processedAt ?? 0) - processedAt) > DAY_MS / 2,
    )
    if (!isAlone) return []
    if (charge.status !== 'approved' || referred.has(charge.id) || processedAt < first + DAY_MS) return []
    return [{ ...one, payment: { ...payment, processedAt }, charge }]
  })
}

/** One of them that no other defect has taken; undefined when there is none (yet). */
export function claimOne<T extends { readonly row: SubscriptionRow }>(
  { ledger, random }: DefectContext,
  candidates: readonly T[],
): T | undefined {
  const left = [...candidates]
  while (left.length > 0) {
    const one = random.pick(left)
    if (ledger.claim(`customer ${one.row.customerCode}`)) return one
    left.splice(left.indexOf(one), 1)
  }
  return undefined
}

/** Whether a row made at that time belongs into the batch of another: it was open then, and still is or closed later. */
export function isWithinBatch({ merchant }: DefectContext, { batchId }: TransactionRow, at: Instant): boolean {
  const batch = merchant.batch(batchId)
  if (!batch || at < batch.createdAt) return false
  return (batch.closedAt ?? batch.closesAt ?? Number.POSITIVE_INFINITY) > at
}
