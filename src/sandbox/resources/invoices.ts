import { rowsBetween } from '../collection.ts'
import { type Answer, type Endpoint, type EndpointCall, errorAnswer, jsonAnswer, parseId } from '../endpoint.ts'
import { codeFilter, type Filters, isDate, isDateTime, numberFilter, readFilters, wordFilter } from '../filters.ts'
import { shownRows } from '../listing.ts'
import { hash32 } from '../random.ts'
import type { Address } from '../records/customer.ts'
import { INVOICE_STATUSES, INVOICE_TYPES, type InvoiceRow, NO_DETAIL } from '../records/invoice.ts'
import { renderKept, renderRecord, shortDecimal, spellAmount, spellTime } from '../served.ts'
import { addDays } from '../zone.ts'
import { spellAddress } from './customers.ts'

export const INVOICE_ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: '/invoices', needs: { general: 'read' }, answer: listInvoices },
  {
    method: 'GET',
    path: '/invoices/:invoiceId',
    needs: { general: 'read' },
    answer(call) {
      const { invoices } = call.merchant.records
      const id = parseId(call.parameters.invoiceId)
      const row = id === undefined ? undefined : invoices.get(id)
      if (!row || !invoices.isVisible(row, call.now)) return errorAnswer(call.switches.unknownId, 'Invalid invoiceId')
      return jsonAnswer(200, renderInvoice(row, { withFee: asks(call, 'withConvenienceFee'), withFields: true }, call))
    },
  },
]

const isFeeEnabled = ({ detail }: InvoiceRow): boolean => (detail?.convenienceFeeMinor ?? 0n) > 0n

const FILTERS: Filters<InvoiceRow> = {
  // "Matches exactly (case-insensitive)."
  invoiceNumber: (asked, call) =>
    codeFilter<InvoiceRow>(({ number }) => number.toUpperCase())(asked.toUpperCase(), call),
  customerId: numberFilter(({ customerId }) => customerId),
  status: wordFilter(INVOICE_STATUSES, ({ status }) => status),
  type: wordFilter(INVOICE_TYPES, ({ type }) => type),
  currency: wordFilter(['CAD', 'USD'], ({ currency }) => currency),
  convenienceFeeEnabled: wordFilter(['0', '1'], (row) => (isFeeEnabled(row) ? '1' : '0')),
}

function listInvoices(call: EndpointCall): Answer {
  const { merchant, render, now, zone, switches } = call
  const span = readSpan(call)
  const filters = readFilters(FILTERS, call)
  const wrong = ['wrong' in span ? span.wrong : [], 'wrong' in filters ? filters.wrong : []].flat()
  if ('wrong' in span || 'wrong' in filters) {
    const texts = wrong.map((name) => [name, `${name} (${call.query[name]}) must be a valid Constant`])
    return errorAnswer(400, Object.fromEntries(texts))
  }
  if (span.from !== undefined && span.to !== undefined && span.to < span.from) {
    return errorAnswer(400, { dateEnd: 'dateEnd must not be earlier than dateStart' })
  }
  const { rows, areWithin } = candidatesOf(call, span)
  const inside = insideOf(span)
  const isWithin = ({ createdAt }: InvoiceRow): boolean => {
    if (areWithin || (createdAt >= inside.from && createdAt < inside.to)) return true
    const text = zone.text(createdAt)
    return (span.from ?? '') <= text && (span.to === undefined || text <= span.to)
  }
  const matching = merchant.records.invoices.visible(rows, now).filter((row) => isWithin(row) && filters.matches(row))
  const shown = shownRows(matching, { kind: 'pages', sizeMax: switches.invoicePageSize, takesLimit: false }, call)
  const asked = { withFee: asks(call, 'withConvenienceFee'), withFields: asks(call, 'withOrderFields') }
  return jsonAnswer(
    200,
    render.list(
      'invoices',
      shown.map((row) => renderInvoice(row, asked, call)),
    ),
  )
}

interface Span {
  /** Local date and time, both included. */
  readonly from: string | undefined
  readonly to: string | undefined
}

/** A missing time is the first or the last second of the day. */
function readSpan({ query, switches }: EndpointCall): Span | { readonly wrong: readonly string[] } {
  const { dateStart, dateEnd } = query
  const wrong = ['dateStart', 'dateEnd'].filter((name) => {
    const value = query[name]
    return value !== undefined && !isDate(value) && !isDateTime(value)
  })
  if (wrong.length > 0) return { wrong }
  const isDay = dateEnd !== undefined && isDate(dateEnd)
  const lastDay = isDay && switches.dateEnd === 'exclusive' ? addDays(dateEnd, -1) : dateEnd
  return {
    from: dateStart !== undefined && isDate(dateStart) ? `${dateStart} 00:00:00` : dateStart,
    to: isDay ? `${lastDay} 23:59:59` : dateEnd,
  }
}

const DAY_MS = 86_400_000

/** Instants of which no zone doubts that they lie within: a text for each row of a long list would cost more than the list. */
function insideOf({ from, to }: Span): { readonly from: number; readonly to: number } {
  const epochMs = (text: string) => Date.parse(`${text.replace(' ', 'T')}Z`)
  return {
    from: from === undefined ? Number.NEGATIVE_INFINITY : epochMs(from) + DAY_MS,
    to: to === undefined ? Number.POSITIVE_INFINITY : epochMs(to) - DAY_MS,
  }
}

interface Candidates {
  readonly rows: readonly InvoiceRow[]
  /** Nobody need look at their times any more. */
  readonly areWithin: boolean
}

