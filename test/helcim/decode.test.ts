import { describe, expect, it } from 'vitest'
import { cardBatches } from '../../src/helcim/endpoints/card-batches.ts'
import { cardTransactions } from '../../src/helcim/endpoints/card-transactions.ts'
import { decodePage, decodeRecord } from '../../src/helcim/page.ts'
import { body, decodeOne, decodeTransactions, TRANSACTION } from './decoding.ts'
import { readExamples } from './support.ts'

describe('what is read of card data', () => {
  it('gives a transaction in full', async () => {
    const { record } = await decodeOne({})
    expect(record).toMatchObject({ id: 33888440n, unknownValues: [], cardNumberMasked: false })
    expect(record?.record).toEqual({
      transactionId: 33888440n,
      created: { text: '2025-04-11 11:21:08', instant: Date.parse('2025-04-11T17:21:08Z') },
      cardBatchId: 4662020n,
      status: 'APPROVED',
      outcome: 'approved',
      type: 'purchase',
      amountMinor: 1262n,
      currency: 'USD',
      user: 'Helcim System',
      cardBrand: 'VI',
      cardNumberMasked: '412493******9990',
      cardToken: 'testtoken0000000000001',
      cardHolderName: 'John Doe',
      approvalCode: 'T7E8ST',
      avsResponse: 'X',
      cvvResponse: null,
      customerCode: 'CST1146',
      invoiceNumber: 'INV001125',
      originalTransactionId: null,
      warning: null,
      errors: null,
    })
  })

  it('gives a batch with its mixed numbers and strings, and without statistics where none were asked for', () => {
    const [withStatistics, , list] = readExamples('card-batches')
    const outcome = decodeRecord(cardBatches, body(JSON.stringify(withStatistics?.body)))
    expect(outcome.isDecoded && outcome.decoded.record).toMatchObject({
      cardBatchId: 4209764n,
      closed: { instant: null },
      isClosed: false,
      isStrictlyOpen: true,
      statistics: {
        amounts: { net: 81900n, sales: 81900n, refunds: 0n, reversed: 0n, refundsReversed: 0n },
        counts: { total: 7, approved: 7, declined: 0 },
      },
    })
    expect(list?.name).toBe('list without statistics')
  })
})

describe('a list', () => {
  const row = JSON.stringify(TRANSACTION)

  it.each(['data', 'transactions', 'batches', 'items', 'value'])('may be wrapped in "%s"', async (key) => {
    const { records } = await decodeTransactions(`{"status":"ok","${key}":[${row}],"errors":[]}`)
    expect(records).toHaveLength(1)
  })

  it('may be empty, and is empty without a body only where the client let that pass', async () => {
    expect(await decodeTransactions(' [ ] ')).toEqual({ records: [], undecodable: [] })
    expect(await decodePage(cardTransactions, null)).toEqual({ records: [], undecodable: [] })
  })

  it.each([
    '{}',
    '{"rows":[]}',
    '{"data":{}}',
    '{"data":null}',
    '{"errors":"Sorry"}',
    '{"data":[],"errors":"Sorry"}',
    'null',
    '0',
    '"[]"',
    row,
  ])('is never read out of %s', async (text) => {
    await expect(decodeTransactions(text)).rejects.toMatchObject({
      code: 'HELCIM_MALFORMED',
      retry: { kind: 'backoff' },
    })
  })

  it.each([
    ['cut off', `[${row},${row.slice(0, -9)}`],
    ['cut off between rows', `[${row},`],
    ['closed by something else', `[${row}}`],
    ['followed by something', `[${row}]x`],
    ['with a key twice in one row', `[${row},{"transactionId":1,"amount":1,"amount":2}]`],
    ['with a broken row among good ones', `[${row},{"transactionId":01},${row}]`],
    ['with something broken beside it', `{"data":[${row}],"meta":{"a":}}`],
    ['nested 10,000 deep', `[${row},${'['.repeat(10_000)}${']'.repeat(10_000)}]`],
    ['of HTML', '<html>[]</html>'],
    ['of nothing', ''],
  ])('is refused as a whole when it is %s', async (_, text) => {
    await expect(decodeTransactions(text)).rejects.toMatchObject({
      code: 'HELCIM_UNAVAILABLE',
      retry: { kind: 'backoff' },
    })
  })

  const BY_CONTENT = /^sha256 [0-9a-f]{32}$/

  it('accounts for every row: one that cannot be read is kept beside the others', async () => {
    const rows = [row, '7', 'null', '{"amount":1}', row.replace('33888440', '33888441').replace('12.62', '12.625'), row]
    const { records, undecodable } = await decodeTransactions(`[${rows.join(',')}]`)
    expect(records).toHaveLength(2)
    expect(undecodable.map(({ key, reason }) => [key, reason])).toEqual([
      [expect.stringMatching(BY_CONTENT), 'it is no object'],
      [expect.stringMatching(BY_CONTENT), 'it is no object'],
      [expect.stringMatching(BY_CONTENT), 'transactionId is missing or no id'],
      ['33888441', 'amount is no amount of 2 decimals: 12.625'],
    ])
    expect(undecodable[1]?.raw).toBe('null')
    expect(undecodable[3]?.raw).not.toContain('testtoken')
  })

  it('with bytes that are no UTF-8 loses only the rows that hold them', async () => {
    const text = `[${row},${row.replace('John', 'J\uFFFDhn').replace('33888440', '5')}]`
    const broken = await decodePage(cardTransactions, body(text, false))
    expect([broken.records.length, broken.undecodable[0]?.key]).toEqual([1, '5'])
    const sound = await decodePage(cardTransactions, body(text, true))
    expect(sound.records).toHaveLength(2)
  })
})

