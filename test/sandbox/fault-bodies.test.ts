import { describe, expect, it } from 'vitest'
import { readRaw, readWire, struck } from './raw-client.ts'
import { BILLED_SHOP, start } from './support.ts'

describe('broken bodies', () => {
  const isJson = (body: Buffer) => {
    try {
      JSON.parse(body.toString())
      return true
    } catch {
      return false
    }
  }

  it('truncated: complete by its length, and no JSON', async () => {
    const { body, isCut, honest } = await struck({ kind: 'truncated' })
    expect([isCut, isJson(body), honest.startsWith(body.toString())]).toEqual([false, false, true])
  })

  it('a length that promises too much ends early', async () => {
    expect((await struck({ kind: 'wrong-length', offBy: 10 })).isCut).toBe(true)
  })

  it('a length that promises too little is followed by more than it says', async () => {
    const client = await start()
    client.sandbox.faults.add({ act: { kind: 'wrong-length', offBy: -10 } })
    const [head = '', body = ''] = (await readWire(client, '/connection-test')).split('\r\n\r\n')
    expect(head).toMatch(/content-length: 26/i)
    expect(body).toBe('{"message":"Connected Successfully"}')
  })

  it.each([
    ['duplicate-keys', /"transactionId":\d+,"transactionId":0\.01/],
    ['huge-number', /"amount":1e400/],
    ['huge-integer', /"transactionId":92233720368547758079223372036854775807/],
    ['byte-order-mark', /^\uFEFF\[/],
  ] as const)('%s', async (kind, pattern) => {
    const { body, honest, status } = await struck({ kind })
    expect(status).toBe(200)
    expect(honest).not.toMatch(pattern)
    expect(body.toString()).toMatch(pattern)
  })

  it('nested as deep as asked', async () => {
    const { body } = await struck({ kind: 'deep-nesting', depth: 10_000 })
    expect(body.toString()).toBe('['.repeat(10_000) + ']'.repeat(10_000))
  })

  it('as large as asked, and no longer than the client reads', async () => {
    const { body } = await struck({ kind: 'oversize', bytes: 3_000_000 })
    expect(body.length).toBe(3_000_000)
    expect(JSON.parse(body.toString())).toEqual([])
    const client = await start()
    client.sandbox.faults.add({ act: { kind: 'oversize', bytes: 5_000_000_000 } })
    const { body: part } = await readRaw(client, '/card-batches', { stopAfterBytes: 1_000_000 })
    expect(part.length).toBeLessThan(20_000_000)
    await expect.poll(() => client.sandbox.calls().at(-1)?.answeredAt).not.toBeNull()
  })

  it('a gzip bomb is small on the wire', async () => {
    const client = await start()
    client.sandbox.faults.add({ match: { times: 2 }, act: { kind: 'gzip-bomb', bytes: 5_000_000 } })
    const { body, headers } = await readRaw(client, '/card-batches')
    expect(headers['content-encoding']).toBe('gzip')
    expect(body.length).toBeLessThan(50_000)
    expect((await client.get('/card-batches')).text.length).toBe(5_000_000)
  })
})

it.each([
  ['/customers', 200, '[]'],
  ['/invoices', 200, '[]'],
  ['/subscriptions', 204, ''],
  ['/payment-plans', 204, ''],
  ['/ach/transactions', 200, '{"transactions":[]}'],
  ['/ach/batches', 200, '{"batches":[]}'],
  ['/card-terminals', 200, '[]'],
] as const)(
  'an empty page of %s is empty in its own way, and the one before it is of its own rows',
  async (path, status, text) => {
    const client = await start({ scenario: BILLED_SHOP })
    client.sandbox.faults.add({ act: { kind: 'page', shows: 'empty' } })
    expect(await client.get(path)).toMatchObject({ status, text })
    const undated = (reply: { text: string }) => reply.text.replace(/"timestamp":"[^"]*"/, '')
    const first = undated(await client.get(`${path}?limit=2`))
    client.sandbox.faults.add({ act: { kind: 'page', shows: 'previous' } })
    expect(undated(await client.get(`${path}?limit=2&page=2&offset=2`))).toBe(first)
  },
)

it.each([
  ['/invoices', /"invoiceId":92233720368547758079223372036854775807,/, /"amount":1e400/],
  ['/subscriptions', /"id":92233720368547758079223372036854775807,/, /"recurringAmount":1e400/],
  ['/ach/batches', /"batchId":92233720368547758079223372036854775807,/, /"amountWithdrawals":1e400/],
] as const)('numbers of %s can be larger than anything', async (path, id, amount) => {
  const client = await start({ now: '2026-10-20T20:00:00Z', scenario: BILLED_SHOP })
  client.sandbox.faults.add({ act: { kind: 'huge-integer' } })
  expect((await client.get(path)).text).toMatch(id)
  client.sandbox.faults.add({ act: { kind: 'huge-number' } })
  expect((await client.get(path)).text).toMatch(amount)
})
