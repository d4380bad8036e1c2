import { describe, expect, it } from 'vitest'
import { parseMinor } from '../../src/domain/money.ts'
import { asList, asObject, example, type Json, json, offences, shapeOf } from './contract.ts'
import { BILLED_SHOP, type Client, start, text } from './support.ts'

const shop = (options: Parameters<typeof start>[0] = {}) =>
  start({ now: '2026-11-20T20:00:00Z', scenario: { ...BILLED_SHOP, salesPerDay: 8 }, ...options })

/** Pages until an empty one: their size is not documented. */
async function allInvoices({ get }: Client, query = ''): Promise<{ [key: string]: Json }[]> {
  const rows: { [key: string]: Json }[] = []
  for (let page = 1; page < 200; page += 1) {
    const read = asList(json(await get(`/invoices?page=${page}${query}`))).map(asObject)
    if (read.length === 0) return rows
    rows.push(...read)
  }
  throw new Error('too many pages')
}

const minor = (value: Json | undefined): bigint => {
  const read = parseMinor(String(value), 2)
  if (read === undefined) throw new Error(`no amount: ${value}`)
  return read
}
const part = (row: { [key: string]: Json }, key: string) => asObject(row[key] ?? null)

describe('invoices have the shape that is documented', () => {
  it('with an address as object or empty string, order fields and fee only when asked for', async () => {
    const client = await shop()
    const documented = asObject(example('invoices', 'OpenAPI field examples assembled'))
    const rows = await allInvoices(client)
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(Object.keys(documented))
      for (const key of ['tax', 'discount', 'pickup']) {
        expect(shapeOf(row[key] ?? null)).toEqual(shapeOf(documented[key] ?? null))
      }
      for (const line of asList(row.lineItems ?? null)) {
        expect(shapeOf(line)).toEqual(shapeOf(asList(documented.lineItems ?? null)[0] ?? null))
      }
      expect([row.orderFields, row.convenienceFee]).toEqual([[], 0])
      const odd = offences(row, 'InvoiceResponse', 'openapi-billing')
      expect(odd.filter((each) => each !== 'billingAddress (object): ""')).toEqual([])
      if (row.billingAddress !== '') {
        expect(shapeOf(row.billingAddress ?? null)).toEqual(shapeOf(documented.billingAddress ?? null))
      }
    }
    const asked = await allInvoices(client, '&withConvenienceFee=1&withOrderFields=1')
    expect(asked.some((row) => asList(row.orderFields ?? null).length > 0)).toBe(true)
    expect(asked.some((row) => minor(row.convenienceFee) > 0n && row.convenienceFeeEnabled === true)).toBe(true)
    expect(new Set(rows.map((row) => row.billingAddress !== '' && part(row, 'billingAddress').country))).toEqual(
      new Set([false, 'CAN', 'USA', 'Canada', 'United States']),
    )
  })

  it('one by its id is that of the list, and an unknown id has an error', async () => {
    const client = await shop()
    const [row] = await allInvoices(client, '&withOrderFields=1')
    expect(json(await client.get(`/invoices/${row?.invoiceId}`))).toEqual(row)
    expect(await client.get('/invoices/1')).toMatchObject({ status: 404, text: '{"errors":"Invalid invoiceId"}' })
  })
})

