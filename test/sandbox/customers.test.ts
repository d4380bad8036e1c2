import { describe, expect, it } from 'vitest'
import { asList, asObject, example, type Json, json, offences, shapeOf } from './contract.ts'
import { BILLED_SHOP, type Client, type Row, start, text } from './support.ts'

const shop = (options: Parameters<typeof start>[0] = {}) => start({ scenario: BILLED_SHOP, ...options })

/** Every page of 100, cards included. */
async function allCustomers({ get }: Client, query = ''): Promise<Json[]> {
  const rows: Json[] = []
  for (let page = 1; page < 50; page += 1) {
    const read = asList(json(await get(`/customers?includeCards=yes&page=${page}${query}`)))
    rows.push(...read)
    if (read.length < 100) return rows
  }
  throw new Error('too many pages')
}

const both = (value: Json | undefined) => typeof value === 'object' && value !== null

describe('customers have the shape that was documented and recorded', () => {
  it('with cards, and each address an object or the empty string', async () => {
    const rows = (await allCustomers(await shop())).map(asObject)
    const recorded = asObject(
      asList(example('customers', 'list by customerCode with cards, recorded response'))[0] ?? null,
    )
    const [cardRecorded = null] = asList(recorded.cards ?? null)
    const withAddresses = asObject(example('customers', 'customer object with both addresses'))
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(Object.keys(recorded))
      for (const card of asList(row.cards ?? null)) expect(shapeOf(card)).toEqual(shapeOf(cardRecorded))
      for (const key of ['billingAddress', 'shippingAddress']) {
        if (both(row[key])) expect(shapeOf(row[key] ?? null)).toEqual(shapeOf(withAddresses[key] ?? null))
        else expect(row[key]).toBe('')
      }
    }
    expect(new Set(rows.map((row) => both(row.billingAddress)))).toEqual(new Set([true, false]))
    expect(new Set(rows.map((row) => row.dateUpdated === '0000-00-00 00:00:00'))).toEqual(new Set([true, false]))
  })

  it('as the published definition types them, but for what it leaves out and what it spells otherwise', async () => {
    for (const row of (await allCustomers(await shop()))
      .map(asObject)
      .filter(({ billingAddress }) => both(billingAddress))) {
      const odd = offences({ ...row, shippingAddress: row.billingAddress ?? '' }, 'Customer', 'openapi-billing')
      expect(odd.map((each) => each.split(' ')[0])).toEqual(['dateCreated', 'dateUpdated', 'cellphone'])
      for (const card of asList(row.cards ?? null)) {
        expect(offences({ ...asObject(card), default: true }, 'CardResponse', 'openapi-billing')).toEqual([
          'default (unknown key): true',
        ])
      }
      expect(offences(row.billingAddress ?? null, 'Address', 'openapi-billing')).toEqual([])
    }
  })

  it('one by its id and the cards alone are those of the list', async () => {
    const client = await shop()
    const [row] = (await allCustomers(client)).map(asObject)
    expect(json(await client.get(`/customers/${row?.id}?includeCards=yes`))).toEqual(row)
    expect(json(await client.get(`/customers/${row?.id}`))).toEqual({ ...row, cards: [] })
    expect(json(await client.get(`/customers/${row?.id}/cards`))).toEqual(row?.cards)
    const [card] = asList(row?.cards ?? null).map(asObject)
    expect(json(await client.get(`/customers/${row?.id}/cards?cardToken=${card?.cardToken}`))).toEqual([card])
    expect(json(await client.get(`/customers/${row?.id}/cards?cardToken=nobodys`))).toEqual([])
  })

  it('nothing found is an empty list, an unknown id 404, and two queries at once are refused', async () => {
    const { get } = await shop()
    expect(json(await get('/customers?search=NonexistentCustomer12345'))).toEqual(
      example('customers', 'list, nothing found, recorded response'),
    )
    for (const path of ['/customers/0', '/customers/x', '/customers/0/cards']) {
      const reply = await get(path)
      expect([reply.status, json(reply)]).toEqual([404, example('customers', 'unknown customer, recorded response')])
    }
    expect((await get('/customers?search=a&customerCode=CST1000')).status).toBe(400)
  })
})

