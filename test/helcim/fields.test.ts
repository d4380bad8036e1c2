import { describe, expect, it } from 'vitest'
import { cardBatches } from '../../src/helcim/endpoints/card-batches.ts'
import { decodePage } from '../../src/helcim/page.ts'
import { BATCH, body, decodeOne, decodeTransactions, TRANSACTION } from './decoding.ts'

describe('a number', () => {
  it.each([
    ['12.6200', 1262n],
    ['"12.62"', 1262n],
    ['90', 9000n],
    ['"0.0000"', 0n],
    ['1.262E1', 1262n],
    ['9007199254740993.01', 900719925474099301n],
  ])('is money whatever its type: %s', async (text, minor) => {
    const { record } = await decodeOne({}, { amount: text })
    expect(record?.record.amountMinor).toBe(minor)
    expect(record?.raw).toContain(`"amount":${text},`)
  })

  it.each([
    '1e400',
    '-1e400',
    '1e-400',
    '12.625',
    '99999999999999999999',
    '"12,62"',
    '" 12.62"',
    '""',
    'null',
    '{}',
    '[1]',
    'true',
    '-5',
  ])('that is no amount makes the row undecodable, not wrong: %s', async (text) => {
    const { record, problem } = await decodeOne({}, { amount: text })
    expect(record).toBeUndefined()
    expect(problem?.reason).toMatch(/^amount /)
    expect(problem?.raw).toContain(`"amount":${text},`)
  })

  it.each(['9223372036854775808', '1e400', '-1', '1.5', '""', 'null', '0', '[]', '"1 "'])(
    'is no id: %s',
    async (text) => {
      const { record, problem } = await decodeOne({}, { transactionId: text })
      expect(record).toBeUndefined()
      expect(problem?.key).toMatch(/^sha256 [0-9a-f]{32}$/)
    },
  )

  it('is a 64-bit id to its last digit, as number or text', async () => {
    for (const text of ['9223372036854775807', '"9223372036854775807"']) {
      expect((await decodeOne({}, { transactionId: text })).record?.id).toBe(9223372036854775807n)
    }
  })

  it('0 or nothing as a batch means "in none"', async () => {
    for (const cardBatchId of [0, '0', '', null, undefined]) {
      expect((await decodeOne({ cardBatchId })).record?.record.cardBatchId).toBeNull()
    }
    expect((await decodeOne({ cardBatchId: 'x' })).problem?.reason).toBe('cardBatchId is no id: x')
  })

  it('negative is the same refund or reverse, whose direction is its type', async () => {
    for (const type of ['refund', 'reverse']) {
      expect((await decodeOne({ type, amount: -5 })).record?.record.amountMinor).toBe(500n)
    }
  })
})