describe('over seeds', () => {
  it.each([1, 2])('every invoice adds up, and is paid by what names it or what followed, seed %i', async (seed) => {
    const client = await shop({ seed, switches: { refundRow: 'with-parent' } })
    const rows = await allInvoices(client, '&withConvenienceFee=1')
    const transactions = await client.all('/card-transactions')
    const byId = new Map(transactions.map((row) => [row.transactionId, row]))
    const numberOf = (row: (typeof transactions)[number]): string => {
      // A capture names no invoice; what followed it does not either.
      if (text(row, 'invoiceNumber') !== '') return text(row, 'invoiceNumber')
      return String(client.sandbox.state.merchant().transaction(originalIdOf(row))?.invoiceNumber)
    }
    const originalIdOf = (row: (typeof transactions)[number]) => {
      const merchant = client.sandbox.state.merchant()
      let id = BigInt(text(row, 'transactionId'))
      for (;;) {
        const original = merchant.transaction(id)?.originalId
        if (original === null || original === undefined) return id
        id = original
      }
    }
    const paid = new Map<string, bigint>()
    const add = (number: string, sum: bigint) => paid.set(number, (paid.get(number) ?? 0n) + sum)
    for (const row of transactions.filter(({ status }) => status !== 'DECLINED')) {
      const sum = minor(row.amount)
      if (row.type === 'purchase' || row.type === 'capture') add(numberOf(row), sum)
      if (row.type === 'refund') add(numberOf(row), -sum)
      if (row.type !== 'reverse') continue
      const voided = byId.get(text(row, 'originalTransactionId'))?.type
      if (voided === 'refund') add(numberOf(row), sum)
      else if (voided !== 'preauth') add(numberOf(row), -sum)
    }
    for (const row of client.sandbox.state.merchant().records.achTransactions.all()) {
      if (row.statusClearing !== 'CLEARED') continue
      if (row.type === 'WITHDRAWAL' && !isVoided(client, row.id)) add(row.invoiceNumber, row.amountMinor)
      if (row.type === 'REFUND') add(row.invoiceNumber, -row.amountMinor)
    }
    for (const row of rows) {
      const lines = asList(row.lineItems ?? null)
        .map(asObject)
        .reduce((sum, line) => {
          const priced = (minor(line.quantity) * minor(line.price) + 50n) / 100n
          return sum + priced + minor(line.taxAmount) - minor(line.discountAmount)
        }, 0n)
      const added = ['tipAmount', 'depositAmount', 'convenienceFee', 'surchargingFee'].map((key) => minor(row[key]))
      const whole = lines + added.reduce((sum, each) => sum + each, 0n)
      const amount = whole + minor(part(row, 'tax').amount) + minor(part(row, 'shipping').amount)
      expect(amount - minor(part(row, 'discount').amount)).toBe(minor(row.amount))
      expect([row.invoiceNumber, minor(row.amountPaid)]).toEqual([
        row.invoiceNumber,
        paid.get(String(row.invoiceNumber)) ?? 0n,
      ])
      if (row.status === 'PAID') expect([minor(row.amountDue), row.datePaid === ZERO]).toEqual([0n, false])
      if (row.status === 'DUE' || row.status === 'OVERDUE') {
        expect([minor(row.amountDue), row.datePaid]).toEqual([minor(row.amount) - minor(row.amountPaid), ZERO])
      }
    }
    const statuses = new Set(rows.map(({ status }) => status))
    for (const status of ['DUE', 'PAID', 'OVERDUE', 'REFUNDED', 'CANCELLED']) expect(statuses).toContain(status)
    // Each payment but verifications and duplicates names an invoice that is there.
    const numbers = new Set(rows.map(({ invoiceNumber }) => invoiceNumber))
    const named = transactions.filter(
      (row) => row.type !== 'verify' && row.cardBatchId !== '0' && row.invoiceNumber !== '',
    )
    expect(named.filter((row) => !numbers.has(String(row.invoiceNumber)))).toEqual([])
    expect(numbers.size).toBe(rows.length)
  })
})

const ZERO = '0000-00-00 00:00:00'

function isVoided({ sandbox }: Client, id: bigint): boolean {
  const { achTransactions } = sandbox.state.merchant().records
  return achTransactions.all().some((row) => row.type === 'REVERSE' && row.originalId === id)
}

