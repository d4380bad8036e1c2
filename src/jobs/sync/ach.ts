import { achBatchMirror, achTransactionMirror } from '../../db/mirror/ach.ts'
import { ACH_FOLLOWED_DAYS } from '../../domain/ach.ts'
import { achBatches, achTransactions } from '../../helcim/endpoints/ach.ts'
import { askedDays, isAmongAsked } from './days-window.ts'
import { proveWalk } from './prove-walk.ts'
import { defineResource } from './resource.ts'

const HOUR_MS = 3_600_000

/** A day is read again while it is so young (API.md §11): longer than it is followed, so that a daemon that was away for some days loses nothing. */
const CHANGING_DAYS = 35

export const achTransactionResource = defineResource({
  name: 'ach_transaction',
  endpoint: achTransactions,
  mirror: achTransactionMirror,
  rhythm: {
    kind: 'days',
    stretches: [
      { days: 3, everyMs: 6 * HOUR_MS, callClass: 'detail' },
      { days: CHANGING_DAYS, everyMs: 24 * HOUR_MS, callClass: 'backfill' },
    ],
    finalAfterDays: ACH_FOLLOWED_DAYS,
  },
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
  rhythm: { kind: 'list', everyMs: 6 * HOUR_MS, callClass: 'detail' },
  pageLimit: 1_000,
  call: () => achBatches.list(),
  isInside: () => true,
  afterWalk: proveWalk(achBatchMirror),
})
