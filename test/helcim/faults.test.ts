import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { DecodedPage } from '../../src/domain/record.ts'
import type { HelcimClient, HelcimClientOptions } from '../../src/helcim/client.ts'
import { cardTransactions } from '../../src/helcim/endpoints/card-transactions.ts'
import { HelcimError } from '../../src/helcim/errors.ts'
import { decodePage } from '../../src/helcim/page.ts'
import { type CountingPermits, createHttpServer, createRawServer, type TestServer, withClient } from './support.ts'

const ROW =
  '{"transactionId":1,"dateCreated":"2025-04-11 11:21:08","cardBatchId":5,"status":"APPROVED","type":"purchase","amount":1.5,"currency":"CAD"}'
const GOOD = `[${ROW}]`
const MIB = 1024 * 1024

const servers: TestServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})
const keep = (server: TestServer): string => {
  servers.push(server)
  return server.baseUrl
}

/** What a job does with a page: read it, decode it, and only then have rows. */
async function readRows(client: HelcimClient): Promise<DecodedPage<unknown>> {
  const { body } = await client.read(cardTransactions.list({ limit: 1000, page: 1 }), { callClass: 'backfill' })
  return decodePage(cardTransactions, body)
}

async function outcomeOf(
  baseUrl: string,
  options: Partial<HelcimClientOptions> = {},
): Promise<{ code: string; words: string; rowCount: number; stallMs: number; permits: CountingPermits }> {
  return withClient(baseUrl, options, async (client, permits) => {
    const startedAt = performance.now()
    const result = await readRows(client).catch((error: unknown) => error)
    const stallMs = performance.now() - startedAt
    if (result instanceof HelcimError) return { code: result.code, words: result.words, rowCount: 0, stallMs, permits }
    if (result instanceof Error) throw result
    return { code: 'rows', words: '', rowCount: (result as DecodedPage<unknown>).records.length, stallMs, permits }
  })
}

const answering = async (answer: (response: ServerResponse) => void): Promise<string> =>
  keep(await createHttpServer((_, response) => answer(response)))

/** A whole HTTP answer as bytes of our choosing, after which the connection is closed. */
const answeringRaw = async (text: string | Buffer): Promise<string> =>
  keep(await createRawServer((socket) => socket.once('data', () => socket.end(text))))

