import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { RecordShape } from '../../src/helcim/endpoint.ts'
import { achBatches, achTransactions } from '../../src/helcim/endpoints/ach.ts'
import { cardBatches } from '../../src/helcim/endpoints/card-batches.ts'
import { cardTerminals } from '../../src/helcim/endpoints/card-terminals.ts'
import { cardTransactions } from '../../src/helcim/endpoints/card-transactions.ts'
import { customers } from '../../src/helcim/endpoints/customers.ts'
import { invoices } from '../../src/helcim/endpoints/invoices.ts'
import { addOns, paymentPlans, subscriptionDetails, subscriptions } from '../../src/helcim/endpoints/recurring.ts'
import { decodePage, decodeSingle } from '../../src/helcim/page.ts'
import { body } from './decoding.ts'
import { type ExampleCase, readExamples } from './support.ts'

type Endpoint = RecordShape<unknown> & { readonly name: string }

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  'card-terminals': cardTerminals,
  'card-batches': cardBatches,
  'card-transactions': cardTransactions,
  customers,
  invoices,
  'payment-plans': paymentPlans,
  'add-ons': addOns,
  subscriptions,
  'ach-transactions': achTransactions,
  'ach-batches': achBatches,
}
/** Files that hold no records. */
const OTHER_FILES = ['connection-test', 'errors', 'response-headers', 'webhooks', 'openapi-billing', 'openapi-card']

const GOOD = [200, 201, 204, null]

/** Answers to what we never ask: they are no records, or such as no list or single read gives. */
const NEVER_ASKED = [
  'process-payment request',
  'POST /payment/withdraw answer, string enumerations',
  // Cards come with their customer.
  'cards of a customer, recorded response',
]

const isMessage = ({ body: text }: ExampleCase) => typeof text === 'object' && text !== null && 'message' in text

const isRecords = (example: ExampleCase) =>
  GOOD.includes(example.status) && !NEVER_ASKED.includes(example.name) && !isMessage(example)

const textOf = (example: ExampleCase) => (example.body === null ? null : body(JSON.stringify(example.body)))

/** Reads whatever shape it has: a list, a record, either of them wrapped, or nothing. */
const decodeAny = (endpoint: Endpoint, example: ExampleCase) =>
  Array.isArray(example.body) ? decodePage(endpoint, textOf(example)) : decodeSingle(endpoint, textOf(example))

describe('every payload that was recorded or is documented', () => {
  it('has an endpoint that reads it', () => {
    const folder = new URL('../fixtures/helcim/', import.meta.url)
    const files = readdirSync(folder).map((name) => name.replace('.json', ''))
    expect(files.sort()).toEqual([...Object.keys(ENDPOINTS), ...OTHER_FILES].sort())
  })

  for (const [file, endpoint] of Object.entries(ENDPOINTS)) {
    const examples = readExamples(file).filter(isRecords)
    it.each(examples.map((example) => [example.name, example] as const))(`decodes: ${file}, %s`, async (_, example) => {
      const { records, undecodable } = await decodeAny(endpoint, example)
      expect(undecodable).toEqual([])
      const isEmpty = example.body === null || (Array.isArray(example.body) && example.body.length === 0)
      expect(records.length > 0).toBe(!isEmpty)
      for (const { unknownValues, raw } of records) {
        expect(unknownValues).toEqual([])
        expect(raw).not.toMatch(/"\w*token"|testtoken/i)
      }
    })
  }
})

const exampleOf = (file: string, name: string): ExampleCase => {
  const example = readExamples(file).find((one) => one.name === name)
  if (!example) throw new Error(`no example ${name}`)
  return example
}

async function firstOf(endpoint: Endpoint, file: string, name: string) {
  const { records } = await decodeAny(endpoint, exampleOf(file, name))
  if (!records[0]) throw new Error('no record')
  return records[0]
}