/** The shortest list that holds all that can match. */
function candidatesOf({ query, merchant, switches }: EndpointCall, { from, to }: Span): Candidates {
  const { invoices } = merchant.records
  const { invoiceNumber, customerId } = query
  if (invoiceNumber !== undefined && switches.codeFilter === 'equal') {
    return { rows: invoices.by('number', invoiceNumber.toUpperCase()), areWithin: false }
  }
  if (customerId !== undefined) return { rows: invoices.by('customerId', customerId), areWithin: false }
  const range = invoices.range('date')
  if (!range || (from === undefined && to === undefined)) return { rows: invoices.all(), areWithin: false }
  const dates = { from: from?.slice(0, 10), to: to?.slice(0, 10) }
  const rows = rowsBetween(range, dates, (date) => invoices.by('date', date))
  return { rows, areWithin: isOfWholeDays({ from, to }) }
}

const isOfWholeDays = ({ from, to }: Span): boolean =>
  (from === undefined || from.endsWith(' 00:00:00')) && (to === undefined || to.endsWith(' 23:59:59'))

const asks = ({ query }: EndpointCall, name: string): boolean => query[name] === '1'

function renderInvoice(
  row: InvoiceRow,
  { withFee, withFields }: { withFee: boolean; withFields: boolean },
  call: EndpointCall,
): string {
  const { zone, switches, merchant, seed } = call
  const detail = row.detail ?? NO_DETAIL
  const customer = merchant.records.customers.get(row.customerId)
  const money = (minor: bigint) => spellAmount(minor, row.currency, switches.amountTypes)
  const time = (at: Parameters<typeof spellTime>[0]) => spellTime(at, zone)
  const isSpelledOut = hash32(seed, 'province', row.id) % 4 === 0
  const address = spellAddress(spellOut(customer?.billingAddress ?? null, isSpelledOut))
  const shippingAddress = spellAddress(spellOut(customer?.shippingAddress ?? null, isSpelledOut))
  const note = (minor: bigint, details: string) => `{"amount":${money(minor)},"details":${JSON.stringify(details)}}`
  const served = new Map([
    ['invoiceId', String(row.id)],
    ['invoiceNumber', JSON.stringify(row.number)],
    ['token', JSON.stringify(tokenOf(seed, row.id))],
    ['type', JSON.stringify(row.type)],
    ['status', JSON.stringify(row.status)],
    ['currency', JSON.stringify(row.currency)],
    ['customerId', String(row.customerId)],
    ['billingAddress', address],
    [
      'shipping',
      `{"amount":${money(detail.shippingMinor)},"details":${JSON.stringify(detail.shippingMinor > 0n ? 'Canada Post 1-day shipping' : '')},"address":${shippingAddress}}`,
    ],
    ['pickup', `{"date":${time(detail.pickupAt)},"name":${JSON.stringify(customer?.contactName ?? '')}}`],
    ['tax', note(detail.taxMinor, detail.taxMinor > 0n ? 'GST 5%' : '')],
    ['discount', note(detail.discountMinor, detail.discountMinor > 0n ? 'DISC100' : '')],
    ['lineItems', `[${renderLines(row, money).join(',')}]`],
    ['dateCreated', time(row.createdAt)],
    ['dateUpdated', time(row.updatedAt)],
    ['datePaid', time(row.paidAt)],
    ['dateIssued', time(row.createdAt)],
    ['amount', money(row.amountMinor)],
    ['amountPaid', money(row.paidMinor)],
    ['amountDue', money(row.dueMinor)],
    ['tipAmount', money(detail.tipMinor)],
    ['depositAmount', money(detail.depositMinor)],
    // 0 unless asked for (API.md §10), though the amount holds it.
    ['convenienceFee', money(withFee ? detail.convenienceFeeMinor : 0n)],
    ['convenienceFeeEnabled', String(isFeeEnabled(row))],
    ['surchargingFee', money(detail.surchargingFeeMinor)],
    ['orderFields', JSON.stringify(withFields ? detail.orderFields : [])],
    ['notes', JSON.stringify(detail.notes)],
  ])
  return renderKept(served, row, merchant.records.invoices)
}

function renderLines(row: InvoiceRow, money: (minor: bigint) => string): string[] {
  const whole = { description: 'Payment', quantityHundredths: 100n, priceMinor: row.amountMinor, sku: '' }
  const lines = row.detail?.lines ?? [{ ...whole, taxMinor: 0n, discountMinor: 0n }]
  return lines.map((line) =>
    renderRecord(
      new Map([
        ['description', JSON.stringify(line.description)],
        ['quantity', shortDecimal(line.quantityHundredths, row.currency)],
        ['price', money(line.priceMinor)],
        ['taxAmount', money(line.taxMinor)],
        ['discountAmount', money(line.discountMinor)],
        ['sku', JSON.stringify(line.sku)],
      ]),
    ),
  )
}

const FULL_NAMES: ReadonlyMap<string, string> = new Map([
  ['AB', 'Alberta'],
  ['QC', 'Quebec'],
  ['NY', 'New York'],
  ['WA', 'Washington'],
  ['CAN', 'Canada'],
  ['USA', 'United States'],
])

/** Province and country come in codes or full names (API.md §10). */
function spellOut(address: Address | null, isSpelledOut: boolean): Address | null {
  if (!address || !isSpelledOut) return address
  const { province, country } = address
  return { ...address, province: FULL_NAMES.get(province) ?? province, country: FULL_NAMES.get(country) ?? country }
}

const tokenOf = (seed: number, id: bigint): string =>
  [1, 2, 3]
    .map((part) => hash32(seed, 'invoice-token', id, part).toString(16).padStart(8, '0'))
    .join('')
    .slice(0, 22)
