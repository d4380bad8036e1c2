import type { Customer, CustomerCard } from '../../domain/customer.ts'
import { toMaskedCardNumber } from '../card-numbers.ts'
import { type ListEndpoint, queryOf } from '../endpoint.ts'
import { type Reading, readFlag, readId, readParts, readText, readTime, readToken } from '../reading.ts'

export interface CustomersQuery {
  /** Some servers take it for the beginning of a code (API.md §4). */
  readonly customerCode?: string
  readonly limit: number
  /** Begins with 1. */
  readonly page: number
}

/**
 * `GET /customers`: pages of at most 100, always with cards. A single customer is asked for by its code and not by its
 * id: whether an answer to an id holds cards is not documented, and two forms would pass for changes.
 */
export const customers: ListEndpoint<Customer, CustomersQuery> = {
  resource: 'customers',
  name: 'GET /customers',
  paging: { style: 'page', pageFirst: 1, limitMax: 100 },
  idKey: 'id',
  list: ({ customerCode, limit, page }) => ({
    method: 'GET',
    name: 'GET /customers',
    path: '/customers',
    query: queryOf({ customerCode, includeCards: 'yes', limit, page }),
    isEmptyWhen204: false,
  }),
  decode: (reading, customerId) => ({
    customerId,
    code: readText(reading, 'customerCode') ?? '',
    businessName: readText(reading, 'businessName'),
    contactName: readText(reading, 'contactName'),
    // Sent in lower case; the OpenAPI file writes `cellPhone`.
    cellphone: readText(reading, 'cellphone') ?? readText(reading, 'cellPhone'),
    created: readTime(reading, 'dateCreated'),
    updated: readTime(reading, 'dateUpdated'),
    cards: readParts(reading, 'cards', readCard),
  }),
}

const readCard = (card: Reading): CustomerCard => ({
  cardId: readId(card, 'id'),
  holderName: readText(card, 'cardHolderName'),
  numberMasked: toMaskedCardNumber(readText(card, 'cardF6L4') ?? ''),
  cardToken: readToken(card, 'cardToken'),
  expiry: readText(card, 'cardExpiry'),
  created: readTime(card, 'dateCreated'),
  updated: readTime(card, 'dateUpdated'),
  isDefault: readFlag(card, 'default'),
})
