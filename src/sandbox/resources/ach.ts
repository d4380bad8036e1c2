import { toInstant } from '../../domain/clock.ts'
import { parseMinor } from '../../domain/money.ts'
import { type Answer, type Endpoint, type EndpointCall, jsonAnswer, parseId } from '../endpoint.ts'
import { codeFilter, isDate } from '../filters.ts'
import { type Paging, shownRows } from '../listing.ts'
import {
  ACH_CURRENCIES,
  ACH_FIGURES,
  ACH_STATUSES_AUTH,
  ACH_STATUSES_CLEARING,
  ACH_TYPES,
  type AchBatchRow,
  type AchTransactionRow,
  achTotals,
} from '../records/ach.ts'
import { renderKept, spellAmount, spellTime } from '../served.ts'
import { addDays } from '../zone.ts'

const PAGING: Paging = { kind: 'pages', sizeMax: 125, takesLimit: true }
const MERCHANT_ID = '208967'
/** 25 to 36 letters, digits, `-` and `_` (API.md §3). */
const IDEMPOTENCY_KEY = /^[A-Za-z0-9_-]{25,36}$/

export const ACH_ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: '/ach/transactions', needs: { general: 'read' }, answer: listTransactions },
  {
    method: 'GET',
    path: '/ach/transactions/:transactionId',
    needs: { general: 'read' },
    answer(call) {
      const { achTransactions } = call.merchant.records
      const id = parseId(call.parameters.transactionId)
      const row = id === undefined ? undefined : achTransactions.get(id)
      if (!row || !achTransactions.isVisible(row, call.now)) return message(400, 'Invalid transaction ID.')
      const text = renderTransaction(row, call)
      return jsonAnswer(200, call.switches.achSingle === 'wrapped' ? `{"transaction":${text}}` : text)
    },
  },
  {
    method: 'GET',
    path: '/ach/batches',
    needs: { general: 'read' },
    answer(call) {
      const { achBatches } = call.merchant.records
      const shown = shownRows(achBatches.visible(achBatches.all(), call.now), { kind: 'whole' }, call)
      return listAnswer(
        'batches',
        shown.map((row) => renderBatch(row, call)),
        call,
      )
    },
  },
  {
    method: 'PUT',
    path: '/ach/batches/:batchId/settle',
    // Not documented; as for card batches.
    needs: { transactions: 'admin' },
    answer: settleBatch,
  },
]

const message = (status: number, text: string): Answer => jsonAnswer(status, JSON.stringify({ message: text }))

function listAnswer(name: string, items: readonly string[], { switches }: EndpointCall): Answer {
  const array = `[${items.join(',')}]`
  return jsonAnswer(200, switches.achEnvelope === 'bare' ? array : `{"${name}":${array}}`)
}

function settleBatch({ parameters, merchant, switches, idempotencyKey, now, settleAchBatch }: EndpointCall): Answer {
  if (idempotencyKey === undefined) return message(400, 'Missing idempotency key')
  if (!IDEMPOTENCY_KEY.test(idempotencyKey)) return message(400, 'Invalid idempotency key')
  const id = parseId(parameters.batchId)
  const batch = id === undefined ? undefined : merchant.records.achBatches.get(id)
  if (!batch || !settleAchBatch) return message(400, NOT_ELIGIBLE)
  if (batch.closedAt === null) settleAchBatch(batch.id, toInstant(Math.floor(now / 1000) * 1000))
  else if (switches.settleOfClosed !== '200') return message(Number(switches.settleOfClosed), NOT_ELIGIBLE)
  return message(200, `Successfully settled ACH batch ID #${batch.id}.`)
}

const NOT_ELIGIBLE = 'ACH batch is not eligible for settling.'

function listTransactions(call: EndpointCall): Answer {
  const { merchant, query, zone, now, switches } = call
  const asked = readAsked(call)
  if (asked === undefined) return message(400, 'Invalid request.')
  const { achTransactions, customers } = merchant.records
  const last =
    query.endDate !== undefined && switches.dateEnd === 'exclusive' ? addDays(query.endDate, -1) : query.endDate
  const matching = achTransactions.visible(achTransactions.all(), now).filter((row) => {
    const date = zone.date(row.createdAt)
    if (date < (query.startDate ?? '') || (last !== undefined && date > last)) return false
    const customer = customers.by('code', row.customerCode).at(0)
    const found = [row.id, row.bankLastFours, row.orderId, row.batchId, customer?.contactName, customer?.businessName]
    return (
      asked.every((matches) => matches(row)) &&
      (query.search === undefined || found.some((each) => String(each ?? '').includes(query.search ?? '')))
    )
  })
  return listAnswer(
    'transactions',
    shownRows(matching, PAGING, call).map((row) => renderTransaction(row, call)),
    call,
  )
}

