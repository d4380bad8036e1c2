import { describe, expect, it } from 'vitest'
import { FAULT_ANSWERS } from '../../src/sandbox/faults/acts.ts'
import { readRaw, struck } from './raw-client.ts'
import { type Client, start } from './support.ts'

const openBatchId = async (client: Client) =>
  (await client.get('/card-batches')).rows().find(({ closed }) => closed === false)?.id

describe('a rule', () => {
  it('strikes the calls that it matches, from the n-th on, so many times', async () => {
    const { get, sandbox } = await start()
    const act = FAULT_ANSWERS['error-500']
    const handle = sandbox.faults.add({ match: { method: 'GET', path: /^\/card-/, nth: 2, times: 2 }, act })
    const statuses: number[] = []
    for (const path of ['/card-batches', '/connection-test', '/card-terminals', '/card-batches', '/card-batches']) {
      statuses.push((await get(path)).status)
    }
    expect(statuses).toEqual([200, 200, 500, 500, 200])
    expect(handle.countStruck()).toBe(2)
  })

  it('matches a whole path, a method and parameters', async () => {
    const { get, post, sandbox } = await start()
    const act = FAULT_ANSWERS['error-502']
    sandbox.faults.add({ match: { path: '/card-batches', method: 'POST' }, act })
    sandbox.faults.add({ match: { path: '/card-transactions', query: { page: '2' } }, act })
    expect((await get('/card-batches')).status).toBe(200)
    expect((await post('/card-batches')).status).toBe(502)
    expect((await get('/card-transactions?page=1')).status).toBe(200)
    expect((await get('/card-transactions?page=2')).status).toBe(502)
  })

  it('strikes no more once removed', async () => {
    const { get, sandbox } = await start()
    const rule = { match: { times: Number.POSITIVE_INFINITY }, act: FAULT_ANSWERS['error-500'] }
    const handle = sandbox.faults.add(rule)
    expect((await get('/card-batches')).status).toBe(500)
    handle.remove()
    expect((await get('/card-batches')).status).toBe(200)
    sandbox.faults.add(rule)
    sandbox.faults.clear()
    expect((await get('/card-batches')).status).toBe(200)
  })
})

describe('other answers', () => {
  it.each(Object.entries(FAULT_ANSWERS))('%s', async (_name, act) => {
    const { status, headers, body } = await struck(act)
    expect(status).toBe(act.status)
    expect(body.toString()).toBe(act.body)
    expect(headers['minute-limit-remaining']).toBeDefined()
    if (act.body !== '')
      expect(headers['content-type']).toBe('contentType' in act ? act.contentType : 'application/json')
  })

  it('leave no effect, unless told to', async () => {
    const client = await start()
    const path = `/card-batches/${await openBatchId(client)}`
    client.sandbox.faults.add({ match: { method: 'POST' }, act: FAULT_ANSWERS['html-522'] })
    expect((await client.post(`${path}/settle`)).status).toBe(522)
    expect((await client.get(path)).row().closed).toBe(false)
    client.sandbox.faults.add({ match: { method: 'POST' }, act: { ...FAULT_ANSWERS['html-522'], takesEffect: true } })
    expect((await client.post(`${path}/settle`)).status).toBe(522)
    expect((await client.get(path)).row().closed).toBe(true)
  })
})

