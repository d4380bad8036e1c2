import { describe, expect, it } from 'vitest'
import { READ_ONLY_PERMISSIONS } from '../../src/sandbox/tokens.ts'
import { asList, asObject, example, json, offences, shapeOf } from './contract.ts'
import { NO_LIMITS, start, text } from './support.ts'

describe('answers have the shapes that were documented and recorded', () => {
  it('card terminals', async () => {
    const { get } = await start()
    const [terminal = null] = asList(json(await get('/card-terminals')))
    const [documented = null] = asList(example('card-terminals', 'terminal'))
    expect(shapeOf(terminal)).toEqual(shapeOf(documented))
    expect(shapeOf(asObject(terminal).address ?? null)).toEqual(shapeOf(asObject(documented).address ?? null))
    expect(offences(terminal, 'CardTerminal')).toEqual([])
  })

  it('card batches, with statistics and without', async () => {
    const { get } = await start()
    const [open = null] = asList(json(await get('/card-batches?collect-stats=true')))
    expect(shapeOf(open)).toEqual(shapeOf(example('card-batches', 'open batch with statistics')))
    expect(asObject(open).dateClosed).toBe('0000-00-00 00:00:00')
    const [plain = null] = asList(json(await get('/card-batches')))
    const [documented = null] = asList(example('card-batches', 'list without statistics'))
    expect(shapeOf(plain)).toEqual(shapeOf(documented))
  })

  it('card batches as the published definition types them, where statistics are numbers', async () => {
    const { get } = await start({ switches: { statisticsTypes: 'numbers' } })
    for (const batch of asList(json(await get('/card-batches?collect-stats=true')))) {
      expect(offences(batch, 'CardBatch')).toEqual([])
    }
  })

  it('the structural check can fail', async () => {
    const { get } = await start()
    const [mixed = null] = asList(json(await get('/card-batches?collect-stats=true')))
    expect(offences(mixed, 'CardBatch')).toHaveLength(6)
    expect(offences({ surprise: 1 }, 'CardBatch')).toEqual(['surprise (unknown key): 1'])
  })

  it('card transactions of every type', async () => {
    const { get } = await start()
    const rows = asList(json(await get('/card-transactions'))).map(asObject)
    const documented = shapeOf(example('card-transactions', 'purchase, documented object'))
    const types = new Set(rows.map((row) => row.type))
    expect(types).toEqual(new Set(['purchase', 'preauth', 'capture', 'verify', 'refund', 'reverse']))
    for (const row of rows.filter(({ status }) => status !== 'DECLINED')) {
      expect(shapeOf(row)).toEqual(documented)
      expect(offences(row, 'SuccessfulPaymentResponse')).toEqual([])
    }
  })

  it('a capture comes without token, customer and invoice', async () => {
    const { get } = await start()
    const capture = asObject(example('card-transactions', 'capture of that preauth, recorded response'))
    const served = (await get('/card-transactions')).rows().find(({ type }) => type === 'capture')
    for (const key of ['cardToken', 'customerCode', 'invoiceNumber']) {
      expect(capture[key]).toBe('')
      expect(served?.[key]).toBe('')
    }
  })

  it('a suspected duplicate: in no batch, with few keys', async () => {
    const { get } = await start()
    const documented = shapeOf(example('card-transactions', 'suspected duplicate, declined'))
    const rows = asList(json(await get('/card-transactions'))).map(asObject)
    const duplicates = rows.filter(({ cardBatchId }) => cardBatchId === 0)
    expect(duplicates.length).toBeGreaterThan(0)
    for (const row of duplicates) expect(shapeOf(row)).toEqual(documented)
  })

  it('a decline by the bank names its reason and may lack the approval code', async () => {
    const { get } = await start()
    const rows = (await get('/card-transactions')).rows()
    const declines = rows.filter(({ status, cardBatchId }) => status === 'DECLINED' && cardBatchId !== '0')
    expect(declines.every(({ errors }) => /^Transaction Declined: /.test(String(errors)))).toBe(true)
    expect(new Set(declines.map((row) => 'approvalCode' in row))).toEqual(new Set([true, false]))
  })

  it('a settled batch, without statistics', async () => {
    const { get, post } = await start()
    const open = (await get('/card-batches')).rows().find(({ closed }) => closed === false)
    const settled = json(await post(`/card-batches/${open?.id}/settle`))
    expect(shapeOf(settled)).toEqual(shapeOf(example('card-batches', 'settle, success')))
    expect(asObject(settled)).toMatchObject({ closed: true, dateClosed: '2026-10-12 14:00:00' })
  })

  it('amounts lose their trailing zeros and keep every digit that counts', async () => {
    const { get } = await start()
    const amounts = (await get('/card-transactions')).rows().map((row) => text(row, 'amount'))
    expect(amounts.every((amount) => /^\d+(?:\.\d?[1-9])?$/.test(amount))).toBe(true)
    expect(amounts.some((amount) => /0$/.test(amount) && !amount.includes('.'))).toBe(true)
  })
})

