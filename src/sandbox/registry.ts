import type { Endpoint } from './endpoint.ts'
import { ACH_ENDPOINTS } from './resources/ach.ts'
import { CARD_BATCH_ENDPOINTS } from './resources/card-batches.ts'
import { CARD_TERMINAL_ENDPOINTS } from './resources/card-terminals.ts'
import { CARD_TRANSACTION_ENDPOINTS } from './resources/card-transactions.ts'
import { CONNECTION_TEST_ENDPOINTS } from './resources/connection-test.ts'
import { CUSTOMER_ENDPOINTS } from './resources/customers.ts'
import { INVOICE_ENDPOINTS } from './resources/invoices.ts'
import { RECURRING_ENDPOINTS } from './resources/recurring.ts'

/** All that is served under `/v2`. A new resource is a file in `resources/` and a line here. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...CONNECTION_TEST_ENDPOINTS,
  ...CARD_TERMINAL_ENDPOINTS,
  ...CARD_BATCH_ENDPOINTS,
  ...CARD_TRANSACTION_ENDPOINTS,
  ...CUSTOMER_ENDPOINTS,
  ...INVOICE_ENDPOINTS,
  ...RECURRING_ENDPOINTS,
  ...ACH_ENDPOINTS,
]
