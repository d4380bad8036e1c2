import type { CardTransaction } from '../../domain/card-transaction.ts'
import type { MirrorTable } from './mirror-table.ts'
import { isoOf } from './time-columns.ts'

export const cardTransactionMirror: MirrorTable<CardTransaction> = {
  resource: 'card_transaction',
  table: 'helcim.card_transactions',
  idColumn: 'transaction_id',
  columns: [
    { name: 'transaction_id', type: 'bigint', of: (t) => t.transactionId },
    { name: 'created_at', type: 'timestamptz', of: (t) => isoOf(t.created) },
    { name: 'created_at_text', type: 'text', of: (t) => t.created.text },
    { name: 'created_on', type: 'date', of: (t) => (t.created.instant === null ? null : t.created.text.slice(0, 10)) },
    { name: 'card_batch_id', type: 'bigint', of: (t) => t.cardBatchId },
    { name: 'status', type: 'text', of: (t) => t.status },
    { name: 'outcome', type: 'text', of: (t) => t.outcome },
    { name: 'type', type: 'text', of: (t) => t.type },
    { name: 'amount_minor', type: 'bigint', of: (t) => t.amountMinor },
    { name: 'currency', type: 'text', of: (t) => t.currency },
    { name: 'user_name', type: 'text', of: (t) => t.user },
    { name: 'card_brand', type: 'text', of: (t) => t.cardBrand },
    { name: 'card_number_masked', type: 'text', of: (t) => t.cardNumberMasked },
    { name: 'card_token', type: 'text', of: (t) => t.cardToken, isCutOut: true },
    { name: 'card_holder_name', type: 'text', of: (t) => t.cardHolderName },
    { name: 'approval_code', type: 'text', of: (t) => t.approvalCode },
    { name: 'avs_response', type: 'text', of: (t) => t.avsResponse },
    { name: 'cvv_response', type: 'text', of: (t) => t.cvvResponse },
    { name: 'customer_code', type: 'text', of: (t) => t.customerCode },
    { name: 'invoice_number', type: 'text', of: (t) => t.invoiceNumber },
    { name: 'original_transaction_id', type: 'bigint', of: (t) => t.originalTransactionId },
    { name: 'warning', type: 'text', of: (t) => t.warning },
    { name: 'errors', type: 'text', of: (t) => t.errors },
  ],
  parts: [],
  watched: ['amount_minor', 'currency', 'outcome', 'type', 'card_batch_id'],
  dateColumn: 'created_on',
  codeColumn: null,
  marks: [
    { kind: 'card_batch', column: 'card_batch_id', subjects: 'itself', rows: { row: 'transaction_id' } },
    { kind: 'customer', column: 'customer_code', subjects: 'by_code' },
    { kind: 'books_day', column: 'created_on', subjects: 'itself', rows: { row: 'transaction_id' } },
    { kind: 'books_batch', column: 'card_batch_id', subjects: 'itself' },
    // One that loses its date is on no day any more.
    { kind: 'books_transaction', column: 'transaction_id', subjects: 'itself', isOnlyForChanges: true },
    { kind: 'card', column: 'card_number_masked', subjects: 'itself', isOnlyForChanges: true },
    { kind: 'invoice', column: 'invoice_number', subjects: 'itself', isOnlyForChanges: true },
  ],
}
