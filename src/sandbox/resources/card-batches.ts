import { toInstant } from '../../domain/clock.ts'
import { type Answer, type Endpoint, type EndpointCall, errorAnswer, jsonAnswer, parseId } from '../endpoint.ts'
import { shownRows } from '../listing.ts'
import type { BatchRow } from '../rows.ts'

const LIST_LENGTH_MAX = 100

export const CARD_BATCH_ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: '/card-batches', needs: { general: 'read' }, answer: listBatches },
  {
    method: 'GET',
    path: '/card-batches/:cardBatchId',
    needs: { general: 'read' },
    answer: (call) => withBatch(call, (batch) => jsonAnswer(200, renderAsAsked(call, batch))),
  },
  {
    method: 'POST',
    path: '/card-batches/:cardBatchId/settle',
    // Not documented; API.md §1 expects the highest level of transaction processing.
    needs: { transactions: 'admin' },
    answer: (call) => withBatch(call, (batch) => settleBatch(call, batch)),
  },
]

function listBatches(call: EndpointCall): Answer {
  const { query, merchant, switches, render } = call
  const filters: Record<string, bigint | undefined> = {}
  for (const name of ['batchNumber', 'terminalId']) {
    if (query[name] === undefined) continue
    const value = parseId(query[name])
    if (value === undefined) return errorAnswer(400, { [name]: `${name} must be a valid number` })
    filters[name] = value
  }
  const rows = merchant
    .batches()
    .filter(({ isHidden }) => !isHidden)
    .filter(({ batchNumber }) => filters.batchNumber === undefined || batchNumber === filters.batchNumber)
    .filter(({ terminalId }) => filters.terminalId === undefined || terminalId === filters.terminalId)
  const ordered = shownRows(rows, { kind: 'whole' }, call)
  const listed = switches.batchList === 'first-100' ? ordered.slice(0, LIST_LENGTH_MAX) : ordered
  return jsonAnswer(
    200,
    render.list(
      'batches',
      listed.map((row) => renderAsAsked(call, row)),
    ),
  )
}

function settleBatch({ merchant, switches, render, now }: EndpointCall, batch: BatchRow): Answer {
  const withStatistics = switches.settleAnswer === 'with-statistics'
  if (batch.closedAt !== null) {
    if (switches.settleOfClosed === '200') return jsonAnswer(200, render.batch(batch, { withStatistics }))
    return errorAnswer(Number(switches.settleOfClosed), 'Card Batch is already closed')
  }
  // The texts have whole seconds; a batch is never closed before its last row.
  const second = Math.floor(now / 1000) * 1000
  const rows = merchant.transactionsOfBatch(batch.id)
  const lastAt = rows.reduce<number>((last, { createdAt }) => Math.max(last, createdAt), batch.createdAt)
  const closed = merchant.closeBatch(batch.id, toInstant(Math.max(second, lastAt)))
  return jsonAnswer(200, render.batch(closed, { withStatistics }))
}

function withBatch({ parameters, merchant, switches }: EndpointCall, answer: (batch: BatchRow) => Answer): Answer {
  const id = parseId(parameters.cardBatchId)
  if (id === undefined) return errorAnswer(400, 'Invalid card batch id.')
  const batch = merchant.batch(id)
  return batch && !batch.isHidden ? answer(batch) : errorAnswer(switches.unknownId, 'Invalid cardBatchId')
}

const renderAsAsked = ({ query, render }: EndpointCall, batch: BatchRow): string =>
  render.batch(batch, { withStatistics: query['collect-stats'] === 'true' })
