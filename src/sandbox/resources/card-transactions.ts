import { parseMinor } from '../../domain/money.ts'
import { rowsBetween } from '../collection.ts'
import { type Answer, type Endpoint, type EndpointCall, errorAnswer, jsonAnswer, parseId } from '../endpoint.ts'
import { type Cuttable, pageOf, shownRows } from '../listing.ts'
import { servedReferences } from '../render.ts'
import type { TransactionRow } from '../rows.ts'
import { addDays } from '../zone.ts'

/** Documented as maximum and default at once. */
const PAGING = { kind: 'pages', sizeMax: 1000, takesLimit: true } as const
const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/

export const CARD_TRANSACTION_ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: '/card-transactions', needs: { general: 'read' }, answer: listTransactions },
  {
    method: 'GET',
    path: '/card-transactions/:cardTransactionId',
    needs: { general: 'read' },
    answer({ parameters, merchant, render, switches, now }) {
      const id = parseId(parameters.cardTransactionId)
      if (id === undefined) return errorAnswer(400, 'Invalid card transaction id.')
      const row = merchant.transaction(id)
      if (!row || row.isHidden || row.visibleAt > now)
        return errorAnswer(switches.unknownId, 'Invalid cardTransactionId')
      return jsonAnswer(200, render.transaction(row))
    },
  },
]

function listTransactions(call: EndpointCall): Answer {
  const { query, merchant, now, render } = call
  const errors: Record<string, string> = {}
  for (const name of ['dateFrom', 'dateTo']) {
    if (query[name] !== undefined && !DATE.test(query[name])) errors[name] = `${name} must be a valid date`
  }
  const batchId = query.cardBatchId === undefined ? undefined : parseId(query.cardBatchId)
  if (query.cardBatchId !== undefined && batchId === undefined)
    errors.cardBatchId = 'cardBatchId must be a valid number'
  if (Object.keys(errors).length > 0) return errorAnswer(400, errors)

  const dates = datesAsked(call)
  const candidates =
    batchId !== undefined
      ? merchant.transactionsOfBatch(batchId).filter((row) => isWithin(call.zone.date(row.createdAt), dates))
      : rowsOfDates(call, dates)
  const matches = (row: TransactionRow) =>
    row.visibleAt <= now &&
    !row.isHidden &&
    isReferredToBy(row, call) &&
    (query.search === undefined || isFoundBy(row, query.search))
  const matching = candidates.filter(matches)
  const archived = batchId === undefined ? archivedRows(call, dates, matches) : undefined
  const shown = archived ? shownWithArchive(matching, archived, call) : shownRows(matching, PAGING, call)
  return jsonAnswer(200, render.list('transactions', shown.map(render.transaction)))
}

const FINDERS = ['search', 'customerCode', 'invoiceNumber', 'cardToken']

/** What the archive holds of these dates, made up only where it is looked at; undefined: nothing. */
function archivedRows(
  { merchant, query, zone }: EndpointCall,
  { from, to }: Dates,
  matches: (row: TransactionRow) => boolean,
): Cuttable<TransactionRow> | undefined {
  const archive = merchant.archive()
  if (!archive) return undefined
  const first = from === undefined ? 0 : archive.placeOf(zone.at(from, '00:00'))
  const end = to === undefined ? archive.length : archive.placeOf(zone.at(addDays(to, 1), '00:00'))
  if (FINDERS.every((name) => query[name] === undefined)) {
    const slice = (start: number, stop: number) =>
      Array.from({ length: Math.max(0, stop - start) }, (_, place) => archive.at(first + start + place))
    return { length: Math.max(0, end - first), slice }
  }
  const found: TransactionRow[] = []
  for (let place = first; place < end; place += 1) {
    const row = archive.at(place)
    if (matches(row)) found.push(row)
  }
  return found
}

/** All of the archive is older than all of history, in ids and in time. */
function shownWithArchive(
  live: readonly TransactionRow[],
  archived: Cuttable<TransactionRow>,
  call: EndpointCall,
): readonly TransactionRow[] {
  if (call.pageShown === 'empty') return []
  const { listOrder } = call.switches
  if (listOrder !== 'newest-first' && listOrder !== 'ascending') {
    return shownRows([...archived.slice(0, archived.length), ...live], PAGING, call)
  }
  // Rows that came late stand under their date, not their id.
  const sorted = live.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const ascending = (start: number, stop: number) => [
    ...archived.slice(Math.min(start, archived.length), Math.min(stop, archived.length)),
    ...sorted.slice(Math.max(0, start - archived.length), Math.max(0, stop - archived.length)),
  ]
  const length = archived.length + live.length
  const slice = (start: number, stop: number) => {
    const last = Math.min(stop, length)
    if (start >= last) return []
    return listOrder === 'ascending' ? ascending(start, last) : ascending(length - last, length - start).reverse()
  }
  return pageOf({ length, slice }, PAGING, call)
}

interface Dates {
  readonly from: string | undefined
  readonly to: string | undefined
}

const isWithin = (date: string, { from, to }: Dates) =>
  (from === undefined || date >= from) && (to === undefined || date <= to)

function datesAsked({ query, switches }: EndpointCall): Dates {
  const { dateFrom: from, dateTo } = query
  return { from, to: dateTo !== undefined && switches.dateTo === 'exclusive' ? addDays(dateTo, -1) : dateTo }
}

function rowsOfDates({ merchant }: EndpointCall, { from, to }: Dates): readonly TransactionRow[] {
  const range = merchant.dateRange()
  if (!range) return []
  if (from === undefined && to === undefined) return merchant.transactions()
  return rowsBetween(range, { from, to }, merchant.transactionsOfDate)
}

function isReferredToBy(row: TransactionRow, { query, switches }: EndpointCall): boolean {
  const { customerCode, invoiceNumber, cardToken } = query
  if (customerCode === undefined && invoiceNumber === undefined && cardToken === undefined) return true
  const served = servedReferences(row, switches.refundRow)
  return (
    served !== undefined &&
    (customerCode === undefined || served.customerCode === customerCode) &&
    (invoiceNumber === undefined || served.invoiceNumber === invoiceNumber) &&
    (cardToken === undefined || served.cardToken === cardToken)
  )
}

/** Documented: "amount, card number (F6L4 only), cardholder name, & approval codes". */
function isFoundBy(row: TransactionRow, text: string): boolean {
  const amountMinor = parseMinor(text, 2)
  return (
    (amountMinor !== undefined && row.amountMinor === amountMinor) ||
    row.card.number === text ||
    row.approvalCode === text ||
    row.card.holderName.toLowerCase().includes(text.toLowerCase())
  )
}
