import { ACH_CODES, ACH_FIGURES, type AchBatch, type AchFigure, type AchTransaction } from '../../domain/ach.ts'
import type { BusinessDate } from '../../domain/calendar.ts'
import { currencyDigits, DIGITS_UNLESS_KNOWN } from '../../domain/money.ts'
import type { HelcimId } from '../../domain/record.ts'
import { type ListEndpoint, queryOf, type SettlementCall } from '../endpoint.ts'
import { isJsonNumber } from '../json.ts'
import { type Reading, readCode, readCount, readFlag, readIdOrNone, readMinor, readText, readTime } from '../reading.ts'

export interface AchTransactionsQuery {
  /** Dates of creation, both inclusive as documented; the zone is not (API.md §4). */
  readonly startDate: BusinessDate
  readonly endDate: BusinessDate
  readonly limit: number
  /** Begins with 1. */
  readonly page: number
}

/** `GET /ach/transactions`: pages of at most 125. */
export const achTransactions: ListEndpoint<AchTransaction, AchTransactionsQuery> = {
  resource: 'ach_transactions',
  name: 'GET /ach/transactions',
  paging: { style: 'page', pageFirst: 1, limitMax: 125 },
  idKey: 'id',
  list: ({ startDate, endDate, limit, page }) => ({
    method: 'GET',
    name: 'GET /ach/transactions',
    path: '/ach/transactions',
    query: queryOf({ startDate, endDate, limit, page }),
    isEmptyWhen204: false,
  }),
  decode(reading, achTransactionId) {
    const currency = readCode(reading, 'currency', ACH_CODES.currency, 1)
    return {
      achTransactionId,
      statusAuth: readCode(reading, 'statusAuth', ACH_CODES.statusAuth, 1),
      statusClearing: readCode(reading, 'statusClearing', ACH_CODES.statusClearing, 0),
      type: readCode(reading, 'transactionType', ACH_CODES.type, 1),
      amountMinor: readMinor(reading, 'amount', currencyDigits(currency) ?? DIGITS_UNLESS_KNOWN),
      currency,
      achBatchId: readIdOrNone(reading, 'batchId'),
      batchStatus: readCode(reading, 'statusBatch', ACH_CODES.statusBatch, 1),
      orderId: readIdOrNone(reading, 'orderId'),
      bankAccountId: readIdOrNone(reading, 'bankAccountId'),
      // The guide writes the first, the OpenAPI file the second.
      bankLastFours: readLastFours(reading, 'bankAccountL4L4') ?? readLastFours(reading, 'bankAccountL4l4'),
      originalTransactionId: readIdOrNone(reading, 'originalTransactionId'),
      approvalCode: readText(reading, 'approvalCode'),
      responseMessage: readText(reading, 'responseMessage'),
      isTest: readFlag(reading, 'test'),
      created: readTime(reading, 'dateCreated'),
      closed: readTime(reading, 'dateClosed'),
    }
  },
}

/** Sent as a number, which loses the zeros that it begins with. */
const readLastFours = (reading: Reading, key: string): string | null => readText(reading, key)?.padStart(8, '0') ?? null

/** `GET /ach/batches`: all of them in one answer. */
export const achBatches: ListEndpoint<AchBatch, void> = {
  resource: 'ach_batches',
  name: 'GET /ach/batches',
  paging: { style: 'none' },
  idKey: 'batchId',
  list: () => ({
    method: 'GET',
    name: 'GET /ach/batches',
    path: '/ach/batches',
    query: {},
    isEmptyWhen204: false,
  }),
  decode(reading, achBatchId) {
    const { statusBatch } = reading.object
    const closed = readTime(reading, 'dateClosed')
    return {
      achBatchId,
      reference: readText(reading, 'batchReference'),
      status: readCode(reading, 'statusBatch', ACH_CODES.statusBatch, 1),
      // What is settled is money: nothing but the number itself says that a batch is open.
      isStrictlyOpen: isJsonNumber(statusBatch) && statusBatch.value === OPEN && closed.instant === null,
      amounts: figuresOf((figure) => readMinor(reading, `amount${FIGURE_NAMES[figure]}`, DIGITS_UNLESS_KNOWN)),
      counts: figuresOf((figure) => readCount(reading, `count${FIGURE_NAMES[figure]}`)),
      opened: readTime(reading, 'dateOpened'),
      closed,
    }
  },
}

/** The code of a batch that is open. */
const OPEN = '1'

/**
 * `PUT /ach/batches/{batchId}/settle`: answers with a message, and needs a key (API.md §11). A key lives for minutes and is
 * documented for payments; whether a second call under the same one is the first one again is not said for this call, so
 * it is sent once or not at all as well.
 * @param idempotencyKey 25 to 36 letters, digits, `-` and `_`
 */
export const settleAchBatch = (id: HelcimId, idempotencyKey: string): SettlementCall => ({
  method: 'PUT',
  name: SETTLE_ACH_BATCH,
  path: `/ach/batches/${id}/settle`,
  idempotencyKey,
})

/** As it stands in logs, and where a token is not permitted to use it. */
export const SETTLE_ACH_BATCH = 'PUT /ach/batches/{id}/settle'

const FIGURE_NAMES: Readonly<Record<AchFigure, string>> = {
  withdrawals: 'Withdrawals',
  deposits: 'Deposits',
  reversed: 'Reversed',
  refunded: 'Refunded',
}

const figuresOf = <T>(read: (figure: AchFigure) => T): Record<AchFigure, T> =>
  Object.fromEntries(ACH_FIGURES.map((figure) => [figure, read(figure)])) as Record<AchFigure, T>
