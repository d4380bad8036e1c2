import type { BusinessDate } from '../../domain/calendar.ts'
import { INVOICE_STATUSES, INVOICE_TYPES, type Invoice, type InvoiceLine } from '../../domain/invoice.ts'
import { type ListEndpoint, queryOf } from '../endpoint.ts'
import {
  type Reading,
  readCurrency,
  readDecimal,
  readIdOrNone,
  readInner,
  readKnown,
  readMinor,
  readMinorOrNone,
  readParts,
  readText,
  readTime,
  readToken,
} from '../reading.ts'

export interface InvoicesQuery {
  /** Dates of creation, both inclusive as documented; the zone is not (API.md §4). */
  readonly dateStart?: BusinessDate
  readonly dateEnd?: BusinessDate
  readonly invoiceNumber?: string
  /** Begins with 1. */
  readonly page: number
}

/** `GET /invoices`: pages whose size nothing tells. Fees and order fields come only when asked for. */
export const invoices: ListEndpoint<Invoice, InvoicesQuery> = {
  resource: 'invoices',
  name: 'GET /invoices',
  paging: { style: 'page', pageFirst: 1, limitMax: null },
  idKey: 'invoiceId',
  list: ({ dateStart, dateEnd, invoiceNumber, page }) => ({
    method: 'GET',
    name: 'GET /invoices',
    path: '/invoices',
    query: queryOf({ dateStart, dateEnd, invoiceNumber, withConvenienceFee: 1, withOrderFields: 1, page }),
    isEmptyWhen204: false,
  }),
  decode(reading, invoiceId) {
    const { currency, digits } = readCurrency(reading, 'currency')
    const minor = (key: string) => readMinorOrNone(reading, key, digits)
    const innerMinor = (key: string) => readInner(reading, key, (inner) => readMinorOrNone(inner, 'amount', digits))
    return {
      invoiceId,
      invoiceNumber: readText(reading, 'invoiceNumber') ?? '',
      invoiceToken: readToken(reading, 'token'),
      type: readKnown(reading, 'type', INVOICE_TYPES),
      status: readKnown(reading, 'status', INVOICE_STATUSES),
      currency,
      customerId: readIdOrNone(reading, 'customerId'),
      amountMinor: readMinor(reading, 'amount', digits),
      paidMinor: minor('amountPaid'),
      dueMinor: minor('amountDue'),
      tipMinor: minor('tipAmount'),
      depositMinor: minor('depositAmount'),
      taxMinor: innerMinor('tax'),
      discountMinor: innerMinor('discount'),
      shippingMinor: innerMinor('shipping'),
      convenienceFeeMinor: minor('convenienceFee'),
      surchargingFeeMinor: minor('surchargingFee'),
      created: readTime(reading, 'dateCreated'),
      updated: readTime(reading, 'dateUpdated'),
      paid: readTime(reading, 'datePaid'),
      issued: readTime(reading, 'dateIssued'),
      notes: readText(reading, 'notes'),
      lines: readParts(reading, 'lineItems', (line) => readLine(line, digits)),
    }
  },
}

const readLine = (line: Reading, digits: number): InvoiceLine => ({
  description: readText(line, 'description'),
  sku: readText(line, 'sku'),
  quantity: readDecimal(line, 'quantity'),
  unitPrice: readDecimal(line, 'price'),
  taxMinor: readMinorOrNone(line, 'taxAmount', digits),
  discountMinor: readMinorOrNone(line, 'discountAmount', digits),
})
