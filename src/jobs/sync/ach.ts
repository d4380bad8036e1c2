import { achBatchMirror, achTransactionMirror } from '../../db/mirror/ach.ts'
import { achBatches, achTransactions } from '../../helcim/endpoints/ach.ts'
import { askedDays, isAmongAsked } from './days-window.ts'
import { proveWalk } from './prove-walk.ts'
import { defineResource } from './resource.ts'

export const achTransactionResource = defineResource({
  name: 'ach_transaction',
  endpoint: achTransactions,
  mirror: achTransactionMirror,
  pageLimit: 125,
  call(window, { limit, page }) {
    if (window.kind !== 'days') throw new Error(`ACH transactions are not read by ${window.kind}`)
    const { from: startDate, to: endDate } = askedDays(window)
    return achTransactions.list({ startDate, endDate, limit, page })
  },
  isInside: ({ created }, window) => window.kind !== 'days' || isAmongAsked(created, window),
  afterWalk: proveWalk(achTransactionMirror),
})

export const achBatchResource = defineResource({
  name: 'ach_batch',
  endpoint: achBatches,
  mirror: achBatchMirror,
  pageLimit: 1_000,
  call: () => achBatches.list(),
  isInside: () => true,
  afterWalk: proveWalk(achBatchMirror),
})
