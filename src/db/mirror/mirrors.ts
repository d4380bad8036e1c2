import { achBatchMirror, achTransactionMirror } from './ach.ts'
import { cardBatchMirror } from './card-batches.ts'
import { cardTerminalMirror } from './card-terminals.ts'
import { cardTransactionMirror } from './card-transactions.ts'
import { customerMirror } from './customers.ts'
import { invoiceMirror } from './invoices.ts'
import type { MirrorTable } from './mirror-table.ts'
import { addOnMirror, paymentPlanMirror, subscriptionDetailMirror, subscriptionMirror } from './recurring.ts'

/** What is said of every mirrored table alike needs no more than its names. */
type MirrorNames = Pick<MirrorTable<never>, 'resource' | 'table' | 'idColumn'>

/** Every mirrored table but that of card transactions, whose faults are told with their money. */
export const OTHER_MIRRORS: readonly MirrorNames[] = [
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

export const ALL_MIRRORS: readonly MirrorNames[] = [cardTransactionMirror, ...OTHER_MIRRORS]
