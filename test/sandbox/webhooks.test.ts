import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { Webhook } from 'standardwebhooks'
import { afterEach, describe, expect, it } from 'vitest'
import { toInstant } from '../../src/domain/clock.ts'
import { signWebhook, type WebhookOptions } from '../../src/sandbox/webhooks.ts'
import { asObject, example, json } from './contract.ts'
import { type Client, SMALL_SHOP, start } from './support.ts'

const TOKEN = 'bG9jYWwtc2ltdWxhdG9yLXZlcmlmaWVyLXRva2VuISE='

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const receivers: Server[] = []
afterEach(() => {
  for (const server of receivers.splice(0)) server.closeAllConnections()
})

/** @param answer status of the so-manieth message, from 1 */
async function receiver(answer: (count: number) => number = () => 204): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    received.push({ headers: request.headers, body })
    response.writeHead(answer(received.length)).end()
  })
  receivers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no address')
  return { url: `http://127.0.0.1:${address.port}/webhooks`, received }
}

const told = (url: string, options: Partial<WebhookOptions> = {}) =>
  start({ webhook: { url, verifierToken: TOKEN, retryDelayMs: 1, ...options } })

/** A day goes by, and all its messages go out. */
async function live(client: Client): Promise<string[]> {
  const before = client.sandbox.state.merchant().transactions().length
  client.clock.advance(86_400_000)
  await client.sandbox.webhooks?.delivered()
  return client.sandbox.state
    .merchant()
    .transactions()
    .slice(before)
    .map(({ id }) => String(id))
}

const idOf = ({ body }: Received) => String(asObject(json({ text: body })).id)
const verify = ({ headers, body }: Received, at: number) => {
  const texts = Object.fromEntries(Object.entries(headers).filter(([, value]) => typeof value === 'string'))
  const webhook = new Webhook(TOKEN)
  const timestamp = new Date(at)
  return webhook.sign(String(headers['webhook-id']), timestamp, body) === texts['webhook-signature']
}

describe('webhooks', () => {
  it('are signed as documented', () => {
    const signed = signWebhook(
      { verifierToken: TOKEN },
      { webhookId: 'msg_2simulatedWebhookId', body: '{"id":"25764674","type":"cardTransaction"}' },
      toInstant(1_750_000_000_000),
    )
    expect(signed['webhook-signature']).toBe('v1,RkuroXCRZ+l0GwBoWpwDVfM3/ZACziJOyN7HyiskYNs=')
  })

  it('tell of each new card transaction once, approved or declined, and of nothing before the start', async () => {
    const { url, received } = await receiver()
    const client = await told(url)
    const ids = await live(client)
    expect(ids.length).toBeGreaterThan(10)
    expect(received.map(idOf)).toEqual(ids)
    const [first] = received
    expect(Object.keys(asObject(json({ text: first?.body ?? '' })))).toEqual(
      Object.keys(asObject(example('webhooks', 'cardTransaction'))),
    )
    expect(received.every((each) => verify(each, client.clock.now()))).toBe(true)
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(ids.length)
  })

  it('go out although nobody calls', async () => {
    const { url, received } = await receiver()
    const client = await told(url, { lookEveryMs: 5 })
    client.clock.advance(86_400_000)
    while (received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(received[0]?.body).toContain('cardTransaction')
  })

  it('are sent again under the same id until they arrive, and given up after so many attempts', async () => {
    const failing = await receiver((count) => (count % 2 === 1 ? 500 : 200))
    const client = await told(failing.url)
    const ids = await live(client)
    expect(failing.received.map(idOf)).toEqual(ids.flatMap((id) => [id, id]))
    const [first, second] = failing.received
    expect(first?.headers['webhook-id']).toBe(second?.headers['webhook-id'])
    const deaf = await receiver(() => 503)
    const unheard = await told(deaf.url, { attemptsMax: 3 })
    const lost = await live(unheard)
    expect(unheard.sandbox.webhooks?.deliveries().map(({ attempt }) => attempt)).toEqual(lost.flatMap(() => [1, 2, 3]))
    expect(unheard.sandbox.webhooks?.deliveries().every(({ status }) => status === 503)).toBe(true)
  })

  it('come twice, out of order, and with wrong or several signatures when told so', async () => {
    const { url, received } = await receiver()
    const ids = await live(await told(url, { duplicateShare: 0.5, order: 'shuffled', signature: 'several' }))
    expect(new Set(received.map(idOf))).toEqual(new Set(ids))
    expect(received.length).toBeGreaterThan(ids.length)
    expect([...new Set(received.map(idOf))]).not.toEqual(ids)
    expect(received[0]?.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/)
    const forged = await receiver()
    const client = await told(forged.url, { signature: 'wrong' })
    await live(client)
    expect(forged.received.some((each) => verify(each, client.clock.now()))).toBe(false)
  })

  it('carry any other message, and lead to no other machine', async () => {
    const { url, received } = await receiver()
    const client = await told(url)
    const cancel = asObject(example('webhooks', 'terminalCancel'))
    client.sandbox.webhooks?.send(cancel)
    await client.sandbox.webhooks?.delivered()
    expect(received.map(({ body }) => json({ text: body }))).toEqual([cancel])
    await expect(told('http://192.0.2.1/webhooks')).rejects.toThrow(/is not this machine/)
  })

  it('leave history as it is without them', async () => {
    const { url } = await receiver()
    const client = await told(url)
    await live(client)
    const silent = await start({ scenario: SMALL_SHOP })
    silent.clock.advance(86_400_000)
    expect(await client.all('/card-transactions')).toEqual(await silent.all('/card-transactions'))
  })
})
