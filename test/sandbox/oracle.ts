import { parseMinor } from '../../src/domain/money.ts'
import { type Client, type Row, text } from './support.ts'

/** All that one look over HTTP shows. */
export interface Look {
  readonly transactions: readonly Row[]
  readonly batches: readonly Row[]
  readonly terminals: readonly Row[]
}

export async function look(client: Client): Promise<Look> {
  return {
    terminals: (await client.get('/card-terminals')).rows(),
    batches: (await client.get('/card-batches?collect-stats=true')).rows(),
    transactions: await client.all('/card-transactions'),
  }
}

const TYPES = ['purchase', 'preauth', 'capture', 'verify', 'refund', 'reverse']
const OUTCOMES: Record<string, 'approved' | 'declined'> = {
  APPROVED: 'approved',
  APPROVAL: 'approved',
  DECLINED: 'declined',
}

/**
 * Findings that follow from one look, computed from the answers alone, as `code kind id`. Voids are told apart by the
 * parent ids, so the sandbox must run with `refundRow: 'with-parent'`.
 */
export function findInOneLook({ transactions, batches, terminals }: Look, localNow: string): Set<string> {
  const found = new Set<string>()
  const batchById = new Map(batches.map((batch) => [text(batch, 'id'), batch]))
  const currencyOf = new Map(terminals.map((terminal) => [text(terminal, 'id'), text(terminal, 'currency')]))
  const typeById = new Map(transactions.map((row) => [String(row.transactionId), String(row.type)]))
  const rowsByBatch = new Map<string, Row[]>()
  for (const row of transactions) {
    const batchId = text(row, 'cardBatchId')
    if (row.transactionId === undefined) found.add('record_undecodable resource card_transaction')
    else if (parseMinor(text(row, 'amount'), 2) === undefined) {
      found.add(`record_undecodable card_transaction ${row.transactionId}`)
    } else {
      if (!TYPES.includes(text(row, 'type')) || !(text(row, 'status') in OUTCOMES)) {
        found.add(`value_unknown card_transaction ${row.transactionId}`)
      }
      rowsByBatch.set(batchId, [...(rowsByBatch.get(batchId) ?? []), row])
    }
    if (batchId === '0') continue
    const batch = batchById.get(batchId)
    if (!batch) found.add(`card_batch_missing card_batch ${batchId}`)
    else if (batch.closed === true && text(row, 'dateCreated') > text(batch, 'dateClosed')) {
      found.add(`card_batch_changed_after_close card_batch ${batchId}`)
    }
  }
  for (const batch of batches) findInBatch(found, batch, rowsByBatch.get(text(batch, 'id')) ?? [], currencyOf, typeById)
  for (const batch of batches) {
    const openForMs = Date.parse(`${localNow}Z`) - Date.parse(`${text(batch, 'dateCreated')}Z`)
    if (batch.closed === false && openForMs > 86_400_000) found.add(`card_batch_open_too_long card_batch ${batch.id}`)
  }
  for (const terminal of terminals) findGaps(found, text(terminal, 'id'), batches)
  return found
}

/** Findings between two looks: what vanished, what changed, and the closed batches that this touched. */
export function findBetween(before: Look, after: Look): Set<string> {
  const found = new Set<string>()
  const closedBefore = new Map(before.batches.filter(({ closed }) => closed === true).map((each) => [each.id, each]))
  const batchChanged = (batchId: unknown) => {
    if (closedBefore.has(String(batchId))) found.add(`card_batch_changed_after_close card_batch ${batchId}`)
  }
  const rowsAfter = new Map(after.transactions.map((row) => [row.transactionId, row]))
  const idsBefore = new Set(before.transactions.map(({ transactionId }) => transactionId))
  for (const row of before.transactions) {
    const now = rowsAfter.get(text(row, 'transactionId'))
    if (!now) {
      found.add(`record_disappeared card_transaction ${row.transactionId}`)
      batchChanged(row.cardBatchId)
    } else if (JSON.stringify(now) !== JSON.stringify(row)) {
      found.add(`record_changed card_transaction ${row.transactionId}`)
      batchChanged(row.cardBatchId)
      batchChanged(now.cardBatchId)
    }
  }
  for (const row of after.transactions) if (!idsBefore.has(row.transactionId ?? '')) batchChanged(row.cardBatchId)
  return found
}

function findInBatch(
  found: Set<string>,
  batch: Row,
  rows: readonly Row[],
  currencyOf: ReadonlyMap<string, string>,
  typeById: ReadonlyMap<string, string>,
): void {
  const currency = currencyOf.get(text(batch, 'terminalId'))
  const sums = { sales: 0n, refunds: 0n, reversed: 0n, refundsReversed: 0n }
  const counts = { countTotal: 0, countApproved: 0, countDeclined: 0 }
  for (const row of rows) {
    const outcome = OUTCOMES[text(row, 'status')]
    counts.countTotal += 1
    if (outcome === 'approved') counts.countApproved += 1
    if (outcome === 'declined') counts.countDeclined += 1
    if (row.currency !== currency) found.add(`card_batch_currency_mixed card_batch ${batch.id}`)
    if (outcome !== 'approved' || row.currency !== currency) continue
    const minor = parseMinor(text(row, 'amount'), 2) ?? 0n
    const voided = row.type === 'reverse' ? typeById.get(text(row, 'originalTransactionId')) : undefined
    if (row.type === 'purchase' || row.type === 'capture') sums.sales += minor
    if (row.type === 'refund') sums.refunds += minor
    if (voided === 'purchase' || voided === 'capture') sums.reversed += minor
    if (voided === 'refund') sums.refundsReversed += minor
  }
  const net = sums.sales - sums.refunds - sums.reversed + sums.refundsReversed
  const stated: [string, string, bigint][] = [
    ['sales', 'totalSales', sums.sales],
    ['refunds', 'totalRefunds', sums.refunds],
    ['reversed', 'totalReversed', sums.reversed],
    ['refundsReversed', 'totalRefundsReversed', sums.refundsReversed],
    ['net', 'netSales', net],
  ]
  for (const [figure, key, minor] of stated) {
    if (parseMinor(text(batch, key), 2) !== minor)
      found.add(`card_batch_total_differs card_batch ${batch.id}:${figure}`)
  }
  if (Object.entries(counts).some(([key, count]) => text(batch, key) !== String(count))) {
    found.add(`card_batch_count_differs card_batch ${batch.id}`)
  }
}

function findGaps(found: Set<string>, terminalId: string, batches: readonly Row[]): void {
  const numbers = batches
    .filter((batch) => batch.terminalId === terminalId)
    .map((batch) => BigInt(text(batch, 'batchNumber')))
    .sort((a, b) => (a < b ? -1 : 1))
  const last = numbers.at(-1)
  if (last === undefined) return
  for (let number = numbers[0] ?? last; number < last; number += 1n) {
    if (!numbers.includes(number)) found.add(`card_batch_number_gap terminal ${terminalId}:${number}`)
  }
}