describe('the list of customers', () => {
  it('comes in pages of at most a hundred, disjoint and together everything', async () => {
    const client = await shop({ scenario: { ...BILLED_SHOP, customers: 230 } })
    const all = (await allCustomers(client)).map((row) => asObject(row).id)
    expect(new Set(all).size).toBe(all.length)
    expect(all.length).toBe(client.sandbox.state.merchant().records.customers.all().length)
    expect((await client.get('/customers?limit=1000')).rows()).toHaveLength(100)
    expect((await client.get('/customers?limit=7&page=2')).rows().map((row) => row.id)).toEqual(
      all.slice(7, 14).map(String),
    )
  })

  it('is cut lower, past its end, ordered, wrapped and late as the switches have it', async () => {
    expect((await (await shop({ switches: { pageSizeMax: 10 } })).get('/customers?limit=100')).rows()).toHaveLength(10)
    const repeating = await shop({ switches: { pagePastEnd: 'repeat-last' } })
    expect((await repeating.get('/customers?page=9')).text).toBe((await repeating.get('/customers?page=1')).text)
    const ids = async (listOrder: 'ascending' | 'newest-first') =>
      (await (await shop({ switches: { listOrder } })).get('/customers')).rows().map(({ id }) => id)
    expect(await ids('newest-first')).toEqual((await ids('ascending')).toReversed())
    expect((await (await shop({ switches: { envelope: 'named' } })).get('/customers')).text).toMatch(
      /^\{"customers":\[/,
    )
    const late = await shop({ switches: { lagSeconds: 60 } })
    const { customers } = late.sandbox.state.merchant().records
    const [model] = customers.all()
    if (!model) throw new Error('no customer')
    const { id } = customers.add((next) => ({ ...model, id: next, code: 'CST9', createdAt: late.clock.now() }))
    expect((await late.get(`/customers/${id}`)).status).toBe(404)
    expect((await late.get('/customers?customerCode=CST9')).rows()).toEqual([])
    late.clock.advance(60_000)
    expect((await late.get('/customers?customerCode=CST9')).rows()).toHaveLength(1)
  })

  it('shows cards only when asked, one by one as the switch has it, and phones under either spelling', async () => {
    const noCards = (await (await shop()).get('/customers')).text
    expect(noCards).not.toContain('cardToken')
    const cards = async (cardsById: 'always' | 'never') => {
      const client = await shop({ switches: { cardsById, cellphoneKey: 'cellPhone' } })
      const { id } = asObject((await allCustomers(client))[0] ?? null)
      const row = asObject(
        json(await client.get(`/customers/${id}${cardsById === 'never' ? '?includeCards=yes' : ''}`)),
      )
      expect(row).toHaveProperty('cellPhone')
      return asList(row.cards ?? null).length
    }
    expect(await cards('always')).toBe(1)
    expect(await cards('never')).toBe(0)
  })

  it('filters by a code exactly, or by its beginning, and searches in what is documented', async () => {
    const codes = async (codeFilter: 'equal' | 'beginning', query: string) =>
      (await (await shop({ switches: { codeFilter } })).get(`/customers?${query}`))
        .rows()
        .map((row) => row.customerCode)
    expect(await codes('equal', 'customerCode=CST103')).toEqual([])
    expect(await codes('equal', 'customerCode=CST1030')).toEqual(['CST1030'])
    expect((await codes('beginning', 'customerCode=CST103')).length).toBe(10)
    expect((await codes('equal', 'search=calgary')).length).toBeGreaterThan(0)
    expect(await codes('equal', 'search=cst1030')).toEqual(['CST1030'])
  })

  it('is empty for a merchant who has a till and nothing else', async () => {
    expect((await (await start()).get('/customers')).text).toBe('[]')
  })

  it('is refused to a token from which it was taken', async () => {
    const { get, sandbox } = await shop()
    sandbox.tokens.refuse('default', ['/customers'])
    expect(await get('/customers')).toMatchObject({ status: 403, text: '{"errors":"No access permission"}' })
    expect((await get('/connection-test')).status).toBe(200)
    sandbox.tokens.refuse('default', [])
    expect((await get('/customers')).status).toBe(200)
  })
})

describe('customers change as days go by', () => {
  const cardsOf = (row: Json) => asList(asObject(row).cards ?? null)

  it('dateUpdated follows a change of the person and not one of a card', async () => {
    const client = await shop({ now: '2026-10-02T06:30:00Z' })
    const before = new Map((await allCustomers(client)).map((row) => [asObject(row).id, row]))
    client.clock.set('2026-11-20T12:00:00Z')
    const seen = { person: 0, card: 0 }
    for (const row of (await allCustomers(client)).filter((each) => before.has(asObject(each).id))) {
      const was = asObject(before.get(asObject(row).id) ?? null)
      const isCardChanged = JSON.stringify(cardsOf(row)) !== JSON.stringify(was.cards)
      const isPersonChanged = asObject(row).cellphone !== was.cellphone
      if (isCardChanged) seen.card += 1
      if (isPersonChanged) seen.person += 1
      expect(asObject(row).dateUpdated !== was.dateUpdated).toBe(isPersonChanged)
      expect(cardsOf(row).filter((card) => asObject(card).default === true)).toHaveLength(1)
    }
    expect(Math.min(seen.card, seen.person)).toBeGreaterThan(0)
  })

  it('a test can change one late, take one out, hide one, or have a key served wrongly', async () => {
    const client = await shop()
    const { customers } = client.sandbox.state.merchant().records
    const [first, second, third, fourth] = customers.all()
    if (!first || !second || !third || !fourth) throw new Error('too few')
    customers.alter(first.id, { contactName: 'Somebody Else' })
    customers.remove(second.id)
    customers.hide(third.id)
    customers.disguise(fourth.id, 'id', '"none"')
    customers.disguise(fourth.id, 'businessName', null)
    const rows: Row[] = (await client.get('/customers?limit=100')).rows()
    expect(rows.find(({ id }) => id === String(first.id))?.contactName).toBe('Somebody Else')
    expect(rows.some(({ id }) => id === String(second.id) || id === String(third.id))).toBe(false)
    expect((await client.get(`/customers/${third.id}`)).status).toBe(404)
    const disguised = rows.find(({ customerCode }) => customerCode === fourth.code)
    expect(text(disguised, 'id')).toBe('none')
    expect(disguised).not.toHaveProperty('businessName')
    customers.hide(third.id, false)
    expect((await client.get(`/customers/${third.id}`)).status).toBe(200)
  })
})
