import type { Merchant } from './merchant.ts'
import type { Switches } from './options.ts'
import { hash32 } from './random.ts'
import type { BatchFigure, BatchRow, Statistics, TerminalRow, TransactionRow } from './rows.ts'
import { longDecimal, renderRecord, type ServedRecord, shortDecimal, spellAmount } from './served.ts'
import { ZERO_DATE, type Zone } from './zone.ts'

export interface Renderer {
  terminal(row: TerminalRow): string
  batch(row: BatchRow, options: { withStatistics: boolean }): string
  transaction(row: TransactionRow): string
  /** A list in the envelope of the switches. */
  list(name: string, items: readonly string[]): string
}

export function createRenderer(merchant: Merchant, options: { switches: Switches; zone: Zone }): Renderer {
  const { switches, zone } = options
  // Rows are never changed in place, so a text once made stays true.
  const transactionTexts = new WeakMap<TransactionRow, string>()
  return {
    terminal: ({ id, nickname, currency, status }) =>
      renderRecord(
        new Map([
          ['id', String(id)],
          ['nickname', JSON.stringify(nickname)],
          ['currency', JSON.stringify(currency)],
          ['status', JSON.stringify(status)],
          ['address', TERMINAL_ADDRESS],
        ]),
      ),
    batch(row, { withStatistics }) {
      const served = serveBatch(row, zone)
      if (withStatistics) {
        const figures = servedStatistics(row, merchant.statistics(row.id))
        addStatistics(served, figures, switches.statisticsTypes, merchant.terminal(row.terminalId)?.currency ?? 'CAD')
      }
      return renderRecord(served)
    },
    transaction(row) {
      const known = transactionTexts.get(row)
      if (known !== undefined) return known
      const text = renderRecord(serveTransaction(row, switches, zone))
      transactionTexts.set(row, text)
      return text
    },
    list(name, items) {
      const array = `[${items.join(',')}]`
      if (switches.envelope === 'bare') return array
      return `{${JSON.stringify(switches.envelope === 'data' ? 'data' : name)}:${array}}`
    },
  }
}

/** What Helcim would state about the batch: the truth plus the batch's lie. */
export function servedStatistics({ lie }: BatchRow, { figures, counts }: Statistics): Statistics {
  return {
    figures: {
      sales: figures.sales + (lie.figures.sales ?? 0n),
      refunds: figures.refunds + (lie.figures.refunds ?? 0n),
      reversed: figures.reversed + (lie.figures.reversed ?? 0n),
      refundsReversed: figures.refundsReversed + (lie.figures.refundsReversed ?? 0n),
      net: figures.net + (lie.figures.net ?? 0n),
    },
    counts: {
      total: counts.total + (lie.counts.total ?? 0),
      approved: counts.approved + (lie.counts.approved ?? 0),
      declined: counts.declined + (lie.counts.declined ?? 0),
    },
  }
}

const TERMINAL_ADDRESS = JSON.stringify({
  street1: '123 Example Street',
  street2: 'Suite 120',
  city: 'Calgary',
  province: 'AB',
  country: 'CAN',
  postalCode: 'H0H 0H0',
})

function serveBatch(row: BatchRow, zone: Zone): ServedRecord {
  return new Map([
    ['id', String(row.id)],
    ['dateCreated', JSON.stringify(zone.text(row.createdAt))],
    ['dateUpdated', JSON.stringify(zone.text(row.updatedAt))],
    ['dateClosed', JSON.stringify(row.closedAt === null ? ZERO_DATE : zone.text(row.closedAt))],
    ['closed', String(row.closedAt !== null)],
    ['terminalId', String(row.terminalId)],
    ['batchNumber', String(row.batchNumber)],
  ])
}

const STATISTIC_KEYS: readonly (readonly [figure: BatchFigure, key: string])[] = [
  ['net', 'netSales'],
  ['sales', 'totalSales'],
  ['refunds', 'totalRefunds'],
  ['reversed', 'totalReversed'],
  ['refundsReversed', 'totalRefundsReversed'],
]

