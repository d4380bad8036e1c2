import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { AlertChannel } from '../../src/alerts/channel.ts'
import { deliverAlerts } from '../../src/alerts/deliver.ts'
import { createHeartbeat } from '../../src/alerts/heartbeat.ts'
import type { Resolve } from '../../src/alerts/outgoing-address.ts'
import { createWebhookChannel } from '../../src/alerts/webhook-channel.ts'
import { beginChannels } from '../../src/db/alerts/outbox.ts'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { createSecret } from '../../src/domain/secret.ts'
import {
  alertBodies,
  type Book,
  createDatabase,
  createReadableLog,
  type Listener,
  listen,
  MINUTE_MS,
  namesOf,
  SIGNING_SECRET,
  START,
  type TestDatabase,
  tellAll,
  toldIn,
} from './support.ts'

/** Real, and short: what hangs in these tests hangs for so long. */
const DEADLINE_MS = 400

let database: TestDatabase
const listeners: Listener[] = []
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close()
})
afterAll(() => database.drop())

const open: typeof listen = async (...args) => {
  const listener = await listen(...args)
  listeners.push(listener)
  return listener
}

interface HookOptions {
  readonly allowHosts?: readonly string[]
  readonly resolve?: Resolve
}

const hook = (url: string, { allowHosts = ['127.0.0.1'], resolve }: HookOptions = {}): AlertChannel =>
  createWebhookChannel({
    url: createSecret(url),
    secret: createSecret(SIGNING_SECRET),
    allowHosts,
    deadlineMs: DEADLINE_MS,
    ...(resolve ? { resolve } : {}),
  })

async function openBook(): Promise<Book> {
  const book = await database.openBook()
  await beginChannels(database.db, { accountId: book.accountId, channels: ['webhook'], now: book.clock.now() })
  return book
}

const { log, lines } = createReadableLog()
const deliver = (book: Book, channel: AlertChannel) =>
  deliverAlerts(database.db, {
    accountId: book.accountId,
    channels: [channel],
    rules: tellAll(['webhook']),
    zone: 'America/Edmonton',
    clock: book.clock,
    log,
  })

const receivedBy = ({ requests }: Listener) =>
  requests.map(({ headers, body }) => ({ messageId: String(headers['webhook-id']), body }))

describe('a webhook', () => {
  test('is signed as Standard Webhooks checks it, and a changed body is not', async () => {
    const receiver = await open((response) => response.writeHead(202).end('thanks'))
    const book = await openBook()
    const id = await book.open()
    expect(await deliver(book, hook(`http://127.0.0.1:${receiver.port}/hook?key=1`))).toMatchObject({ countSent: 1 })
    const [request] = receiver.requests
    const headers = Object.fromEntries(
      Object.entries(request?.headers ?? {}).map(([name, text]) => [name, String(text)]),
    )
    const verifier = new Webhook(SIGNING_SECRET)
    const body = verifier.verify(request?.body ?? '', headers)
    expect(request?.method).toBe('POST')
    expect(headers['content-type']).toBe('application/json')
    expect(body).toMatchObject({
      type: 'mismatches.opened',
      timestamp: '2026-10-01T12:00:00.000Z',
      data: {
        code: 'card_batch_total_differs',
        count: 1,
        atStake: [{ currency: 'CAD', amount: '2.50' }],
        items: [
          {
            id,
            severity: 'critical',
            subject: { kind: 'card_batch', id },
            currency: 'CAD',
            expected: '100.00',
            actual: '97.50',
            difference: '-2.50',
            state: 'open',
          },
        ],
      },
    })
    const tampered = (request?.body ?? '').replace('97.50', '99.50')
    expect(() => verifier.verify(tampered, headers)).toThrow()
    const [message] = await book.messages()
    expect(headers['webhook-id']).toBe(message?.messageId)
  })

  test.each([
    [200, 'taken'],
    [204, 'taken'],
    [299, 'taken'],
    [301, 'failed'],
    [400, 'failed'],
    [404, 'failed'],
    [410, 'dead'],
    [429, 'failed'],
    [500, 'failed'],
  ])('answered %i it is %s', async (status, kind) => {
    const receiver = await open((response) => response.writeHead(status).end())
    const outcome = await hook(`http://127.0.0.1:${receiver.port}/`).send({ messageId: 'm', body: '{}' })
    expect(outcome.kind).toBe(kind)
  })

  test('whose answer never ends is taken by its status, and no more than a little of it is read', async () => {
    let countWritten = 0
    const receiver = await open((response) => {
      const write = () => {
        if (response.destroyed) return
        countWritten += 65_536
        if (response.write(Buffer.alloc(65_536))) setImmediate(write)
        else response.once('drain', write)
      }
      response.writeHead(200)
      write()
    })
    const outcome = await hook(`http://127.0.0.1:${receiver.port}/`).send({ messageId: 'm', body: '{}' })
    expect(outcome.kind).toBe('taken')
    expect(countWritten).toBeLessThan(32 * 1024 * 1024)
  })
})