describe('a value outside the known ones', () => {
  it('is kept, reported and never counted as paid', async () => {
    const { record } = await decodeOne({ status: 'PENDING', type: 'topup', currency: 'EUR' })
    expect(record?.record).toMatchObject({ status: 'PENDING', outcome: 'unknown', type: 'topup', currency: 'EUR' })
    expect(record?.unknownValues).toEqual([
      { field: 'status', value: 'PENDING' },
      { field: 'type', value: 'topup' },
      { field: 'currency', value: 'EUR' },
    ])
  })

  it('may be a missing one, or the name of something every object has', async () => {
    for (const status of [null, '', undefined, 'constructor', '__proto__', 'approved']) {
      const { record } = await decodeOne({ status })
      expect(record?.record.outcome).toBe('unknown')
      expect(record?.unknownValues).toEqual([{ field: 'status', value: status ?? '' }])
    }
  })

  it('of a batch: a flag is true in four spellings, and open is only the boolean itself', async () => {
    const flags = [true, 'true', 1, '1', 'yes', 'YES', false, 'false', 0, 'no', null, 'maybe']
    const { records } = await decodePage(
      cardBatches,
      body(JSON.stringify(flags.map((closed, index) => ({ ...BATCH, id: index + 1, closed })))),
    )
    expect(records.map(({ record }) => record.isClosed)).toEqual(flags.map((_, index) => index < 6))
    expect(records.map(({ record }) => record.isStrictlyOpen)).toEqual(flags.map((flag) => flag === false))
    expect(records.map(({ unknownValues }) => unknownValues.length)).toEqual(
      flags.map((flag) => (flag === 'maybe' ? 1 : 0)),
    )
  })

  it('of a batch: some figures without the others are no statistics', async () => {
    const figures = {
      netSales: 1,
      totalSales: 1,
      totalRefunds: 0,
      totalReversed: 0,
      totalRefundsReversed: 0,
      countTotal: 1,
      countApproved: 1,
    }
    const texts = [
      { ...figures },
      { ...figures, countDeclined: -1 },
      { ...figures, countDeclined: '1e400' },
      { ...figures, countDeclined: 0.5 },
    ]
    const { undecodable } = await decodePage(
      cardBatches,
      body(JSON.stringify(texts.map((text) => ({ ...BATCH, ...text })))),
    )
    expect(undecodable).toHaveLength(4)
    const whole = await decodePage(
      cardBatches,
      body(JSON.stringify([{ ...BATCH, ...figures, countDeclined: '0.0000' }])),
    )
    expect(whole.records[0]?.record.statistics?.counts.declined).toBe(0)
  })
})

describe('text', () => {
  it('that PostgreSQL would refuse is replaced in columns and kept, escaped, in raw', async () => {
    const { record } = await decodeOne({}, { cardHolderName: '"a\\u0000b\\ud800c"', user: '"=1+1\\u202e\\"\'; drop"' })
    expect(record?.record.cardHolderName).toBe('a\uFFFDb\uFFFDc')
    expect(record?.record.user).toBe('=1+1\u202e"\'; drop')
    expect(record?.raw).toContain('"cardHolderName":"a\\u0000b\\ud800c"')
    expect(record?.raw.isWellFormed() && !record.raw.includes('\u0000')).toBe(true)
  })

  it('of the digest does not depend on the order of keys, and depends on every value', async () => {
    const reversed = JSON.stringify(Object.fromEntries(Object.entries(TRANSACTION).reverse()))
    const { record } = await decodeOne({})
    const { records } = await decodeTransactions(`[${reversed}]`)
    expect(records[0]?.contentHash).toBe(record?.contentHash)
    expect(record?.contentHash).toMatch(/^[0-9a-f]{64}$/)
    for (const key of Object.keys(TRANSACTION)) {
      if (key === 'transactionId') continue
      const changed = await decodeTransactions(JSON.stringify([{ ...TRANSACTION, [key]: null }]))
      const [first] = [...changed.records.map((other) => other.contentHash), 'undecodable']
      expect(first).not.toBe(record?.contentHash)
    }
  })

  it('of a decline keeps its words whatever their shape', async () => {
    expect((await decodeOne({ errors: 'Declined: x' })).record?.record.errors).toBe('Declined: x')
    expect((await decodeOne({ errors: ['a', { b: 'c' }] })).record?.record.errors).toBe('a; b: c')
  })

  it('of a date outside the calendar makes the row undecodable', async () => {
    expect((await decodeOne({ dateCreated: '2025-02-30 00:00:00' })).problem?.reason).toBe(
      'dateCreated is no timestamp: 2025-02-30 00:00:00',
    )
  })

  it.each(['originalTransactionId', 'parentTransactionId', 'originalCardTransactionId'])(
    'of the undocumented %s is taken where it comes',
    async (key) => {
      expect((await decodeOne({ [key]: '123' })).record?.record.originalTransactionId).toBe(123n)
      expect((await decodeOne({ [key]: 0 })).record?.record.originalTransactionId).toBeNull()
      const odd = await decodeOne({ [key]: 'TX-1' })
      expect(odd.record?.unknownValues).toEqual([{ field: key, value: 'TX-1' }])
    },
  )
})