describe('what must not be kept', () => {
  it('a card token stands in its column, in the digest, and nowhere else', async () => {
    const { record } = await decodeOne({ nested: { cardToken: 'inner-token' } })
    const other = await decodeOne({ nested: { cardToken: 'other-token' } })
    expect(record?.record.cardToken).toBe('testtoken0000000000001')
    expect(record?.raw).not.toMatch(/token/i)
    expect(record?.contentHash).not.toBe(other.record?.contentHash)
    expect(record?.raw).toBe(other.record?.raw)
  })

  it('a full card number is masked in every field but the identifiers, and told', async () => {
    const number = '4111111111111111'
    const fields = { cardNumber: number, cardHolderName: `A ${number}`, warning: number, note: { deep: [`${number}`] } }
    const { record } = await decodeOne(fields, { unheardOf: number, cardNumber: number })
    expect(record?.cardNumberMasked).toBe(true)
    expect(
      JSON.stringify({
        ...record,
        id: 0,
        record: { ...record?.record, transactionId: 0, cardBatchId: 0, amountMinor: 0 },
      }),
    ).not.toContain(number)
    expect(record?.record).toMatchObject({
      cardNumberMasked: '411111******1111',
      cardHolderName: 'A 411111******1111',
      warning: '411111******1111',
    })

    const identifiers = { customerCode: number, invoiceNumber: number, approvalCode: number }
    const kept = await decodeOne(identifiers, { originalTransactionId: number })
    expect(kept.record?.cardNumberMasked).toBe(false)
    expect(kept.record?.record).toMatchObject({ ...identifiers, originalTransactionId: BigInt(number) })
  })

  it('a row that cannot be decoded is masked too', async () => {
    const { problem } = await decodeOne({ amount: 'x', cardNumber: '4111111111111111', cardCVV: '123' })
    expect(problem?.raw).toContain('"cardNumber":"411111******1111"')
    expect(problem?.raw).toContain('"cardCVV":"[redacted]"')
  })

  it('ten digits are taken as text or number, and masked in the column only', async () => {
    const { record } = await decodeOne({ cardNumber: 5454545454 })
    expect(record?.record.cardNumberMasked).toBe('545454******5454')
    expect([record?.cardNumberMasked, record?.raw.includes('"cardNumber":5454545454')]).toEqual([false, true])
  })
})

it('decoding gives way to other work: a page of 1,000 rows takes many turns of the event loop', async () => {
  const text = `[${Array.from({ length: 1000 }, (_, index) => JSON.stringify({ ...TRANSACTION, transactionId: index + 1 })).join(',')}]`
  let turnCount = 0
  let isDone = false
  const count = () => {
    turnCount++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  const { records } = await decodeTransactions(text)
  isDone = true
  expect(records).toHaveLength(1000)
  expect(turnCount).toBeGreaterThanOrEqual(20)
})

it('a raw record is decoded again into the same columns, but for its token', async () => {
  const { record } = await decodeOne({ note: 'kept' })
  const again = decodeRecord(cardTransactions, body(record?.raw ?? ''))
  expect(again.isDecoded && again.decoded.record).toEqual({ ...record?.record, cardToken: null })
})
