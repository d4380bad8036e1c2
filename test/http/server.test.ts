import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createSecret } from '../../src/domain/secret.ts'
import type { HttpServer } from '../../src/http/server.ts'
import { runCli, startCli, until, untilStarted } from '../kills/cli-process.ts'
import { openShop } from '../kills/shop.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startBareServer } from './support.ts'

const PASSWORD = 'correct horse: battery'
const servers: HttpServer[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

/** The server alone, with nothing behind it. */
async function start(password: string | null, host = '127.0.0.1'): Promise<HttpServer> {
  const server = await startBareServer({ host, password: password === null ? null : createSecret(password) })
  servers.push(server)
  return server
}

const statusOf = async (server: HttpServer, path: string, authorization?: string) => {
  const response = await fetch(`${server.address}${path}`, authorization ? { headers: { authorization } } : {})
  return { status: response.status, text: await response.text(), headers: response.headers }
}
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** Sends bytes as they are. @returns what came back until the other side closed */
async function sendRaw(server: HttpServer, text: string, onAnswer = () => {}): Promise<string> {
  const { hostname, port } = new URL(server.address)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    answer += chunk
  })
  socket.on('data', () => onAnswer())
  // Being cut off is an end as well.
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.on('close', resolve))
  socket.write(text)
  await closed
  return answer
}

describe('the password', () => {
  test('opens the metrics as Bearer, and as Basic for any user', async () => {
    const word = 'sesame-sesame'
    const server = await start(word)
    for (const header of [`Bearer ${word}`, `bearer ${word}`, basic('prometheus', word), basic('', word)]) {
      expect((await statusOf(server, '/metrics', header)).status, header).toBe(200)
    }
    const spaced = await start(PASSWORD)
    expect((await statusOf(spaced, '/metrics', basic('any', PASSWORD))).status).toBe(200)
  })

  test.each([
    ['none', undefined],
    ['a wrong one', 'Bearer sesame'],
    ['a longer one', `Bearer ${PASSWORD}x`],
    ['an empty one', 'Bearer '],
    ['a scheme that is none', `Digest ${PASSWORD}`],
    ['Basic without a colon', `Basic ${Buffer.from(PASSWORD.replace(':', '')).toString('base64')}`],
    ['the user in its place', basic(PASSWORD, '')],
    ['a very long one', `Bearer ${'x'.repeat(6_000)}`],
  ])('keeps the metrics closed to %s, and says so shortly', async (_, authorization) => {
    const answer = await statusOf(await start(PASSWORD), '/metrics', authorization)
    expect(answer.status).toBe(401)
    expect(answer.text).toBe('{"error":"the password is missing or wrong"}')
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
  })

  test('is asked for before an unknown page is called unknown, and not by health checks', async () => {
    const server = await start(PASSWORD)
    expect((await statusOf(server, '/nothing')).status).toBe(401)
    expect((await statusOf(server, '/healthz')).status).toBe(200)
    expect((await statusOf(server, '/readyz')).status).toBe(200)
  })

  test('is not asked for where there is none', async () => {
    const server = await start(null)
    expect((await statusOf(server, '/metrics')).status).toBe(200)
    expect(await statusOf(server, '/nothing')).toMatchObject({ status: 404, text: '{"error":"there is no such page"}' })
  })
})

describe('requests that nobody sends in good faith', () => {
  const ANSWER_BYTES_MAX = 600

  test.each([
    ['a foreign host', 'GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n', 421],
    ['a host that is no host', 'GET /metrics HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n', 421],
    ['no host', 'GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['a body', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello', 413],
    ['a body without end', 'POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n', 413],
    ['a huge head', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['a path that cannot be read', 'GET /%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 400],
    ['another method', 'DELETE /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 404],
    ['no HTTP', 'hello\r\n\r\n', 400],
  ])('%s is answered shortly and with nothing of what was sent', async (_, text, status) => {
    const answer = await sendRaw(await start(null), text)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer.length).toBeLessThan(ANSWER_BYTES_MAX)
    for (const sent of ['evil', '%zz', 'xxx', 'hello']) expect(answer).not.toContain(sent)
  })

  test('a tunnel on another port and a checker without a host are served', async () => {
    const server = await start(null)
    expect(await sendRaw(server, 'GET /healthz HTTP/1.1\r\nHost: localhost:9000\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 200 /,
    )
    expect(await sendRaw(server, 'GET /healthz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('where it is reachable from outside, any host is served', async () => {
    const { address } = await start(PASSWORD, '0.0.0.0')
    const server = { address: address.replace('0.0.0.0', '127.0.0.1'), close: async () => {} }
    const answer = await sendRaw(server, 'GET /healthz HTTP/1.1\r\nHost: tieout.example\r\nConnection: close\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  })
})

test('closing cuts idle and half-sent connections at once', async () => {
  const server = await start(null)
  await statusOf(server, '/healthz')
  let halfSent: Promise<string> | undefined
  const first = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
  await new Promise<void>((resolve) => {
    halfSent = sendRaw(server, `${first}GET /healthz HTTP/1.1\r\nHost: local`, resolve)
  })
  const startedAt = performance.now()
  await server.close()
  expect(await halfSent).toMatch(/^HTTP\/1\.1 200 /)
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  await expect(statusOf(server, '/healthz')).rejects.toThrow()
})

describe('tieout start', () => {
  let database: TestDatabase
  let shop: Awaited<ReturnType<typeof openShop>>
  beforeAll(async () => {
    database = await createTestDatabase()
    shop = await openShop({ seed: 3, historyDays: 3, salesPerDay: 3, pageSizeMax: 1_000, serviceTimeMs: 0 })
  })
  afterAll(async () => {
    await shop.sandbox.close()
    await database.drop()
  })

  test('with its port in use ends with one clear line and 1, and has made no call', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const address = holder.address()
    const port = typeof address === 'object' ? address?.port : 0
    const env = { ...shop.env, DATABASE_URL: database.url, HTTP_PORT: String(port) }
    const { code, stdout, stderr } = await runCli(['start'], { env })
    holder.close()
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(`HTTP_PORT: port ${port} on 127.0.0.1 is in use; set another one, 0 for any free one, or off\n`)
    expect(shop.sandbox.calls()).toEqual([])
  })

  test('says where its pages are, serves them, and closes them in its drain', async () => {
    const env = { ...shop.env, DATABASE_URL: database.url, HTTP_PORT: '0' }
    const daemon = startCli(['start'], { env })
    try {
      const http = await untilStarted(daemon, 20_000)
      expect(http).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect((await fetch(`${http}/healthz`)).status).toBe(200)
      await until('it is ready', async () => (await fetch(`${http}/readyz`)).status === 200, 10_000)
      daemon.kill('SIGTERM')
      const end = await daemon.ended
      expect(end, end.stdout + end.stderr).toMatchObject({ code: 0 })
      await expect(fetch(`${http}/healthz`)).rejects.toThrow()
    } finally {
      daemon.kill('SIGKILL')
    }
  })
})