/** One record of a list with some fields replaced. */
async function altered(endpoint: Endpoint, file: string, name: string, fields: object) {
  const { body: original } = exampleOf(file, name)
  const object = Array.isArray(original) ? original[0] : original
  return decodePage(endpoint, body(JSON.stringify([{ ...object, ...fields }])))
}

describe('what is read', () => {
  it('a customer with a card: its token stands beside it, and in what is kept as received it is not', async () => {
    const { record, raw } = await firstOf(customers, 'customers', 'list by customerCode with cards, recorded response')
    expect(record).toMatchObject({
      customerId: 28630702n,
      code: 'CST1146',
      cards: [
        {
          cardId: 27567085n,
          numberMasked: '412493******9990',
          cardToken: 'testtoken0000000000001',
          expiry: '0128',
          isDefault: true,
        },
      ],
    })
    expect(raw).not.toContain('testtoken')
  })

  it('a full card number on file is masked', async () => {
    const name = 'list by customerCode with cards, recorded response'
    const cards = [{ id: 1, cardF6L4: '4111111111111111', cardToken: 'canary', default: false }]
    const { records } = await altered(customers, 'customers', name, { cards })
    expect(records[0]).toMatchObject({
      cardNumberMasked: true,
      record: { cards: [{ numberMasked: '411111******1111', cardToken: 'canary' }] },
    })
    expect(records[0]?.raw).not.toMatch(/4111111111111111|canary/)
  })

  it('an invoice with its lines, to the cent; what the answer leaves out is nothing and not zero', async () => {
    const { record } = await firstOf(invoices, 'invoices', 'OpenAPI field examples assembled')
    expect(record).toMatchObject({
      invoiceId: 28658838n,
      invoiceToken: '4e71b0b71b032e8bd95097',
      amountMinor: 12748n,
      paidMinor: 0n,
      taxMinor: 599n,
      shippingMinor: 1099n,
      paid: { instant: null },
      lines: [{ sku: 'ITM1434', quantity: '10.5', unitPrice: '10.55', taxMinor: 0n }],
    })
    const short = await firstOf(invoices, 'invoices', 'paid invoice')
    expect(short.record).toMatchObject({ amountMinor: 5250n, paidMinor: null, taxMinor: null, lines: null })
  })

  it('a subscription is the same record with and without its sub-objects, and these are one of their own', async () => {
    const listed = await firstOf(subscriptions, 'subscriptions', 'collection')
    const single = await firstOf(subscriptions, 'subscriptions', 'the same in the response envelope')
    expect(single.contentHash).toBe(listed.contentHash)
    expect(listed.record).toMatchObject({
      subscriptionId: 19980n,
      recurringMinor: 7500n,
      hasFailedPayments: false,
      activated: { day: '2024-10-07' },
      billing: { day: '2024-10-08' },
    })
    expect((await decodeAny(subscriptionDetails, exampleOf('subscriptions', 'collection'))).records).toEqual([])
    const detail = await firstOf(subscriptionDetails, 'subscriptions', 'one failed period')
    expect(detail.record).toMatchObject({
      payments: [
        { paymentNumber: 1, status: 'approved', amountMinor: 7500n, taxMinor: 500n, due: { day: '2024-10-07' } },
        { paymentNumber: 2, status: 'declined', countRetries: 1 },
      ],
      addOns: [],
    })
    expect(detail.raw).not.toContain('customerCode')
  })

  it.each([
    ['no', false],
    ['false', false],
    [0, false],
    ['yes', true],
    ['true', true],
    [true, true],
    [1, true],
    [3, true],
    ['7', true],
  ])('failed payments may be told as %j', async (hasFailedPayments, isFailed) => {
    const { records } = await altered(subscriptions, 'subscriptions', 'subscription object with sub-objects', {
      hasFailedPayments,
    })
    expect(records[0]).toMatchObject({ record: { hasFailedPayments: isFailed }, unknownValues: [] })
  })

  it('ACH codes are the same as numbers and as names', async () => {
    const name = 'one transaction'
    const numbers = await firstOf(achTransactions, 'ach-transactions', name)
    const names = await altered(achTransactions, 'ach-transactions', name, {
      statusAuth: 'APPROVED',
      statusClearing: 'CLEARED',
      transactionType: 'WITHDRAWAL',
      currency: 'CAD',
      statusBatch: 'closed',
    })
    expect(names.records[0]?.record).toEqual(numbers.record)
    expect(numbers.record).toMatchObject({
      amountMinor: 1000n,
      achBatchId: 47339n,
      originalTransactionId: null,
      batchStatus: 'CLOSED',
    })
  })

  it('amounts may be text with four decimals; one that is finer than a cent is no amount', async () => {
    const amounts = { amountWithdrawals: '5.0000', amountDeposits: '0', amountReversed: 5, amountRefunded: '0.00' }
    const name = 'OpenAPI field examples assembled (typed as a bare array)'
    const { records } = await altered(achBatches, 'ach-batches', name, amounts)
    expect(records[0]?.record).toMatchObject({ amounts: { withdrawals: 500n, reversed: 500n } })
    const finer = await altered(achBatches, 'ach-batches', name, { amountDeposits: '0.005' })
    expect(finer.undecodable[0]?.reason).toBe('amountDeposits is no amount of 2 decimals: 0.005')
  })
})

