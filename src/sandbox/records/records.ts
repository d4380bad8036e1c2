import { type Collection, createCollection } from '../collection.ts'
import type { Zone } from '../zone.ts'
import type { AchBatchRow, AchTransactionRow } from './ach.ts'
import type { CustomerRow } from './customer.ts'
import type { InvoiceRow } from './invoice.ts'
import type { AddOnRow, PlanRow, SubscriptionRow } from './recurring.ts'

/** Everything but card data, which have rules of their own (`Merchant`). */
export interface Records {
  readonly customers: Collection<CustomerRow, 'code'>
  readonly invoices: Collection<InvoiceRow, 'number' | 'date' | 'customerId'>
  readonly plans: Collection<PlanRow>
  readonly addOns: Collection<AddOnRow>
  readonly subscriptions: Collection<SubscriptionRow, 'customerCode'>
  readonly achTransactions: Collection<AchTransactionRow, 'batchId' | 'date'>
  readonly achBatches: Collection<AchBatchRow>
}

/** @param zone the one served, by whose dates rows are found */
export function createRecords(options: { seed: number; lagMs: number; zone: Zone }): Records {
  const { zone } = options
  const date = (row: { readonly createdAt: AchTransactionRow['createdAt'] }) => zone.date(row.createdAt)
  return {
    customers: createCollection<CustomerRow, 'code'>({
      ...options,
      name: 'customer',
      idFirst: 28_630_000n,
      idStepMax: 30,
      indexes: [['code', ({ code }) => code]],
    }),
    invoices: createCollection<InvoiceRow, 'number' | 'date' | 'customerId'>({
      ...options,
      name: 'invoice',
      idFirst: 43_590_000n,
      idStepMax: 9,
      indexes: [
        ['number', ({ number }) => number.toUpperCase()],
        ['date', date],
        ['customerId', ({ customerId }) => String(customerId)],
      ],
    }),
    plans: createCollection<PlanRow>({ ...options, name: 'payment plan', idFirst: 6390n, idStepMax: 12 }),
    addOns: createCollection<AddOnRow>({ ...options, name: 'add-on', idFirst: 420n, idStepMax: 4 }),
    subscriptions: createCollection<SubscriptionRow, 'customerCode'>({
      ...options,
      name: 'subscription',
      idFirst: 19_900n,
      idStepMax: 6,
      indexes: [['customerCode', ({ customerCode }) => customerCode]],
    }),
    achTransactions: createCollection<AchTransactionRow, 'batchId' | 'date'>({
      ...options,
      name: 'ACH transaction',
      idFirst: 109_300n,
      idStepMax: 25,
      indexes: [
        ['batchId', ({ batchId }) => String(batchId)],
        ['date', date],
      ],
    }),
    achBatches: createCollection<AchBatchRow>({ ...options, name: 'ACH batch', idFirst: 47_300n, idStepMax: 20 }),
  }
}