describe('fault 26: the alert target', () => {
  test('is down for an hour: no alert is lost, none comes under two ids', async () => {
    const placeholder = await listen((response) => response.end())
    const { port } = placeholder
    await placeholder.close()
    const channel = hook(`http://127.0.0.1:${port}/hook`)
    const book = await openBook()
    let countFailed = 0
    for (let minute = 0; minute < 60; minute += 1) {
      if (minute % 5 === 0) await book.open({ code: minute % 10 === 0 ? 'record_changed' : 'value_unknown' })
      countFailed += (await deliver(book, channel)).countFailed
      book.clock.advance(MINUTE_MS)
    }
    const receiver = await open((response) => response.end(), { port })
    let minutesUntilTold = 0
    const isAllTold = () => toldIn(alertBodies(receivedBy(receiver)).values()).length === book.transitions.length
    while (!isAllTold() && minutesUntilTold < 120) {
      await deliver(book, channel)
      book.clock.advance(MINUTE_MS)
      minutesUntilTold += 1
    }
    const bodies = alertBodies(receivedBy(receiver))
    expect((await book.messages()).every(({ isDelivered }) => isDelivered)).toBe(true)
    expect(toldIn(bodies.values())).toEqual(namesOf(book.transitions))
    expect(receiver.requests.length).toBe(bodies.size)
    console.info(
      `down 60 min: ${countFailed} attempts failed, ${book.transitions.length} transitions in ${bodies.size} messages, ` +
        `lost 0, all told ${minutesUntilTold} min after its return`,
    )
  })

  test('is slow: a send ends at its deadline, a run after one of them, and a late answer does no harm', async () => {
    const receiver = await open((response) => {
      response.writeHead(200)
      // A byte every now and then, headers held back by nothing: the second listener never answers at all.
      response.flushHeaders()
    })
    const silent = await open(() => {})
    const book = await openBook()
    for (let n = 0; n < 5; n += 1) await book.open({ code: `code_${n}` })
    const startedAt = performance.now()
    const counts = await deliver(book, hook(`http://127.0.0.1:${silent.port}/`))
    const heldMs = performance.now() - startedAt
    expect(counts).toMatchObject({ countMessages: 5, countFailed: 1, countSent: 0 })
    expect(silent.requests).toHaveLength(1)
    expect(heldMs).toBeLessThan(DEADLINE_MS + 2_000)
    book.clock.advance(MINUTE_MS)
    expect((await deliver(book, hook(`http://127.0.0.1:${receiver.port}/`))).countSent).toBe(5)
    expect(toldIn(alertBodies(receivedBy(receiver)).values())).toEqual(namesOf(book.transitions))
    console.info(`slow: 5 due, 1 attempt, a worker held ${Math.round(heldMs)} ms with a deadline of ${DEADLINE_MS} ms`)
  })

  test('resolves for ever: a send ends at its deadline all the same', async () => {
    const outcome = await hook('https://alerts.example/', { resolve: () => new Promise(() => {}) }).send({
      messageId: 'm',
      body: '{}',
    })
    expect(outcome).toEqual({ kind: 'failed', words: 'no answer before the deadline' })
  })

  test.each([301, 302, 303, 307, 308])('redirects inward with %i: nothing arrives there', async (status) => {
    const inner = await open((response) => response.end())
    const location = `http://127.0.0.1:${inner.port}/inner`
    const receiver = await open((response) => response.writeHead(status, { location }).end())
    const book = await openBook()
    await book.open()
    expect(await deliver(book, hook(`http://127.0.0.1:${receiver.port}/`))).toMatchObject({ countFailed: 1 })
    expect((await book.messages())[0]?.lastError).toBe(`answered ${status}`)
    expect(receiver.requests).toHaveLength(1)
    expect(inner.countConnections()).toBe(0)
  })

  test('has a name that rebinds: the connection goes to what was checked, asked for once', async () => {
    const checked = await open((response) => response.end())
    const inner = await open((response) => response.end(), { host: '127.0.0.2', port: checked.port })
    let countResolved = 0
    const resolve: Resolve = async () => {
      countResolved += 1
      return countResolved === 1 ? ['127.0.0.1'] : ['127.0.0.2']
    }
    const channel = hook(`http://rebinding.example:${checked.port}/`, { allowHosts: ['rebinding.example'], resolve })
    expect(await channel.send({ messageId: 'm', body: '{}' })).toEqual({ kind: 'taken' })
    expect([countResolved, checked.requests.length, inner.countConnections()]).toEqual([1, 1, 0])
    expect(checked.requests[0]?.headers.host).toBe(`rebinding.example:${checked.port}`)
    // The inner listener is one that can be reached, were the name asked for again.
    await channel.send({ messageId: 'm', body: '{}' })
    expect(inner.countConnections()).toBe(1)
  })

  test('has a name that leads inward, at once or later, alone or among others: internal requests 0', async () => {
    const inner = await open((response) => response.end())
    const answers = [
      ['127.0.0.1'],
      ['10.0.0.7'],
      ['8.8.8.8', '127.0.0.1'],
      ['2606:4700:4700::1111', '::1'],
      ['::ffff:127.0.0.1'],
      ['fe80::1%lo'],
      ['169.254.169.254'],
      [],
    ]
    const book = await openBook()
    await book.open()
    for (const addresses of answers) {
      const channel = hook(`https://rebinding.example:${inner.port}/`, { resolve: async () => addresses })
      expect(await deliver(book, channel)).toMatchObject({ countFailed: 1 })
      book.clock.advance(60 * MINUTE_MS)
    }
    const [message] = await book.messages()
    expect(message?.attempts).toBe(answers.length)
    expect(inner.countConnections()).toBe(0)
    console.info(`rebinding: ${answers.length} answers that lead inward, internal requests 0`)
  })

  test.each([
    ['127.0.0.1'],
    // One number, hexadecimal, octal, short, in full-width digits, with the stop of another script, encoded.
    ['2130706433'],
    ['0x7f.1'],
    ['0x7F000001'],
    ['0177.0.0.1'],
    ['017700000001'],
    ['127.1'],
    ['\uff11\uff12\uff17.0.0.1'],
    ['127\u30020\u30020\u30021'],
    ['%31%32%37.0.0.1'],
    ['127.0.0.1.'],
    ['localhost'],
    // What stands before the @ is no host.
    ['8.8.8.8@127.0.0.1'],
    ['alerts.example:443@127.0.0.1'],
    ['[::1]'],
    ['[0:0:0:0:0:0:0:1]'],
    // IPv4 within IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo.
    ['[::ffff:127.0.0.1]'],
    ['[::ffff:7f00:1]'],
    ['[::127.0.0.1]'],
    ['[::ffff:0:127.0.0.1]'],
    ['[64:ff9b::127.0.0.1]'],
    ['[64:ff9b:1::7f00:1]'],
    ['[2002:7f00:1::]'],
    ['[2001:0:7f00:1::]'],
    ['0.0.0.0'],
    ['0'],
    ['[::]'],
    // Of a link, of a private network, of the cloud's own services.
    ['169.254.169.254'],
    ['[fe80::1]'],
    ['[fd00:ec2::254]'],
    ['10.0.0.1'],
    ['192.168.1.1'],
    ['100.100.100.200'],
  ])('is named %s: refused unless it is allowed by name', async (host) => {
    const inner = await open((response) => response.end())
    const outcome = await hook(`https://${host}:${inner.port}/`, { allowHosts: [] }).send({
      messageId: 'm',
      body: '{}',
    })
    expect(outcome).toMatchObject({ kind: 'failed', words: expect.stringContaining('not public') })
    expect(inner.countConnections()).toBe(0)
  })

  test('is called by a heartbeat that leads inward or is redirected there: internal requests 0', async () => {
    const inner = await open((response) => response.end())
    const location = `http://127.0.0.1:${inner.port}/inner`
    let tellRedirected = () => {}
    const redirected = new Promise<void>((resolve) => {
      tellRedirected = resolve
    })
    const receiver = await open((response, index) => {
      response.writeHead(307, { location }).end()
      if (index === 1) tellRedirected()
    })
    const beat = (url: string, options: { allowHosts: string[]; resolve?: Resolve }) => {
      const readable = createReadableLog()
      const heartbeat = createHeartbeat({
        url: createSecret(url),
        clock: createSimulatedClock(toInstant(START), 2_000),
        log: readable.log,
        isWorking: () => true,
        ...options,
      })
      heartbeat.start()
      return { heartbeat, lines: readable.lines }
    }
    let countResolved = 0
    let tellResolved = () => {}
    const resolvedTwice = new Promise<void>((resolve) => {
      tellResolved = resolve
    })
    const resolve: Resolve = async () => {
      countResolved += 1
      if (countResolved === 2) tellResolved()
      return ['127.0.0.1']
    }
    const named = beat(`https://beat.example:${inner.port}/`, { allowHosts: [], resolve })
    const sent = beat(`http://127.0.0.1:${receiver.port}/`, { allowHosts: ['127.0.0.1'] })
    await Promise.all([redirected, resolvedTwice])
    await Promise.all([named.heartbeat.stop(), sent.heartbeat.stop()])
    expect(named.lines.map(({ msg, reason }) => [msg, reason])).toEqual([
      ['heartbeat.failed', 'an address of the host is not public: 127.0.0.1'],
    ])
    expect(sent.lines.map(({ msg, reason }) => [msg, reason])).toEqual([['heartbeat.failed', 'answered 307']])
    expect(inner.countConnections()).toBe(0)
  })

  test('is no https: refused without a connection', async () => {
    const inner = await open((response) => response.end())
    const outcome = await hook(`http://127.0.0.1:${inner.port}/`, { allowHosts: [] }).send({
      messageId: 'm',
      body: '{}',
    })
    expect(outcome).toEqual({ kind: 'failed', words: 'the URL is not https' })
    expect(inner.countConnections()).toBe(0)
  })
})

test('neither the URL nor the secret of a webhook stands in log or database', async () => {
  const book = await openBook()
  await book.open()
  await deliver(book, hook('http://127.0.0.1:9/secret-path?key=secret-key'))
  expect(lines.some(({ msg }) => msg === 'alert.send_failed')).toBe(true)
  const seen = JSON.stringify([lines, await book.messages()])
  for (const secret of ['secret-path', 'secret-key', SIGNING_SECRET]) expect(seen).not.toContain(secret)
})
