import type { BusinessDate } from '../../domain/calendar.ts'
import {
  CARD_TRANSACTION_TYPES,
  type CardTransaction,
  type CardTransactionOutcome,
} from '../../domain/card-transaction.ts'
import type { HelcimId } from '../../domain/record.ts'
import { toMaskedCardNumber } from '../card-numbers.ts'
import { type EndpointCall, type ListEndpoint, queryOf } from '../endpoint.ts'
import { wordsOfValue } from '../error-words.ts'
import {
  noteUnknown,
  type Reading,
  readCurrency,
  readIdOrNone,
  readKnown,
  readMinor,
  readText,
  readTime,
  readToken,
  textOf,
  toId,
} from '../reading.ts'

export interface CardTransactionsQuery {
  /** Mountain date; `dateTo` may or may not include its own day (API.md §4): ask for one more. */
  readonly dateFrom?: BusinessDate
  readonly dateTo?: BusinessDate
  readonly cardBatchId?: HelcimId
  readonly limit: number
  /** Begins with 1. */
  readonly page: number
}

/** `GET /card-transactions`: pages of at most 1,000 rows in no stated order. */
export const cardTransactions: ListEndpoint<CardTransaction, CardTransactionsQuery> = {
  resource: 'card_transactions',
  name: 'GET /card-transactions',
  paging: { style: 'page', pageFirst: 1, limitMax: 1000 },
  idKey: 'transactionId',
  list: ({ dateFrom, dateTo, cardBatchId, limit, page }) => ({
    method: 'GET',
    name: 'GET /card-transactions',
    path: '/card-transactions',
    query: queryOf({ dateFrom, dateTo, cardBatchId, limit, page }),
    isEmptyWhen204: false,
  }),
  decode(reading, transactionId) {
    const status = readKnown(reading, 'status', [...OUTCOME_BY_STATUS.keys()])
    const type = readKnown(reading, 'type', CARD_TRANSACTION_TYPES)
    const { currency, digits } = readCurrency(reading, 'currency')
    return {
      transactionId,
      created: readTime(reading, 'dateCreated'),
      cardBatchId: readIdOrNone(reading, 'cardBatchId'),
      status,
      outcome: OUTCOME_BY_STATUS.get(status) ?? 'unknown',
      type,
      amountMinor: readAmount(reading, type, digits),
      currency,
      user: readText(reading, 'user'),
      cardBrand: readText(reading, 'cardType'),
      cardNumberMasked: toMaskedCardNumber(readText(reading, 'cardNumber') ?? ''),
      cardToken: readToken(reading, 'cardToken'),
      cardHolderName: readText(reading, 'cardHolderName'),
      approvalCode: readText(reading, 'approvalCode'),
      avsResponse: readText(reading, 'avsResponse'),
      cvvResponse: readText(reading, 'cvvResponse'),
      customerCode: readText(reading, 'customerCode'),
      invoiceNumber: readText(reading, 'invoiceNumber'),
      originalTransactionId: readOriginalId(reading),
      warning: readText(reading, 'warning'),
      errors: wordsOfValue(reading.object.errors ?? null) || null,
    }
  },
}

/** `GET /card-transactions/{id}`: one transaction, the same object as in the list (API.md §5). */
export const cardTransactionById = (id: HelcimId): EndpointCall => ({
  method: 'GET',
  name: 'GET /card-transactions/{id}',
  path: `/card-transactions/${id}`,
  query: {},
  isEmptyWhen204: false,
})

/** Both spellings of success live on side by side (API.md, Versions). */
const OUTCOME_BY_STATUS: ReadonlyMap<string, CardTransactionOutcome> = new Map([
  ['APPROVED', 'approved'],
  ['APPROVAL', 'approved'],
  ['DECLINED', 'declined'],
])

/** Money that goes back: its direction is its type, so a minus says nothing new (API.md §5 `amount`). */
const RETURNING_TYPES = ['refund', 'reverse']

function readAmount(reading: Reading, type: string, digits: number): bigint {
  const minor = readMinor(reading, 'amount', digits)
  if (minor >= 0n) return minor
  if (!RETURNING_TYPES.includes(type)) reading.problems.push(`amount is negative although the type is "${type}"`)
  return -minor
}

/** In no published answer, but public code looks for them: taken where they come, and no reason to refuse a row. */
const ORIGINAL_ID_KEYS = ['originalTransactionId', 'parentTransactionId', 'originalCardTransactionId']

function readOriginalId(reading: Reading): HelcimId | null {
  for (const key of ORIGINAL_ID_KEYS) {
    const id = toId(reading.object[key])
    if (id === undefined) noteUnknown(reading, key, textOf(reading.object[key]) ?? '')
    else if (id !== null) return id
  }
  return null
}
