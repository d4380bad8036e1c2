import type { CardTerminal } from '../../domain/card-terminal.ts'
import type { ListEndpoint } from '../endpoint.ts'
import { readCurrency, readKnown, readText } from '../reading.ts'

/** `GET /card-terminals`: the only place that tells the currency of a batch. */
export const cardTerminals: ListEndpoint<CardTerminal, void> = {
  resource: 'card_terminals',
  name: 'GET /card-terminals',
  paging: { style: 'none' },
  idKey: 'id',
  list: () => ({
    method: 'GET',
    name: 'GET /card-terminals',
    path: '/card-terminals',
    query: {},
    isEmptyWhen204: false,
  }),
  decode: (reading, terminalId) => ({
    terminalId,
    nickname: readText(reading, 'nickname'),
    currency: readCurrency(reading, 'currency').currency,
    status: readKnown(reading, 'status', TERMINAL_STATUSES),
  }),
}

/** Helcim's OpenAPI definition, `CardTerminal.status`. */
const TERMINAL_STATUSES = ['ACTIVE', 'INACTIVE']