type Matches = (row: AchTransactionRow) => boolean

/** undefined: the request makes no sense. */
function readAsked(call: EndpointCall): readonly Matches[] | undefined {
  const { query, values } = call
  const { startDate, endDate, amountMin, amountMax } = query
  if ([startDate, endDate].some((date) => date !== undefined && !isDate(date))) return undefined
  if (startDate !== undefined && endDate !== undefined && endDate < startDate) return undefined
  const [min, max] = [amountMin, amountMax].map((text) => (text === undefined ? null : parseMinor(text, 2)))
  if (min === undefined || max === undefined || (min !== null && max !== null && max < min)) return undefined
  const auth = values('statusAuth')
  const clearing = values('statusClearing')
  const users = values('users')
  const isKnown = (names: readonly string[], all: readonly string[]) => names.every((name) => all.includes(name))
  if (!isKnown(auth, ACH_STATUSES_AUTH) || !isKnown(clearing, ACH_STATUSES_CLEARING)) return undefined
  const asked: Matches[] = [
    (row) => (min === null || row.amountMinor >= min) && (max === null || row.amountMinor <= max),
    (row) => auth.length === 0 || auth.includes(row.statusAuth),
    (row) => clearing.length === 0 || clearing.includes(row.statusClearing),
    // All of ours were made by user 0, the system.
    () => users.length === 0 || users.includes('0'),
  ]
  for (const [name, read] of CODES) {
    const matches = query[name] === undefined ? undefined : codeFilter(read)(query[name], call)
    if (matches) asked.push(matches)
  }
  return asked
}

const CODES: readonly (readonly [name: string, read: (row: AchTransactionRow) => string])[] = [
  ['customerCode', ({ customerCode }) => customerCode],
  ['invoiceNumber', ({ invoiceNumber }) => invoiceNumber],
]

function renderTransaction(row: AchTransactionRow, { zone, switches, merchant }: EndpointCall): string {
  const batch = merchant.records.achBatches.get(row.batchId)
  const code = (names: readonly string[], name: string, first: number) =>
    switches.achCodes === 'names' ? JSON.stringify(name) : String(names.indexOf(name) + first)
  const closedAt = batch?.closedAt ?? null
  const served = new Map([
    ['id', String(row.id)],
    ['merchantId', MERCHANT_ID],
    ['orderId', String(row.orderId)],
    ['dateCreated', spellTime(row.createdAt, zone)],
    ['statusAuth', code(ACH_STATUSES_AUTH, row.statusAuth, 1)],
    ['statusClearing', code(ACH_STATUSES_CLEARING, row.statusClearing, 0)],
    ['userId', '0'],
    ['batchId', String(row.batchId)],
    ['bankAccountId', String(row.bankAccountId)],
    [switches.achBankKey, String(row.bankLastFours)],
    ['transactionType', code(ACH_TYPES, row.type, 1)],
    ['amount', spellAmount(row.amountMinor, row.currency, switches.amountTypes)],
    ['currency', code(ACH_CURRENCIES, row.currency, 1)],
    ['approvalCode', JSON.stringify(row.approvalCode)],
    ['test', '0'],
    ['acquirerTransactionId', '""'],
    ['responseMessage', JSON.stringify(row.responseMessage)],
    ['payFacTransactionId', '0'],
    ['originalTransactionId', String(row.originalId)],
    ['statusBatch', closedAt === null ? '1' : '2'],
    ['dateClosed', spellTime(closedAt, zone)],
  ])
  return renderKept(served, row, merchant.records.achTransactions)
}

function renderBatch(row: AchBatchRow, { zone, switches, merchant }: EndpointCall): string {
  const { achTransactions, achBatches } = merchant.records
  const { minor, count } = achTotals(achTransactions.by('batchId', String(row.id)))
  const served = new Map([
    ['batchId', String(row.id)],
    // Documented in the definition, and not in the guide's example: later batches have it.
    ...(row.id % 2n === 0n ? ([['batchReference', JSON.stringify(row.reference)]] as const) : []),
    ['merchantId', MERCHANT_ID],
    ['statusBatch', row.closedAt === null ? '1' : '2'],
  ])
  for (const figure of ACH_FIGURES) {
    const stated = minor[figure] + (row.lie.minor[figure] ?? 0n)
    served.set(`amount${figure}`, spellAmount(stated, row.currency, switches.amountTypes))
    served.set(`count${figure}`, String(count[figure] + (row.lie.count[figure] ?? 0)))
  }
  served.set('dateOpened', spellTime(row.createdAt, zone))
  served.set('dateClosed', spellTime(row.closedAt, zone))
  return renderKept(served, row, achBatches)
}
