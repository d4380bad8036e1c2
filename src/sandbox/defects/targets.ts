import type { Sale } from '../history/payments.ts'
import type { BatchRow, TransactionRow } from '../rows.ts'
import type { DefectContext } from './catalogue.ts'

/** An ordinary sale of that moment, by a customer of that terminal. */
export function sell({ at, terminalId, history, random }: DefectContext, amountMinor?: bigint): TransactionRow {
  return history.payments.purchase(saleOf({ at, terminalId, history, random }, amountMinor))
}

export function saleOf(
  { at, terminalId, history, random }: Pick<DefectContext, 'at' | 'terminalId' | 'history' | 'random'>,
  amountMinor = BigInt(random.integer(1000, 9999)),
): Sale {
  const customer = random.pick(history.customers.filter((each) => each.terminalId === terminalId))
  return { at, customer, amountMinor }
}

/** The terminal's open batch; a sale opens one where there is none. */
export function openBatchOf(context: DefectContext): BatchRow {
  const { merchant, terminalId } = context
  return merchant.openBatch(terminalId) ?? batchOf(context, sell(context))
}

export function batchOf({ merchant }: DefectContext, row: TransactionRow): BatchRow {
  const batch = merchant.batch(row.batchId)
  if (!batch) throw new Error(`transaction ${row.id} is in no batch`)
  return batch
}

/** The terminal's closed batches that no defect has touched, latest first. */
export function soundClosedBatches({ merchant, ledger, terminalId }: DefectContext): readonly BatchRow[] {
  return (
    merchant
      .batches()
      .filter((batch) => batch.terminalId === terminalId && batch.closedAt !== null)
      .filter((batch) => !batch.isHidden && !ledger.isTouched(batch.id))
      // The archive cannot be damaged.
      .filter(({ id }) => merchant.archive()?.batch(id) === undefined)
      .toReversed()
  )
}

/** A plain approved purchase that no other row refers to, so that its loss has no further consequences. */
export function loneSale(context: DefectContext, batch: BatchRow | undefined): TransactionRow | undefined {
  if (!batch) return undefined
  const { merchant, random } = context
  const referred = new Set(merchant.transactions().map(({ originalId }) => originalId))
  const lone = merchant
    .transactionsOfBatch(batch.id)
    .filter((row) => row.type === 'purchase' && row.status === 'approved' && row.disguise === null && !row.isHidden)
    .filter((row) => !referred.has(row.id))
  return lone.length > 0 ? random.pick(lone) : undefined
}
