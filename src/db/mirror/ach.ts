import { ACH_FIGURES, type AchBatch, type AchTransaction } from '../../domain/ach.ts'
import type { MirrorTable } from './mirror-table.ts'
import { dayOf, timeColumns } from './time-columns.ts'

export const achTransactionMirror: MirrorTable<AchTransaction> = {
  resource: 'ach_transaction',
  table: 'helcim.ach_transactions',
  idColumn: 'ach_transaction_id',
  columns: [
    { name: 'ach_transaction_id', type: 'bigint', of: (t) => t.achTransactionId },
    { name: 'status_auth', type: 'text', of: (t) => t.statusAuth },
    { name: 'status_clearing', type: 'text', of: (t) => t.statusClearing },
    { name: 'type', type: 'text', of: (t) => t.type },
    { name: 'amount_minor', type: 'bigint', of: (t) => t.amountMinor },
    { name: 'currency', type: 'text', of: (t) => t.currency },
    { name: 'ach_batch_id', type: 'bigint', of: (t) => t.achBatchId },
    { name: 'batch_status', type: 'text', of: (t) => t.batchStatus },
    { name: 'order_id', type: 'bigint', of: (t) => t.orderId },
    { name: 'bank_account_id', type: 'bigint', of: (t) => t.bankAccountId },
    { name: 'bank_last_fours', type: 'text', of: (t) => t.bankLastFours },
    { name: 'original_transaction_id', type: 'bigint', of: (t) => t.originalTransactionId },
    { name: 'approval_code', type: 'text', of: (t) => t.approvalCode },
    { name: 'response_message', type: 'text', of: (t) => t.responseMessage },
    { name: 'is_test', type: 'boolean', of: (t) => t.isTest },
    ...timeColumns<AchTransaction>('created', (t) => t.created),
    { name: 'created_on', type: 'date', of: (t) => dayOf(t.created) },
    ...timeColumns<AchTransaction>('closed', (t) => t.closed),
  ],
  parts: [],
  watched: ['status_auth', 'status_clearing', 'type', 'amount_minor', 'currency', 'ach_batch_id'],
  dateColumn: 'created_on',
  codeColumn: null,
  marks: [
    { kind: 'customer', column: 'order_id', subjects: 'by_invoice' },
    { kind: 'books_ach_transaction', column: 'ach_transaction_id', subjects: 'itself' },
    { kind: 'invoice', column: 'order_id', subjects: 'invoice_by_id' },
    { kind: 'ach_transaction', column: 'ach_transaction_id', subjects: 'itself' },
    { kind: 'ach_batch', column: 'ach_batch_id', subjects: 'itself' },
  ],
}

export const achBatchMirror: MirrorTable<AchBatch> = {
  resource: 'ach_batch',
  table: 'helcim.ach_batches',
  idColumn: 'ach_batch_id',
  columns: [
    { name: 'ach_batch_id', type: 'bigint', of: (b) => b.achBatchId },
    { name: 'batch_reference', type: 'text', of: (b) => b.reference },
    { name: 'status', type: 'text', of: (b) => b.status },
    ...ACH_FIGURES.flatMap((figure) => [
      { name: `${figure}_minor`, type: 'bigint' as const, of: (b: AchBatch) => b.amounts[figure] },
      { name: `count_${figure}`, type: 'integer' as const, of: (b: AchBatch) => b.counts[figure] },
    ]),
    ...timeColumns<AchBatch>('opened', (b) => b.opened),
    ...timeColumns<AchBatch>('closed', (b) => b.closed),
  ],
  parts: [],
  watched: ['status', ...ACH_FIGURES.flatMap((figure) => [`${figure}_minor`, `count_${figure}`])],
  dateColumn: null,
  codeColumn: null,
  marks: [{ kind: 'ach_batch', column: 'ach_batch_id', subjects: 'itself' }],
}
