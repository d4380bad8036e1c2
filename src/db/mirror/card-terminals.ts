import type { CardTerminal } from '../../domain/card-terminal.ts'
import type { MirrorTable } from './mirror-table.ts'

export const cardTerminalMirror: MirrorTable<CardTerminal> = {
  resource: 'card_terminal',
  table: 'helcim.card_terminals',
  idColumn: 'terminal_id',
  columns: [
    { name: 'terminal_id', type: 'bigint', of: (t) => t.terminalId },
    { name: 'nickname', type: 'text', of: (t) => t.nickname },
    { name: 'currency', type: 'text', of: (t) => t.currency },
    { name: 'status', type: 'text', of: (t) => t.status },
  ],
  parts: [],
  watched: [],
  dateColumn: null,
  codeColumn: null,
  // The currency of its batches' figures.
  marks: [
    { kind: 'card_batch', column: 'terminal_id', subjects: 'batches_by_terminal' },
    { kind: 'books_batch', column: 'terminal_id', subjects: 'batches_by_terminal' },
  ],
}