describe('paths, filters and errors', () => {
  it('a trailing slash changes nothing', async () => {
    const { get } = await start()
    for (const path of ['/card-batches', '/card-transactions', '/card-terminals', '/connection-test']) {
      expect((await get(`${path}/`)).text).toBe((await get(path)).text)
    }
  })

  it('each documented filter lets through what fits it and nothing else', async () => {
    const { get, all } = await start()
    const rows = await all('/card-transactions')
    const sample = rows.find(({ type, status }) => type === 'refund' && status !== 'DECLINED')
    for (const key of ['customerCode', 'invoiceNumber', 'cardToken', 'cardBatchId']) {
      const expected = rows.filter((row) => row[key] === sample?.[key])
      expect(expected.length).toBeGreaterThan(0)
      expect((await get(`/card-transactions?${key}=${sample?.[key]}`)).rows()).toEqual(expected)
    }
    const searches = { cardNumber: 'cardNumber', approvalCode: 'approvalCode', amount: 'amount' }
    for (const key of Object.keys(searches)) {
      const found = (await get(`/card-transactions?search=${sample?.[key]}`)).rows()
      expect(found).toEqual(rows.filter((row) => row[key] === sample?.[key]))
    }
    const day = (await get('/card-transactions?dateFrom=2026-10-05&dateTo=2026-10-06')).rows()
    expect(day).toEqual(rows.filter((row) => /^2026-10-0[56]/.test(text(row, 'dateCreated'))))
    const [batch] = (await get('/card-batches')).rows()
    const byNumber = `/card-batches?terminalId=${batch?.terminalId}&batchNumber=${batch?.batchNumber}`
    expect((await get(byNumber)).rows()).toEqual([batch])
    expect((await get('/card-terminals?currency=USD&status=ACTIVE')).rows()).toHaveLength(1)
    expect((await get('/card-terminals?status=INACTIVE')).rows()).toEqual([])
  })

  it('pages are disjoint and together everything; unknown parameters are ignored', async () => {
    const { get, all } = await start()
    const whole = await all('/card-transactions')
    const paged = await Promise.all(
      Array.from({ length: Math.ceil(whole.length / 50) }, (_, at) =>
        get(`/card-transactions?limit=50&page=${at + 1}&x=1`),
      ),
    )
    expect(paged.flatMap((page) => page.rows())).toEqual(whole)
  })

  it('what is not there is 404, what is no id is 400, and errors have the documented form', async () => {
    const { get, post } = await start()
    expect(await get('/card-batches/1')).toMatchObject({ status: 404, text: '{"errors":"Invalid cardBatchId"}' })
    expect(await post('/card-batches/1/settle')).toMatchObject({ status: 404 })
    expect(await get('/card-transactions/1')).toMatchObject({ status: 404 })
    expect(await get('/card-transactions/x')).toMatchObject({ status: 400 })
    expect(await get('/nothing')).toMatchObject({ status: 404 })
    const { status, text: body } = await get('/card-transactions?dateFrom=yesterday')
    expect({ status, body }).toEqual({ status: 400, body: '{"errors":{"dateFrom":"dateFrom must be a valid date"}}' })
  })

  it('one record by its id is the record of the list', async () => {
    const { get } = await start()
    const [row] = (await get('/card-transactions')).rows()
    expect((await get(`/card-transactions/${row?.transactionId}`)).row()).toEqual(row)
    const [batch] = (await get('/card-batches?collect-stats=true')).rows()
    expect((await get(`/card-batches/${batch?.id}?collect-stats=true`)).row()).toEqual(batch)
  })

  it('a wrong token is 401, and a token that may only read cannot settle', async () => {
    const tokens = [
      { token: 'all', name: 'all' },
      { token: 'reads', name: 'reader', permissions: READ_ONLY_PERMISSIONS },
    ]
    const { get, post, sandbox } = await start({ tokens })
    const wrong = await get('/connection-test', 'wrong')
    expect(wrong).toMatchObject({ status: 401, text: '{"errors":"Unauthorized"}' })
    expect(wrong.headers.get('minute-limit-remaining')).toBe(String(NO_LIMITS.minute))
    const open = (await get('/card-batches', 'reads')).rows().find(({ closed }) => closed === false)
    const path = `/card-batches/${open?.id}`
    expect(await post(`${path}/settle`, 'reads')).toMatchObject({
      status: 403,
      text: '{"errors":"No access permission"}',
    })
    expect((await get(path)).row().closed).toBe(false)
    sandbox.tokens.revoke('reader')
    expect(await get(path, 'reads')).toMatchObject({ status: 401 })
    expect((await post(`${path}/settle`)).status).toBe(200)
  })
})
