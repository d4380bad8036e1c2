import { type Answer, type Endpoint, type EndpointCall, errorAnswer, jsonAnswer, parseId } from '../endpoint.ts'
import { codeFilter } from '../filters.ts'
import { type Paging, shownRows } from '../listing.ts'
import type { Address, CardOnFile, CustomerRow } from '../records/customer.ts'
import { renderKept, renderRecord, spellTime } from '../served.ts'

const PAGING: Paging = { kind: 'pages', sizeMax: 100, takesLimit: true }

export const CUSTOMER_ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: '/customers', needs: { general: 'read' }, answer: listCustomers },
  {
    method: 'GET',
    path: '/customers/:customerId',
    needs: { general: 'read' },
    answer: (call) =>
      withCustomer(call, (row) => {
        const { cardsById } = call.switches
        const withCards = cardsById === 'always' || (cardsById === 'asked' && asksForCards(call))
        return jsonAnswer(200, renderCustomer(row, withCards, call))
      }),
  },
  {
    method: 'GET',
    path: '/customers/:customerId/cards',
    needs: { general: 'read' },
    answer: (call) =>
      withCustomer(call, ({ cards }) => {
        const { cardToken } = call.query
        const matching = cards.filter(({ card }) => cardToken === undefined || card.token === cardToken)
        return jsonAnswer(
          200,
          call.render.list(
            'cards',
            matching.map((card) => renderCard(card, call)),
          ),
        )
      }),
  },
]

function listCustomers(call: EndpointCall): Answer {
  const { query, merchant, now, render } = call
  const { customers } = merchant.records
  const { search, customerCode } = query
  if (search !== undefined && customerCode !== undefined) {
    return errorAnswer(400, 'Only one of search and customerCode can be used per request')
  }
  const isAsked = customerCode === undefined ? undefined : codeFilter(codeOf)(customerCode, call)
  const candidates =
    customerCode !== undefined && call.switches.codeFilter === 'equal'
      ? customers.by('code', customerCode)
      : customers.all()
  const matching = customers
    .visible(candidates, now)
    .filter((row) => (isAsked?.(row) ?? true) && (search === undefined || isFoundBy(row, search.toLowerCase())))
  const withCards = asksForCards(call)
  const shown = shownRows(matching, PAGING, call)
  return jsonAnswer(
    200,
    render.list(
      'customers',
      shown.map((row) => renderCustomer(row, withCards, call)),
    ),
  )
}

const codeOf = ({ code }: CustomerRow): string => code

const asksForCards = ({ query }: EndpointCall): boolean => query.includeCards === 'yes'

/** Documented: "partial matching on contactName, businessName, customerCode, city, phone and email". */
function isFoundBy(row: CustomerRow, text: string): boolean {
  const { billingAddress: address } = row
  return [row.contactName, row.businessName, row.code, row.cellphone, address?.city, address?.phone, address?.email]
    .filter((value) => value !== undefined)
    .some((value) => value.toLowerCase().includes(text))
}

function withCustomer(call: EndpointCall, answer: (row: CustomerRow) => Answer): Answer {
  const { customers } = call.merchant.records
  const id = parseId(call.parameters.customerId)
  const row = id === undefined ? undefined : customers.get(id)
  return row && customers.isVisible(row, call.now)
    ? answer(row)
    : errorAnswer(call.switches.unknownId, 'Invalid customerId')
}

function renderCustomer(row: CustomerRow, withCards: boolean, call: EndpointCall): string {
  const { zone, switches, merchant } = call
  const cards = withCards ? row.cards.map((card) => renderCard(card, call)) : []
  const served = new Map([
    ['id', String(row.id)],
    ['customerCode', JSON.stringify(row.code)],
    ['businessName', JSON.stringify(row.businessName)],
    ['contactName', JSON.stringify(row.contactName)],
    ['dateCreated', spellTime(row.createdAt, zone)],
    ['dateUpdated', spellTime(row.updatedAt, zone)],
    [switches.cellphoneKey, JSON.stringify(row.cellphone)],
    ['billingAddress', spellAddress(row.billingAddress)],
    ['shippingAddress', spellAddress(row.shippingAddress)],
    ['cards', `[${cards.join(',')}]`],
  ])
  return renderKept(served, row, merchant.records.customers)
}

/** An address that is not there is the empty string (API.md §10). */
export const spellAddress = (address: Address | null): string => JSON.stringify(address ?? '')

const renderCard = ({ id, card, expiry, createdAt, updatedAt, isDefault }: CardOnFile, { zone }: EndpointCall) =>
  renderRecord(
    new Map([
      ['id', String(id)],
      ['cardHolderName', JSON.stringify(card.holderName)],
      ['cardF6L4', JSON.stringify(card.number)],
      ['cardToken', JSON.stringify(card.token)],
      ['cardExpiry', JSON.stringify(expiry)],
      ['dateCreated', spellTime(createdAt, zone)],
      ['dateUpdated', spellTime(updatedAt, zone)],
      ['default', String(isDefault)],
    ]),
  )