function addStatistics(
  served: ServedRecord,
  { figures, counts }: Statistics,
  types: Switches['statisticsTypes'],
  currency: string,
): void {
  for (const [figure, key] of STATISTIC_KEYS) {
    const minor = figures[figure]
    const isNumber = types === 'numbers' || (types === 'mixed' && figure === 'net')
    // The documented object writes "0.0000" for three of the figures and "0" for the fourth.
    const isShortZero = minor === 0n && figure === 'refundsReversed'
    const text = isNumber || isShortZero ? shortDecimal(minor, currency) : longDecimal(minor, currency, 4)
    served.set(key, isNumber ? text : JSON.stringify(text))
  }
  const total = String(counts.total)
  served.set('countTotal', types === 'strings' ? JSON.stringify(total) : total)
  for (const [key, count] of [
    ['countApproved', counts.approved] as const,
    ['countDeclined', counts.declined] as const,
  ]) {
    served.set(key, types === 'numbers' ? String(count) : JSON.stringify(String(count)))
  }
}

function serveTransaction(row: TransactionRow, switches: Switches, zone: Zone): ServedRecord {
  const served: ServedRecord = new Map([
    ['transactionId', String(row.id)],
    ['dateCreated', JSON.stringify(zone.text(row.createdAt))],
    ['cardBatchId', String(row.batchId)],
    ['status', JSON.stringify(spellStatus(row, switches.statusSpelling))],
    ['user', JSON.stringify(row.user)],
    ['type', JSON.stringify(row.type)],
    ['amount', spellAmount(row.amountMinor, row.currency, switches.amountTypes)],
    ['currency', JSON.stringify(row.currency)],
    ['avsResponse', JSON.stringify(row.avsResponse)],
    ['cvvResponse', JSON.stringify(row.cvvResponse)],
  ])
  addCardAndReferences(served, row, switches.refundRow)
  if (row.errors !== null) served.set('errors', JSON.stringify(row.errors))
  if (row.disguise?.kind === 'unknown-status') served.set('status', JSON.stringify(row.disguise.status))
  if (row.disguise?.kind === 'undecodable') {
    if (row.disguise.literal === null) served.delete(row.disguise.key)
    else served.set(row.disguise.key, row.disguise.literal)
  }
  return served
}

/** The keys by which one finds a row, as they are served; undefined where the key is left out. */
export function servedReferences(
  row: TransactionRow,
  refundRow: Switches['refundRow'],
): { readonly customerCode: string; readonly invoiceNumber: string; readonly cardToken: string } | undefined {
  if (row.isSuspectedDuplicate) return undefined
  const isEmpty = isFollower(row) && refundRow === 'empty'
  return {
    customerCode: isEmpty ? '' : row.customerCode,
    invoiceNumber: isEmpty ? '' : row.invoiceNumber,
    cardToken: row.card.token,
  }
}

const isFollower = ({ type }: TransactionRow) => type === 'refund' || type === 'reverse'

function addCardAndReferences(served: ServedRecord, row: TransactionRow, refundRow: Switches['refundRow']): void {
  const references = servedReferences(row, refundRow)
  if (!references) return
  served.set('cardType', JSON.stringify(row.card.type))
  // Declines come with and without the key (API.md §5: "may be absent on a decline").
  if (row.status === 'approved' || row.id % 2n === 0n) served.set('approvalCode', JSON.stringify(row.approvalCode))
  served.set('cardToken', JSON.stringify(references.cardToken))
  served.set('cardNumber', JSON.stringify(row.card.number))
  served.set('cardHolderName', JSON.stringify(row.card.holderName))
  served.set('customerCode', JSON.stringify(references.customerCode))
  served.set('invoiceNumber', JSON.stringify(references.invoiceNumber))
  served.set('warning', JSON.stringify(row.warning))
  if (isFollower(row) && refundRow === 'with-parent' && row.originalId !== null) {
    served.set('originalTransactionId', String(row.originalId))
  }
}

function spellStatus(row: TransactionRow, spelling: Switches['statusSpelling']): string {
  if (row.status === 'declined') return 'DECLINED'
  if (spelling !== 'mixed') return spelling
  return hash32('status', row.id) % 2 === 0 ? 'APPROVAL' : 'APPROVED'
}
