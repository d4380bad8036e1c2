import { type Instant, toInstant } from '../../domain/clock.ts'
import type { Merchant } from '../merchant.ts'
import type { AchBatchRow, AchFigure, AchTransactionRow } from '../records/ach.ts'
import type { TruthEntry } from '../truth.ts'
import type { Defect, DefectContext } from './catalogue.ts'

const DAY_MS = 86_400_000

/** Family C: bank payments. Each makes its own, so that no invoice or subscription is concerned. */
export const ACH_DEFECTS = {
  // A closed batch states more withdrawals than it holds, and in another one deposits that are not there.
  ach_batch_total_differs: wrongFigure('Withdrawals', { minor: 1500n, count: 0 }),
  'ach_batch_total_differs:count': wrongFigure('Deposits', { minor: 0n, count: 1 }),
  // A withdrawal of eleven days ago comes back from the bank.
  ach_returned(context: DefectContext) {
    const row = addOld(context, 11)
    if (row) context.merchant.records.achTransactions.alter(row.id, { statusClearing: 'RETURNED' })
    return row !== undefined
  },
  // A withdrawal of eleven days ago has not cleared and never will.
  ach_clearing_overdue(context: DefectContext) {
    const row = addOld(context, 11)
    if (row) note(context, 'ach_clearing_overdue', row)
    return row !== undefined
  },
} satisfies Record<string, Defect>

export const ACH_INNOCENTS = {
  /** Rejected before it ever cleared: it was no money yet. */
  'innocent:bank-payment-rejected'(context: DefectContext) {
    const row = addOld(context, 8)
    if (row) context.merchant.records.achTransactions.alter(row.id, { statusClearing: 'REJECTED' })
    return row !== undefined
  },
} satisfies Record<string, Defect>

/** What came back by itself or by a defect. */
export function achEntries({ records }: Merchant, now: Instant): TruthEntry[] {
  const { achTransactions } = records
  return achTransactions
    .visible(achTransactions.all(), now)
    .filter(({ statusClearing }) => statusClearing === 'RETURNED')
    .map(({ id, currency, amountMinor }) => ({
      code: 'ach_returned',
      subject: { kind: 'ach_transaction', id: String(id) },
      currency,
      expectedMinor: amountMinor,
      actualMinor: 0n,
      isConsequence: false,
      note: 'the bank has returned it',
    }))
}

function wrongFigure(figure: AchFigure, { minor, count }: { minor: bigint; count: number }): Defect {
  return (context) => {
    const { merchant, ledger } = context
    const batch = closedBatches(context).find(
      ({ id, createdAt }) => createdAt > firstAt(context) + 3 * DAY_MS && ledger.claim(`ACH batch ${id}`),
    )
    if (!batch) return false
    merchant.records.achBatches.alter(batch.id, { lie: { minor: { [figure]: minor }, count: { [figure]: count } } })
    ledger.note({
      code: 'ach_batch_total_differs',
      subject: { kind: 'ach_batch', id: `${batch.id}:${figure.toLowerCase()}` },
      isConsequence: false,
      note: `it states other ${figure.toLowerCase()} than it holds`,
    })
    return true
  }
}

/** An approved withdrawal made that many days ago, in a batch that has closed since. */
function addOld(context: DefectContext, days: number): AchTransactionRow | undefined {
  const { merchant, random, at } = context
  const createdAt = toInstant(at - days * DAY_MS)
  const batch = closedBatches(context).find((one) => one.closedAt !== null && one.closedAt > createdAt)
  if (!batch || createdAt < firstAt(context)) return undefined
  const customer = random.pick(merchant.records.customers.all())
  return merchant.records.achTransactions.add((id) => ({
    id,
    createdAt,
    statusAuth: 'APPROVED',
    statusClearing: 'OPENED',
    type: 'WITHDRAWAL',
    batchId: batch.id,
    orderId: 0n,
    customerCode: customer.code,
    invoiceNumber: '',
    bankAccountId: customer.bankAccount.id,
    bankLastFours: customer.bankAccount.lastFours,
    amountMinor: BigInt(random.integer(2000, 20_000)),
    currency: batch.currency,
    approvalCode: 'HCMAPPRV',
    responseMessage: '',
    originalId: 0n,
  }))
}

const closedBatches = ({ merchant }: DefectContext): readonly AchBatchRow[] =>
  merchant.records.achBatches.all().filter(({ closedAt }) => closedAt !== null)

const firstAt = ({ merchant, at }: DefectContext): number => merchant.transactions().at(0)?.createdAt ?? at

function note(
  { ledger }: DefectContext,
  code: TruthEntry['code'],
  { id, currency, amountMinor }: AchTransactionRow,
): void {
  ledger.note({
    code,
    subject: { kind: 'ach_transaction', id: String(id) },
    currency,
    expectedMinor: amountMinor,
    actualMinor: 0n,
    isConsequence: false,
    note: 'it is approved and does not clear',
  })
}
