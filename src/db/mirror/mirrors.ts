import { achBatchMirror, achTransactionMirror } from './ach.ts'
import { cardBatchMirror } from './card-batches.ts'
import { cardTerminalMirror } from './card-terminals.ts'
import { cardTransactionMirror } from './card-transactions.ts'
import { customerMirror } from './customers.ts'
import { invoiceMirror } from './invoices.ts'
import type { MirrorTable } from './mirror-table.ts'
import { addOnMirror, paymentPlanMirror, subscriptionDetailMirror, subscriptionMirror } from './recurring.ts'

/** What is said of every mirrored table alike needs nothing of its records. */
type AnyMirror = Pick<MirrorTable<never>, 'resource' | 'table' | 'idColumn' | 'dateColumn' | 'parts' | 'marks'>

/** Every mirrored table but that of card transactions, whose faults are told with their money. */
export const OTHER_MIRRORS: readonly AnyMirror[] = [
  cardTerminalMirror,
  cardBatchMirror,
  customerMirror,
  invoiceMirror,
  paymentPlanMirror,
  addOnMirror,
  subscriptionMirror,
  subscriptionDetailMirror,
  achTransactionMirror,
  achBatchMirror,
]

export const ALL_MIRRORS: readonly AnyMirror[] = [cardTransactionMirror, ...OTHER_MIRRORS]