describe('connections', () => {
  it.each([
    ['before-effect', false],
    ['after-effect', true],
  ] as const)('cut %s: no answer, batch closed is %s', async (when, isClosed) => {
    const client = await start()
    const path = `/card-batches/${await openBatchId(client)}`
    client.sandbox.faults.add({ match: { method: 'POST' }, act: { kind: 'cut', when } })
    expect(await readRaw(client, `${path}/settle`, { method: 'POST' })).toMatchObject({
      isCut: true,
      status: undefined,
    })
    expect((await client.get(path)).row().closed).toBe(isClosed)
    expect(client.sandbox.calls().find(({ method }) => method === 'POST')?.status).toBeNull()
  })

  it('cut in the answer: half of it arrives', async () => {
    const { isCut, body, honest, status } = await struck({ kind: 'cut', when: 'in-answer' })
    expect([isCut, status]).toEqual([true, 200])
    expect(honest.startsWith(body.toString())).toBe(true)
    expect(body.length).toBeLessThan(honest.length)
  })

  it('a hanging call is in progress until its client leaves', async () => {
    const client = await start({ limits: { concurrent: 1, minute: 100, hour: 100 } })
    client.sandbox.faults.add({ act: { kind: 'hang' } })
    const controller = new AbortController()
    const hanging = fetch(`${client.sandbox.url}/connection-test`, {
      headers: { 'api-token': client.sandbox.token },
      signal: controller.signal,
    }).catch(() => 'left')
    await expect.poll(() => client.sandbox.calls().length).toBe(1)
    expect((await client.get('/connection-test')).status).toBe(429)
    controller.abort()
    expect(await hanging).toBe('left')
    await expect.poll(() => client.sandbox.calls()[0]?.answeredAt).not.toBeNull()
    expect((await client.get('/connection-test')).status).toBe(200)
  })

  it('a hanging call does not keep the sandbox from closing', async () => {
    const client = await start()
    client.sandbox.faults.add({ act: { kind: 'hang' } })
    const hanging = readRaw(client, '/connection-test')
    await expect.poll(() => client.sandbox.calls().length).toBe(1)
    await client.sandbox.close()
    expect(await hanging).toMatchObject({ isCut: true })
  })

  it('drips byte after byte', async () => {
    const client = await start()
    client.sandbox.faults.add({ act: { kind: 'drip', intervalMs: 5 } })
    const startedAt = performance.now()
    const { body } = await readRaw(client, '/connection-test')
    expect(body.toString()).toBe('{"message":"Connected Successfully"}')
    expect(performance.now() - startedAt).toBeGreaterThan(36 * 4)
  })

  it('slowness comes on top of what else happens', async () => {
    const client = await start()
    client.sandbox.faults.add({ act: { kind: 'slow', ms: 120 } })
    client.sandbox.faults.add({ act: FAULT_ANSWERS['error-503'] })
    const startedAt = performance.now()
    expect((await client.get('/connection-test')).status).toBe(503)
    expect(performance.now() - startedAt).toBeGreaterThan(100)
  })
})

describe('paging', () => {
  const first = '/card-transactions?limit=5&page=1'
  const second = '/card-transactions?limit=5&page=2'

  it.each([
    ['previous', second],
    ['first', '/card-transactions?limit=5&page=7'],
  ] as const)('the %s page again', async (shows, path) => {
    const client = await start()
    const one = (await client.get(first)).text
    client.sandbox.faults.add({ act: { kind: 'page', shows } })
    expect((await client.get(path)).text).toBe(one)
    expect((await client.get(path)).text).not.toBe(one)
  })

  it('an empty page in the middle', async () => {
    const client = await start()
    client.sandbox.faults.add({ match: { query: { page: '2' } }, act: { kind: 'page', shows: 'empty' } })
    expect((await client.get(second)).text).toBe('[]')
    expect((await client.get('/card-transactions?limit=5&page=3')).rows()).toHaveLength(5)
  })

  it('rows that a hook inserts between two pages move the next page', async () => {
    const client = await start()
    const { sandbox, clock } = client
    const customer = sandbox.state.customers[0]
    if (!customer) throw new Error('no customer')
    const before = (await client.get('/card-transactions?limit=10')).rows()
    sandbox.faults.add({
      match: { path: '/card-transactions', query: { page: '1' } },
      act: {
        kind: 'hook',
        after: () => void sandbox.state.payments.purchase({ at: clock.now(), customer, amountMinor: 500n }),
      },
    })
    expect((await client.get(first)).rows()).toEqual(before.slice(0, 5))
    await expect.poll(() => sandbox.calls().at(-1)?.answeredAt).not.toBeNull()
    expect((await client.get(second)).rows()).toEqual(before.slice(4, 9))
  })
})

it('random faults strike at their rate, the same calls with the same seed', async () => {
  const statuses = async (seed: number) => {
    const { get, sandbox } = await start()
    sandbox.faults.addRandom({ rate: 0.3, seed, acts: [FAULT_ANSWERS['error-500']] })
    const list: number[] = []
    for (let call = 0; call < 100; call += 1) list.push((await get('/connection-test')).status)
    return list
  }
  const one = await statuses(1)
  expect(one.filter((status) => status === 500).length).toBeGreaterThan(15)
  expect(one.filter((status) => status === 500).length).toBeLessThan(45)
  expect(await statuses(1)).toEqual(one)
  expect(await statuses(2)).not.toEqual(one)
})