const headed = (body: string, headers: string): string => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`

it('the good answer that the faults below are made of is accepted', async () => {
  expect(await outcomeOf(await answering((response) => response.end(GOOD)))).toMatchObject({
    code: 'rows',
    rowCount: 1,
  })
  expect(await outcomeOf(await answeringRaw(headed(GOOD, `content-length: ${GOOD.length}`)))).toMatchObject({
    rowCount: 1,
  })
})

describe('fault 13: no wrong row comes out of', () => {
  const HTML = '<!DOCTYPE html><html><head><title>522: Connection timed out</title></head></html>'

  it.each([500, 502, 503, 504, 520, 522])('%i, whether its body is HTML or a list of rows', async (status) => {
    for (const text of [HTML, GOOD]) {
      const outcome = await outcomeOf(await answering((response) => response.writeHead(status).end(text)))
      expect(outcome).toMatchObject({ code: 'HELCIM_UNAVAILABLE', rowCount: 0 })
      expect(outcome.permits.ends).toMatchObject([{ kind: 'answered', status }])
    }
  })

  it.each([
    ['HTML', HTML, 'HELCIM_UNAVAILABLE'],
    ['HTML that holds rows', `<pre>${GOOD}</pre>`, 'HELCIM_UNAVAILABLE'],
    ['bare words', 'Service temporarily away', 'HELCIM_UNAVAILABLE'],
    ['nothing', '', 'HELCIM_MALFORMED'],
    ['spaces', ' \n', 'HELCIM_MALFORMED'],
    ['a JSON string', '"[]"', 'HELCIM_MALFORMED'],
    ['null', 'null', 'HELCIM_MALFORMED'],
    ['errors', '{"errors":"Sorry"}', 'HELCIM_MALFORMED'],
  ])('200 with %s', async (_, text, code) => {
    expect(await outcomeOf(await answering((response) => response.end(text)))).toMatchObject({ code, rowCount: 0 })
  })
})

describe('fault 14: the total stall keeps the deadline and the permit comes back, when the other side', () => {
  const DEADLINE_MS = 400
  /** For a loaded machine; without a deadline of their own these calls would take minutes, or for ever. */
  const SLACK_MS = 1_000

  const drip = (text: string, everyMs: number) => (write: (piece: string) => void) => {
    let at = 0
    const timer = setInterval(() => (at < text.length ? write(text[at++] ?? '') : clearInterval(timer)), everyMs)
    return () => clearInterval(timer)
  }

  it.each([
    ['accepts and says nothing', '', 'aborted', null],
    ['sends its headers a byte at a time', 'HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n', 'aborted', null],
  ])('%s', async (_, text, kind, status) => {
    const baseUrl = keep(
      await createRawServer((socket) => {
        const stop = drip(text, 50)((piece) => socket.write(piece))
        socket.once('close', stop)
      }),
    )
    const outcome = await outcomeOf(baseUrl, { deadlineMs: DEADLINE_MS })
    expect(outcome).toMatchObject({ code: 'HELCIM_UNAVAILABLE', words: 'no whole answer before the deadline' })
    expect(outcome.stallMs).toBeLessThan(DEADLINE_MS + SLACK_MS)
    expect(outcome.permits.ends).toMatchObject([{ kind, status }])
  })

  it.each([
    ['sends its body a byte at a time', 50],
    ['stops in the middle of its body', 1e6],
  ])('%s', async (_, everyMs) => {
    const baseUrl = await answering((response) => {
      response.write('[')
      response.once(
        'close',
        drip(GOOD.slice(1).repeat(99), everyMs)((piece) => response.write(piece)),
      )
    })
    const outcome = await outcomeOf(baseUrl, { deadlineMs: DEADLINE_MS })
    expect(outcome).toMatchObject({ code: 'HELCIM_UNAVAILABLE', words: 'no whole answer before the deadline' })
    expect(outcome.stallMs).toBeLessThan(DEADLINE_MS + SLACK_MS)
    expect(outcome.permits.ends).toMatchObject([{ kind: 'aborted', status: 200 }])
  })

  it('accepts a TLS connection and never shakes hands: then nothing was sent', async () => {
    const server = await createRawServer(() => {})
    const baseUrl = keep(server).replace('http:', 'https:')
    const outcome = await outcomeOf(baseUrl, { deadlineMs: DEADLINE_MS })
    expect(outcome.code).toBe('HELCIM_UNAVAILABLE')
    expect(outcome.stallMs).toBeLessThan(DEADLINE_MS + SLACK_MS)
    expect(outcome.permits.ends).toMatchObject([{ kind: 'unsent', status: null }])
  })

  it('hangs up before, in, or in the middle of its answer', async () => {
    for (const text of ['', 'HTTP/1.1 200 O', headed('[', 'content-length: 99')]) {
      const outcome = await outcomeOf(await answeringRaw(text))
      expect(outcome).toMatchObject({ code: 'HELCIM_UNAVAILABLE', rowCount: 0 })
      expect(outcome.permits.ends).toMatchObject([{ kind: 'aborted' }])
    }
  })

  it('is slow but in time: then its answer counts', async () => {
    const baseUrl = await answering((response) => {
      response.write(GOOD.slice(0, 50))
      setTimeout(() => response.end(GOOD.slice(50)), DEADLINE_MS / 4)
    })
    expect(await outcomeOf(baseUrl, { deadlineMs: 30_000 })).toMatchObject({ code: 'rows', rowCount: 1 })
  })
})

describe('fault 15: no corrupt row is accepted from', () => {
  it('an answer cut at any byte', async () => {
    let countAccepted = 0
    for (let length = 0; length < GOOD.length; length++) {
      const cut = { text: GOOD.slice(0, length), isUtf8: true }
      countAccepted += await decodePage(cardTransactions, cut).then(
        (page) => page.records.length,
        () => 0,
      )
    }
    expect(countAccepted).toBe(0)
  })

  it.each([
    ['a length that is too long', headed(GOOD, `content-length: ${GOOD.length + 5}`)],
    ['a length that is too short', headed(GOOD, `content-length: ${GOOD.length - 5}`)],
    ['two lengths', headed(GOOD, `content-length: ${GOOD.length}\r\ncontent-length: 5`)],
    ['a length that is no number', headed(GOOD, 'content-length: many')],
    ['chunks that end early', headed(`${GOOD.length.toString(16)}\r\n${GOOD}\r\n`, 'transfer-encoding: chunked')],
    ['a chunk of a wrong size', headed(`3\r\n${GOOD}\r\n0\r\n\r\n`, 'transfer-encoding: chunked')],
    ['no HTTP at all', GOOD],
    ['no length and half a body', headed(GOOD.slice(0, -7), 'connection: close')],
  ])('%s', async (_, text) => {
    const outcome = await outcomeOf(await answeringRaw(text))
    expect(outcome).toMatchObject({ code: 'HELCIM_UNAVAILABLE', rowCount: 0 })
    expect(outcome.permits.countOut()).toBe(0)
  })

  it('a key that stands twice', async () => {
    const twice = GOOD.replace('"amount":1.5', '"amount":1.5,"amount":9.5')
    expect(await outcomeOf(await answering((response) => response.end(twice)))).toMatchObject({
      code: 'HELCIM_UNAVAILABLE',
    })
  })

  it.each(['1e400', '123456789012345678901234567890', '1e18', '-1e400'])(
    '%s where money is due: kept raw, told, no row',
    async (amount) => {
      const baseUrl = await answering((response) => response.end(GOOD.replace('1.5', amount)))
      await withClient(baseUrl, {}, async (client) => {
        const { records, undecodable } = await readRows(client)
        expect(records).toEqual([])
        expect(undecodable).toMatchObject([{ key: '1', raw: ROW.replace('1.5', amount) }])
      })
    },
  )

  it('a byte order mark is no corruption: the row behind it is right', async () => {
    expect(await outcomeOf(await answering((response) => response.end(`\ufeff${GOOD}`)))).toMatchObject({ rowCount: 1 })
    const utf16 = Buffer.from(`\ufeff${GOOD}`, 'utf16le')
    expect(await outcomeOf(await answering((response) => response.end(utf16)))).toMatchObject({
      code: 'HELCIM_UNAVAILABLE',
    })
  })
})

describe('fault 16: memory stays below its ceiling and the process alive, facing', () => {
  const CAP_BYTES = 8 * MIB
  /** The body may be held about thrice (as it came, joined, as text), and garbage may wait to be collected. */
  const CEILING_BYTES = 150 * MIB

  async function growthWhile(run: () => Promise<void>): Promise<number> {
    const before = process.memoryUsage().rss
    let peak = before
    const timer = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss)
    }, 5)
    await run()
    clearInterval(timer)
    return Math.max(peak, process.memoryUsage().rss) - before
  }

  const tell = (what: string, growth: number) =>
    console.info(
      `fault 16: ${what}: memory grew by ${Math.round(growth / MIB)} MiB of ${CEILING_BYTES / MIB}, process alive`,
    )

  it('a body of 500 MB that is streamed without a length', async () => {
    let sentBytes = 0
    const chunk = Buffer.alloc(MIB, ' ')
    const baseUrl = await answering((response) => {
      const push = () => {
        while (sentBytes < 500 * MIB && !response.destroyed) {
          sentBytes += chunk.length
          if (!response.write(chunk)) return response.once('drain', push)
        }
        return response.end()
      }
      push()
    })
    const growth = await growthWhile(async () => {
      const outcome = await outcomeOf(baseUrl, { bodyCapBytes: CAP_BYTES })
      expect(outcome).toMatchObject({ code: 'HELCIM_UNAVAILABLE', words: `a body of more than ${CAP_BYTES} bytes` })
      expect(outcome.permits.ends).toMatchObject([{ kind: 'aborted', status: 200 }])
    })
    tell('500 MB streamed', growth)
    expect(sentBytes).toBeLessThan(100 * MIB)
    expect(growth).toBeLessThan(CEILING_BYTES)
  })

  it('a body that announces 500 MB: not one byte of it is read', async () => {
    const baseUrl = await answeringRaw(headed('[', `content-length: ${500 * MIB}`))
    expect(await outcomeOf(baseUrl)).toMatchObject({ words: `a body of more than ${16 * MIB} bytes` })
  })

  it('a gzip bomb, on a good status and behind an error', async () => {
    const bomb = gzipSync(Buffer.alloc(300 * MIB, ' '), { level: 9 })
    expect(bomb.length).toBeLessThan(MIB)
    for (const status of [200, 500]) {
      const baseUrl = await answering((response) =>
        response.writeHead(status, { 'content-encoding': 'gzip' }).end(bomb),
      )
      const growth = await growthWhile(async () => {
        const outcome = await outcomeOf(baseUrl, { bodyCapBytes: CAP_BYTES })
        expect(outcome).toMatchObject({
          code: 'HELCIM_UNAVAILABLE',
          words: `more than ${CAP_BYTES} bytes when unpacked`,
        })
        expect(outcome.permits.ends).toMatchObject([{ kind: 'answered', status }])
      })
      tell(`a gzip bomb of 300 MB behind ${status}`, growth)
      expect(growth).toBeLessThan(CEILING_BYTES)
    }
  })

  it('(control) a bomb of 120 MB, were there no cap: far beyond the ceiling', async () => {
    const bomb = gzipSync(Buffer.alloc(120 * MIB, ' '), { level: 9 })
    const baseUrl = await answering((response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb))
    const growth = await growthWhile(async () => {
      await outcomeOf(baseUrl, { bodyCapBytes: 500 * MIB })
    })
    tell('a gzip bomb of 120 MB without a cap', growth)
    expect(growth).toBeGreaterThan(CEILING_BYTES)
  })

  it('an honest gzip of a page, which is read', async () => {
    const packed = gzipSync(
      `[${Array.from({ length: 1000 }, (_, index) => ROW.replace(':1,', `:${index + 1},`)).join(',')}]`,
    )
    const baseUrl = await answering((response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed))
    expect(await outcomeOf(baseUrl)).toMatchObject({ code: 'rows', rowCount: 1000 })
  })

  it.each([
    ['lists', '['.repeat(10_000) + ']'.repeat(10_000)],
    ['objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
    ['lists in a row', `[{"transactionId":1,"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}]`],
    ['a million lists', '['.repeat(1_000_000)],
  ])('JSON nested 10,000 deep: %s', async (_, text) => {
    const outcome = await outcomeOf(await answering((response) => response.end(text)))
    expect(outcome).toMatchObject({ code: 'HELCIM_UNAVAILABLE', rowCount: 0 })
    expect(outcome.words).toMatch(/^broken JSON: Nested deeper than 64/)
  })
})
