import type { CardBatch } from '../../domain/card-batch.ts'
import type { MirrorTable } from './mirror-table.ts'
import { isoOf } from './time-columns.ts'

export const cardBatchMirror: MirrorTable<CardBatch> = {
  resource: 'card_batch',
  table: 'helcim.card_batches',
  idColumn: 'card_batch_id',
  columns: [
    { name: 'card_batch_id', type: 'bigint', of: (b) => b.cardBatchId },
    { name: 'terminal_id', type: 'bigint', of: (b) => b.terminalId },
    { name: 'batch_number', type: 'bigint', of: (b) => b.batchNumber },
    { name: 'is_closed', type: 'boolean', of: (b) => b.isClosed },
    { name: 'is_strictly_open', type: 'boolean', of: (b) => b.isStrictlyOpen },
    { name: 'created_at', type: 'timestamptz', of: (b) => isoOf(b.created) },
    { name: 'created_at_text', type: 'text', of: (b) => b.created.text },
    { name: 'updated_at', type: 'timestamptz', of: (b) => isoOf(b.updated) },
    { name: 'updated_at_text', type: 'text', of: (b) => b.updated.text },
    { name: 'closed_at', type: 'timestamptz', of: (b) => isoOf(b.closed) },
    { name: 'closed_at_text', type: 'text', of: (b) => b.closed.text },
    { name: 'net_minor', type: 'bigint', of: (b) => b.statistics?.amounts.net ?? null },
    { name: 'sales_minor', type: 'bigint', of: (b) => b.statistics?.amounts.sales ?? null },
    { name: 'refunds_minor', type: 'bigint', of: (b) => b.statistics?.amounts.refunds ?? null },
    { name: 'reversed_minor', type: 'bigint', of: (b) => b.statistics?.amounts.reversed ?? null },
    { name: 'refunds_reversed_minor', type: 'bigint', of: (b) => b.statistics?.amounts.refundsReversed ?? null },
    { name: 'count_total', type: 'integer', of: (b) => b.statistics?.counts.total ?? null },
    { name: 'count_approved', type: 'integer', of: (b) => b.statistics?.counts.approved ?? null },
    { name: 'count_declined', type: 'integer', of: (b) => b.statistics?.counts.declined ?? null },
  ],
  parts: [],
  watched: [
    'is_closed',
    'terminal_id',
    'net_minor',
    'sales_minor',
    'refunds_minor',
    'reversed_minor',
    'refunds_reversed_minor',
    'count_total',
    'count_approved',
    'count_declined',
  ],
  dateColumn: null,
  codeColumn: null,
  marks: [
    // When it closes, all of its rows are in a batch that is closed.
    { kind: 'card_batch', column: 'card_batch_id', subjects: 'itself', rows: { allIf: 'is_closed' } },
    { kind: 'books_batch', column: 'card_batch_id', subjects: 'itself' },
  ],
}
