import { describe, expect, it } from 'vitest'
import { createSecret } from '../../src/domain/secret.ts'
import { checkBaseUrl } from '../../src/helcim/base-url.ts'
import { createHelcimClient } from '../../src/helcim/client.ts'
import { cardBatches } from '../../src/helcim/endpoints/card-batches.ts'
import { connectionTest } from '../../src/helcim/endpoints/connection-test.ts'
import { createCountingPermits, FRESH, failureOf, LIST, serve, TOKEN, withClient } from './support.ts'

describe('a permit', () => {
  it('that is refused stops the call before a byte is sent', async () => {
    const server = await serve((_, response) => response.end('[]'))
    const refusal = new Error('BUDGET_WAIT')
    const permits = { take: () => Promise.reject(refusal) }
    await withClient(server.baseUrl, { permits }, async (client) => {
      await expect(client.read(LIST, FRESH)).rejects.toBe(refusal)
      expect(server.requests).toHaveLength(0)
    })
  })

  it('whose deadline has passed sends nothing and comes back unsent', async () => {
    const server = await serve((_, response) => response.end('[]'))
    const permits = createCountingPermits(-1)
    await withClient(server.baseUrl, { permits }, async (client) => {
      expect((await failureOf(client.read(LIST, FRESH))).code).toBe('HELCIM_UNAVAILABLE')
      expect([permits.ends[0]?.kind, server.requests.length]).toEqual(['unsent', 0])
    })
  })

  it('whose deadline passes while the process sleeps with a call not yet written sends nothing', async () => {
    const server = await serve((_, response) => response.end('[]'))
    const permits = createCountingPermits(50)
    await withClient(server.baseUrl, { permits }, async (client) => {
      const failure = failureOf(client.read(LIST, FRESH))
      // Enough microtasks for the call to reach undici, and no turn in which a connection could come about.
      for (let count = 0; count < 20; count++) await Promise.resolve()
      const until = performance.now() + 120
      while (performance.now() < until);
      expect((await failure).words).toBe('no whole answer before the deadline')
      // On the connection that has come about meanwhile nothing of the first call may travel.
      const second = createCountingPermits()
      await withClient(server.baseUrl, { permits: second }, async (other) => other.read(connectionTest(), FRESH))
    })
    expect(permits.ends.map((end) => end.kind)).toEqual(['unsent'])
    expect(server.requests.map((request) => request.url)).toEqual(['/v2/connection-test'])
  })

  it('comes back as aborted when the caller gives up in mid-call, and as unsent before it', async () => {
    let arrive: () => void = () => {}
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve
    })
    const server = await serve(() => arrive())
    await withClient(server.baseUrl, {}, async (client, permits) => {
      const stop = new AbortController()
      const failure = failureOf(client.read(LIST, { ...FRESH, signal: stop.signal }))
      await arrived
      stop.abort(new Error('shutting down'))
      expect((await failure).code).toBe('HELCIM_ABORTED')
      expect((await failureOf(client.read(LIST, { ...FRESH, signal: stop.signal }))).code).toBe('HELCIM_ABORTED')
      expect(permits.ends.map((end) => end.kind)).toEqual(['aborted', 'unsent'])
    })
  })

  it('given up while connecting sends nothing on the connection that comes about later', async () => {
    const server = await serve((_, response) => response.end('[]'))
    await withClient(server.baseUrl, {}, async (client, permits) => {
      const stop = new AbortController()
      const failure = failureOf(client.read(LIST, { ...FRESH, signal: stop.signal }))
      for (let count = 0; count < 20; count++) await Promise.resolve()
      stop.abort()
      expect((await failure).code).toBe('HELCIM_ABORTED')
      await client.read(connectionTest(), FRESH)
      expect(permits.ends.map((end) => end.kind)).toEqual(['unsent', 'answered'])
    })
    expect(server.requests.map((request) => request.url)).toEqual(['/v2/connection-test'])
  })

  it('comes back unsent when nobody listens', async () => {
    const server = await serve(() => {})
    await server.close()
    await withClient(server.baseUrl, {}, async (client, permits) => {
      const error = await failureOf(client.read(LIST, FRESH))
      expect(error).toMatchObject({ code: 'HELCIM_UNAVAILABLE', status: null, words: 'network: ECONNREFUSED' })
      expect(permits.ends).toMatchObject([{ kind: 'unsent', status: null }])
    })
  })
})

describe('the token', () => {
  it('is in no error, log line or body of words, even when Helcim repeats it', async () => {
    const lines: unknown[] = []
    const log = { debug: (...facts: unknown[]) => lines.push(facts) }
    const server = await serve((request, response) => {
      response.writeHead(400).end(JSON.stringify({ errors: `bad token ${request.headers['api-token']}` }))
    })
    await withClient(server.baseUrl, { log }, async (client, permits) => {
      const error = await failureOf(client.read(cardBatches.list({ collectStatistics: true }), FRESH))
      expect(error.words).toBe('bad token [redacted]')
      expect(lines).toHaveLength(1)
      expect(JSON.stringify([error, error.message, error.stack, lines, permits.requests, permits.ends])).not.toContain(
        TOKEN,
      )
    })
  })

  it('is refused where it could not travel in a header', () => {
    for (const text of ['', 'a b', 'a\nb', 'é']) {
      const create = () =>
        createHelcimClient({
          baseUrl: 'http://127.0.0.1:1',
          token: createSecret(text),
          permits: createCountingPermits(),
        })
      expect(create).toThrow(/^The API token must be one line/)
    }
  })

  it.each([
    'https://api.helcim.com/v2',
    'https://api.helcim.com/v2/',
    'http://127.0.0.1:80/v2',
    'http://127.1/',
    'http://localhost:3000',
    'http://[::1]:3000/v2',
  ])('travels to %s', (text) => {
    expect(checkBaseUrl(text).pathname).not.toMatch(/.\/$/)
  })

  it.each([
    'http://api.helcim.com/v2',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
    'http://10.0.0.1',
    'http://0.0.0.0',
    'ftp://127.0.0.1',
    'https://user:pass@api.helcim.com',
    'https://api.helcim.com/?a=b',
    'api.helcim.com',
    '',
  ])('never travels to %s', (text) => {
    expect(() => checkBaseUrl(text)).toThrow(/^The base URL of Helcim must/)
  })
})
