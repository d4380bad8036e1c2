import type { BATCH_AMOUNTS, BATCH_COUNTS, BatchStatistics, CardBatch } from '../../domain/card-batch.ts'
import type { HelcimId } from '../../domain/record.ts'
import { type EndpointCall, type ListEndpoint, queryOf, type SettlementCall } from '../endpoint.ts'
import { type Reading, readCount, readFlag, readId, readInteger, readMinor, readTime } from '../reading.ts'

export interface CardBatchesQuery {
  /** The eight figures come only when asked for. */
  readonly collectStatistics: boolean
  readonly terminalId?: HelcimId
  readonly batchNumber?: bigint
}

/** `GET /card-batches`: all of them in one answer, as far as is known (API.md §4, "Finding all batches"). */
export const cardBatches: ListEndpoint<CardBatch, CardBatchesQuery> = {
  resource: 'card_batches',
  name: 'GET /card-batches',
  paging: { style: 'none' },
  idKey: 'id',
  list: ({ collectStatistics, terminalId, batchNumber }) => ({
    method: 'GET',
    name: 'GET /card-batches',
    path: '/card-batches',
    query: queryOf({ ...statisticsQuery(collectStatistics), terminalId, batchNumber }),
    isEmptyWhen204: false,
  }),
  decode: (reading, cardBatchId) => ({
    cardBatchId,
    created: readTime(reading, 'dateCreated'),
    updated: readTime(reading, 'dateUpdated'),
    closed: readTime(reading, 'dateClosed'),
    isClosed: readFlag(reading, 'closed'),
    // What is settled is money: nothing but the boolean itself says that a batch is open.
    isStrictlyOpen: reading.object.closed === false,
    terminalId: readId(reading, 'terminalId'),
    batchNumber: readInteger(reading, 'batchNumber'),
    statistics: readStatistics(reading),
  }),
}

/** `GET /card-batches/{cardBatchId}`: one batch; decode it with `decodeRecord(cardBatches, …)`. */
export const cardBatchById = (id: HelcimId, { collectStatistics }: { collectStatistics: boolean }): EndpointCall => ({
  method: 'GET',
  name: 'GET /card-batches/{id}',
  path: `/card-batches/${id}`,
  query: queryOf(statisticsQuery(collectStatistics)),
  isEmptyWhen204: false,
})

/** `POST /card-batches/{cardBatchId}/settle`: no body and no idempotency key (API.md §6), so it is sent once or not at all. */
export const settleCardBatch = (id: HelcimId): SettlementCall => ({
  method: 'POST',
  name: SETTLE_CARD_BATCH,
  path: `/card-batches/${id}/settle`,
  idempotencyKey: null,
})

/** As it stands in logs, and where a token is not permitted to use it. */
export const SETTLE_CARD_BATCH = 'POST /card-batches/{id}/settle'

const statisticsQuery = (collectStatistics: boolean) => ({ 'collect-stats': collectStatistics ? 'true' : undefined })

const AMOUNT_KEYS = {
  net: 'netSales',
  sales: 'totalSales',
  refunds: 'totalRefunds',
  reversed: 'totalReversed',
  refundsReversed: 'totalRefundsReversed',
} as const satisfies Record<(typeof BATCH_AMOUNTS)[number], string>

const COUNT_KEYS = {
  total: 'countTotal',
  approved: 'countApproved',
  declined: 'countDeclined',
} as const satisfies Record<(typeof BATCH_COUNTS)[number], string>

/** A batch names no currency; all that Helcim sells in, CAD and USD, have two digits. */
const AMOUNT_DIGITS = 2

/** Null when none of the eight figures is there. Some of them without the others is a problem: no figure is guessed. */
function readStatistics(reading: Reading): BatchStatistics | null {
  const keys = [...Object.values(AMOUNT_KEYS), ...Object.values(COUNT_KEYS)]
  if (keys.every((key) => (reading.object[key] ?? null) === null)) return null
  const amount = (name: (typeof BATCH_AMOUNTS)[number]) => readMinor(reading, AMOUNT_KEYS[name], AMOUNT_DIGITS)
  const count = (name: (typeof BATCH_COUNTS)[number]) => readCount(reading, COUNT_KEYS[name])
  return {
    amounts: {
      net: amount('net'),
      sales: amount('sales'),
      refunds: amount('refunds'),
      reversed: amount('reversed'),
      refundsReversed: amount('refundsReversed'),
    },
    counts: { total: count('total'), approved: count('approved'), declined: count('declined') },
  }
}