describe('what cannot be made sense of', () => {
  const SUBSCRIPTION = 'subscription object with sub-objects'

  it('within a part makes the whole record unreadable, and says where', async () => {
    const payments = [{ id: 1, paymentNumber: 1, status: 'waiting', amount: 'free', dateDue: '', dateProcessed: '' }]
    const { undecodable } = await altered(subscriptionDetails, 'subscriptions', SUBSCRIPTION, { payments })
    expect(undecodable).toMatchObject([{ key: '19980', reason: 'payments.0.amount is no amount of 2 decimals: free' }])
    // The subscription itself can be read all the same.
    const list = await altered(subscriptions, 'subscriptions', SUBSCRIPTION, { payments })
    expect(list.records).toHaveLength(1)
  })

  it.each([{ payments: 'none' }, { payments: [7] }, { payments: {} }])('%j is no list of parts', async (fields) => {
    const { records } = await altered(subscriptionDetails, 'subscriptions', SUBSCRIPTION, fields)
    expect(records).toEqual([])
  })

  it('a value outside the known ones is kept and told, also of a part', async () => {
    const { records } = await altered(subscriptions, 'subscriptions', SUBSCRIPTION, { status: 'dormant' })
    expect(records[0]).toMatchObject({
      record: { status: 'dormant' },
      unknownValues: [{ field: 'status', value: 'dormant' }],
    })
    const payments = [{ id: 1, paymentNumber: 1, status: 'odd', amount: 1, dateDue: '', dateProcessed: '' }]
    const detail = await altered(subscriptionDetails, 'subscriptions', SUBSCRIPTION, { payments })
    expect(detail.records[0]?.unknownValues).toEqual([{ field: 'payments.0.status', value: 'odd' }])
    const ach = await altered(achTransactions, 'ach-transactions', 'one transaction', { statusClearing: 9 })
    expect(ach.records[0]).toMatchObject({
      record: { statusClearing: '9' },
      unknownValues: [{ field: 'statusClearing', value: '9' }],
    })
  })

  it('a single record that is not there is none, however that is said', async () => {
    for (const text of ['{"status":"ok","data":[]}', '[]']) {
      expect(await decodeSingle(subscriptions, body(text))).toEqual({ records: [], undecodable: [] })
    }
    expect(await decodeSingle(subscriptions, null)).toEqual({ records: [], undecodable: [] })
    for (const text of ['{"status":"error","errors":{"ERR_X":[]}}', '{"data":{"status":"active"}}', '7']) {
      await expect(decodeSingle(subscriptions, body(text)), text).rejects.toMatchObject({ code: 'HELCIM_MALFORMED' })
    }
  })
})