describe('the list of invoices', () => {
  it('filters as documented, dates with and without time, both ends included', async () => {
    const client = await shop()
    const rows = await allInvoices(client)
    const sample = rows.find(({ status }) => status === 'OVERDUE')
    for (const key of ['invoiceNumber', 'customerId', 'status', 'type', 'currency']) {
      const expected = rows.filter((row) => row[key] === sample?.[key])
      expect(expected.length).toBeGreaterThan(0)
      expect(await allInvoices(client, `&${key}=${sample?.[key]}`)).toEqual(expected)
    }
    const number = String(sample?.invoiceNumber).toLowerCase()
    expect(await allInvoices(client, `&invoiceNumber=${number}`)).toEqual([sample])
    const between = (from: string, to: string) =>
      rows.filter(({ dateCreated }) => String(dateCreated) >= from && String(dateCreated) <= to)
    expect(await allInvoices(client, '&dateStart=2026-10-05&dateEnd=2026-10-06')).toEqual(
      between('2026-10-05 00:00:00', '2026-10-06 23:59:59'),
    )
    const at = String(sample?.dateCreated)
    expect(await allInvoices(client, `&dateStart=${at}&dateEnd=${at}`)).toEqual(between(at, at))
    const paid = await allInvoices(client, '&convenienceFeeEnabled=1')
    expect(paid).toEqual(rows.filter(({ convenienceFeeEnabled }) => convenienceFeeEnabled === true))
  })

  it('refuses an end before its start, and words it does not know', async () => {
    const { get } = await shop()
    for (const query of [
      'dateStart=2026-10-06&dateEnd=2026-10-05',
      'status=LATE',
      'dateStart=soon',
      'customerId=CST1000',
    ]) {
      expect((await get(`/invoices?${query}`)).status).toBe(400)
    }
  })

  it('leaves out the last day, cuts pages, ignores a limit and filters as the switches have it', async () => {
    const day = '/invoices?dateStart=2026-10-05&dateEnd=2026-10-06'
    const exclusive = await shop({ switches: { dateEnd: 'exclusive' } })
    const dates = new Set((await exclusive.get(day)).rows().map((row) => text(row, 'dateCreated').slice(0, 10)))
    expect(dates).toEqual(new Set(['2026-10-05']))
    const small = await shop({ switches: { invoicePageSize: 7, pagePastEnd: 'repeat-last' } })
    expect((await small.get('/invoices?limit=50')).rows()).toHaveLength(7)
    expect((await small.get(`${day}&page=99`)).rows().length).toBeGreaterThan(0)
    const [row] = (await small.get('/invoices')).rows()
    const beginning = await shop({ switches: { codeFilter: 'beginning' } })
    const found = (await beginning.get(`/invoices?invoiceNumber=${text(row, 'invoiceNumber').slice(0, 7)}`)).rows()
    expect(found.length).toBeGreaterThan(1)
    const texts = await shop({ switches: { amountTypes: 'four-decimals', envelope: 'data' } })
    expect((await texts.get('/invoices')).text).toMatch(/^\{"data":\[\{.*"amount":"\d+\.\d{4}"/)
  })

  it('can have one that came late, one changed, and one gone', async () => {
    const client = await shop()
    const { invoices } = client.sandbox.state.merchant().records
    const [first, second] = invoices.all()
    if (!first || !second) throw new Error('too few')
    const weekAgo = client.sandbox.state.merchant().transactions().at(-200)?.createdAt ?? first.createdAt
    const late = invoices.add((id) => ({ ...first, id, number: 'LATE1', createdAt: weekAgo }))
    invoices.alter(first.id, { amountMinor: first.amountMinor + 1n })
    invoices.remove(second.id)
    expect((await client.get('/invoices?invoiceNumber=LATE1')).rows()).toHaveLength(1)
    expect(late.createdAt).toBe(weekAgo)
    expect((await client.get(`/invoices/${second.id}`)).status).toBe(404)
    expect(minor(String((await client.get(`/invoices/${first.id}`)).row().amount))).toBe(first.amountMinor + 1n)
  })
})
