import { describe, expect, it } from 'vitest'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { cardTransactions } from '../../src/helcim/endpoints/card-transactions.ts'
import { connectionTest } from '../../src/helcim/endpoints/connection-test.ts'
import type { HelcimError } from '../../src/helcim/errors.ts'
import { decodePage } from '../../src/helcim/page.ts'
import { FRESH, failureOf, LIST, readExamples, serve, TOKEN, withClient } from './support.ts'

describe('a read', () => {
  it('asks for exactly what was meant, as Helcim wants it, and hands back the body with the facts of the call', async () => {
    const server = await serve((_, response) => {
      response.setHeader('minute-limit-remaining', '99')
      response.setHeader('hour-limit-remaining', '3000')
      response.setHeader('date', 'Fri, 11 Apr 2025 17:21:11 GMT')
      response.end('\ufeff[]')
    })
    await withClient(server.baseUrl, {}, async (client, permits) => {
      const call = cardTransactions.list({
        dateFrom: toBusinessDate('2025-04-10'),
        dateTo: toBusinessDate('2025-04-12'),
        cardBatchId: 9007199254740993n,
        limit: 1000,
        page: 2,
      })
      const answer = await client.read(call, FRESH)
      expect(answer).toMatchObject({
        status: 200,
        body: { text: '[]', isUtf8: true },
        serverTime: Date.parse('2025-04-11T17:21:11Z'),
      })
      const [request] = server.requests
      expect(request?.method).toBe('GET')
      expect(request?.url).toBe(
        '/v2/card-transactions?dateFrom=2025-04-10&dateTo=2025-04-12&cardBatchId=9007199254740993&limit=1000&page=2',
      )
      expect(request?.headers).toMatchObject({
        'api-token': TOKEN,
        accept: 'application/json',
        'content-type': 'application/json',
      })
      expect(request?.headers.cookie).toBeUndefined()
      expect(permits.requests).toEqual([{ callClass: 'fresh', endpoint: 'GET /card-transactions', deadlineMs: 30_000 }])
      expect(permits.ends).toMatchObject([
        {
          kind: 'answered',
          status: 200,
          minuteRemaining: 99,
          hourRemaining: 3000,
          retryAfterMs: null,
          isUnauthorized: false,
        },
      ])
    })
  })

  it.each([
    [401, 'Unauthorized', 'HELCIM_UNAUTHORIZED', 'never', true],
    [401, 'No access permission', 'HELCIM_NOT_PERMITTED', 'never', false],
    [403, 'No access permission', 'HELCIM_NOT_PERMITTED', 'never', false],
    [400, 'Invalid dateFrom', 'HELCIM_REFUSED', 'never', false],
    [404, 'Invalid cardBatchId', 'HELCIM_NOT_FOUND', 'never', false],
    [429, 'Too Many Requests', 'HELCIM_RATE_LIMITED', 'backoff', false],
    [500, 'Failed', 'HELCIM_UNAVAILABLE', 'backoff', false],
    [202, 'Later', 'HELCIM_UNAVAILABLE', 'backoff', false],
    [302, 'Elsewhere', 'HELCIM_UNAVAILABLE', 'backoff', false],
  ])('answered %i "%s" ends as %s, to be retried: %s', async (status, words, code, retry, isUnauthorized) => {
    const server = await serve((_, response) => {
      response
        .writeHead(status, { location: '/v2/elsewhere', 'set-cookie': 'a=b' })
        .end(JSON.stringify({ errors: words }))
    })
    await withClient(server.baseUrl, {}, async (client, permits) => {
      const error = await failureOf(client.read(LIST, FRESH))
      expect(error).toMatchObject({ code, status, endpoint: 'GET /card-transactions', words, retry: { kind: retry } })
      expect(permits.ends).toMatchObject([{ kind: 'answered', status, isUnauthorized }])
      expect(server.requests).toHaveLength(1)
    })
  })

  it('keeps the words of every recorded error', async () => {
    for (const example of readExamples('errors')) {
      const text = typeof example.body === 'string' ? example.body : JSON.stringify(example.body)
      const server = await serve((_, response) => {
        response.writeHead(example.status ?? 500, example.headers).end(text)
      })
      await withClient(server.baseUrl, {}, async (client, permits) => {
        const error = await failureOf(client.read(LIST, FRESH))
        expect([error.status, error.words === '']).toEqual([example.status, text === '[]'])
        expect(permits.countOut()).toBe(0)
      })
    }
  })

  it('asks again once after a 409, under a permit of its own', async () => {
    const server = await serve((_, response, index) => response.writeHead(index === 1 ? 409 : 200).end('[]'))
    await withClient(server.baseUrl, {}, async (client, permits) => {
      expect((await client.read(LIST, FRESH)).status).toBe(200)
      expect(permits.ends.map((end) => end.status)).toEqual([409, 200])
    })
    const stubborn = await serve((_, response) => response.writeHead(409).end('{"errors":"Conflict"}'))
    await withClient(stubborn.baseUrl, {}, async (client, permits) => {
      expect(await failureOf(client.read(LIST, FRESH))).toMatchObject({
        code: 'HELCIM_CONFLICT',
        retry: { kind: 'never' },
      })
      expect(permits.ends.map((end) => end.status)).toEqual([409, 409])
    })
  })

  it.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': 'Fri, 11 Apr 2025 17:22:11 GMT', date: 'Fri, 11 Apr 2025 17:21:11 GMT' }, 60_000],
    [{ 'retry-after': 'Fri, 11 Apr 2025 17:20:00 GMT', date: 'Fri, 11 Apr 2025 17:21:11 GMT' }, 0],
    [{ 'retry-after': 'soon', 'minute-limit-remaining': '-1', 'hour-limit-remaining': '1e9' }, null],
  ])('honours the headers of a 429: %o', async (headers, retryAfterMs) => {
    const server = await serve((_, response) => response.writeHead(429, headers).end('<html>'))
    await withClient(server.baseUrl, {}, async (client, permits) => {
      const error = await failureOf(client.read(LIST, FRESH))
      expect(error.retry).toEqual(
        retryAfterMs === null ? { kind: 'backoff' } : { kind: 'after', delayMs: retryAfterMs },
      )
      expect(permits.ends[0]).toMatchObject({ retryAfterMs, minuteRemaining: null, hourRemaining: null })
    })
  })

  it('takes a 204 for "none" only where the API says so', async () => {
    const server = await serve((_, response) => response.writeHead(204).end())
    await withClient(server.baseUrl, {}, async (client) => {
      expect((await failureOf(client.read(LIST, FRESH))).code).toBe('HELCIM_UNAVAILABLE')
      expect((await client.read({ ...LIST, isEmptyWhen204: true }, FRESH)).body).toBeNull()
    })
  })

  it('judges the connection test by its status', async () => {
    for (const example of readExamples('connection-test')) {
      const server = await serve((_, response) =>
        response.writeHead(example.status ?? 500).end(JSON.stringify(example.body)),
      )
      await withClient(server.baseUrl, {}, async (client) => {
        const code = await client.read(connectionTest(), FRESH).then(
          () => 200,
          (error: HelcimError) => error.status,
        )
        expect(code).toBe(example.status)
      })
    }
  })

  it('uses at most five connections, and uses them again', async () => {
    const sockets = new Set<unknown>()
    const server = await serve((request, response) => {
      sockets.add(request.socket)
      setImmediate(() => response.end('[]'))
    })
    await withClient(server.baseUrl, {}, async (client, permits) => {
      await Promise.all(Array.from({ length: 40 }, () => client.read(LIST, FRESH)))
      expect(permits.ends).toHaveLength(40)
      expect(sockets.size).toBeGreaterThan(0)
      expect(sockets.size).toBeLessThanOrEqual(5)
    })
  })
})

it('an answer of another encoding, or of none that can be unpacked, is no answer', async () => {
  for (const encoding of ['br', 'gzip', 'deflate', 'gzip, gzip']) {
    const server = await serve((_, response) => response.writeHead(200, { 'content-encoding': encoding }).end('[]'))
    await withClient(server.baseUrl, {}, async (client) => {
      const error = await failureOf(client.read(LIST, FRESH))
      expect([error.code, error.words]).toEqual([
        'HELCIM_UNAVAILABLE',
        encoding === 'gzip' ? 'broken gzip' : `encoded as ${encoding}, which we did not ask for`,
      ])
    })
  }
})

it('an empty list from the wire is an empty page, and a list of one a page of one', async () => {
  for (const [text, count] of [
    ['[]', 0],
    ['[{"transactionId":1,"status":"APPROVED","type":"verify","amount":0,"currency":"CAD"}]', 1],
  ] as const) {
    const server = await serve((_, response) => response.end(text))
    await withClient(server.baseUrl, {}, async (client) => {
      const { body } = await client.read(LIST, FRESH)
      expect((await decodePage(cardTransactions, body)).records).toHaveLength(count)
    })
  }
})
