import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { AlertChannel, OutgoingMessage } from '../../src/alerts/channel.ts'
import { deliverAlerts } from '../../src/alerts/deliver.ts'
import { createEmailChannel } from '../../src/alerts/email-channel.ts'
import type { AlertBody } from '../../src/alerts/message.ts'
import type { Resolve } from '../../src/alerts/outgoing-address.ts'
import { createSlackChannel } from '../../src/alerts/slack-channel.ts'
import { SLACK_LIMITS, slackMessageOf } from '../../src/alerts/slack-message.ts'
import { beginChannels } from '../../src/db/alerts/outbox.ts'
import { listTargets, reviveTargets } from '../../src/db/alerts/targets.ts'
import { createSecret } from '../../src/domain/secret.ts'
import { hasOpenssl } from '../support/openssl.ts'
import { type MailServer, openMailServer, readMail } from './smtp-server.ts'
import {
  type Book,
  createDatabase,
  createReadableLog,
  HOUR_MS,
  type Listener,
  listen,
  MINUTE_MS,
  type TestDatabase,
  tellAll,
} from './support.ts'

const DEADLINE_MS = 4_000

let database: TestDatabase
const closing: { close(): Promise<void> }[] = []
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})
afterAll(() => database.drop())

const opened = <T extends { close(): Promise<void> }>(one: T): T => {
  closing.push(one)
  return one
}

const slack = ({ port }: Listener): AlertChannel =>
  createSlackChannel({
    name: 'slack',
    url: createSecret(`http://127.0.0.1:${port}/services/T0/B0/secret-path`),
    allowHosts: ['127.0.0.1'],
    deadlineMs: DEADLINE_MS,
  })

interface MailOptions {
  readonly url?: string
  readonly to?: readonly string[]
  readonly allowHosts?: readonly string[]
  readonly resolve?: Resolve
}

const email = ({ port }: MailServer, options: MailOptions = {}): AlertChannel =>
  createEmailChannel({
    name: 'email',
    url: createSecret(options.url ?? `smtp://127.0.0.1:${port}`),
    from: 'tieout@example.com',
    to: options.to ?? ['ines@example.com'],
    allowHosts: options.allowHosts ?? ['127.0.0.1'],
    deadlineMs: DEADLINE_MS,
    ...(options.resolve ? { resolve: options.resolve } : {}),
  })

const { log, lines } = createReadableLog()

async function openBook(channel: AlertChannel): Promise<Book> {
  const book = await database.openBook()
  await beginChannels(database.db, { accountId: book.accountId, channels: [channel.name], now: book.clock.now() })
  return book
}

const deliver = (book: Book, channel: AlertChannel) =>
  deliverAlerts(database.db, {
    accountId: book.accountId,
    channels: [channel],
    rules: tellAll([channel.name]),
    zone: 'America/Edmonton',
    clock: book.clock,
    log,
    random: () => 0.5,
  })

const targetOf = async ({ accountId, clock }: Book) =>
  (await listTargets(database.db, { accountId, now: clock.now() }))[0]

/** Text of records as somebody who means ill would have it. */
const HOSTILE = '<!channel> & <https://x.example|y>\r\nBcc: victim@example.com\r\n\r\n\u202e\u0000.\r\nQUIT'

const messageOf = (change: Partial<AlertBody['data']> = {}, summary = HOSTILE): OutgoingMessage => ({
  messageId: 'b4b8c1de-0000-4000-8000-000000000001',
  body: JSON.stringify({
    type: 'mismatches.opened',
    timestamp: '2026-10-01T12:00:00.000Z',
    data: {
      account: 'north',
      code: 'record_changed',
      severity: 'high',
      title: '1 mismatch opened: record_changed (high)',
      text: 'Account north: 1 mismatch of record_changed was opened.',
      count: 1,
      countOmitted: 0,
      atStake: [],
      items: [
        {
          id: '0e06b678-0000-4000-8000-000000000001',
          code: 'record_changed',
          severity: 'high',
          subject: { kind: 'customer', id: HOSTILE },
          period: '',
          currency: 'CAD',
          expected: '1.00',
          actual: '2.00',
          difference: '1.00',
          state: 'open',
          resolution: null,
          owner: 'Ines',
          dueOn: '2026-10-03',
          at: '2026-10-01T12:00:00.000Z',
          summary,
          advice: 'Look.',
        },
      ],
      ...change,
    },
  } satisfies AlertBody),
})

describe('Slack', () => {
  test('gets blocks within its limits, in which no text of ours is a mention, a link or a call', async () => {
    const receiver = opened(await listen((response) => response.end('ok')))
    expect(await slack(receiver).send(messageOf())).toEqual({ kind: 'taken' })
    const text = receiver.requests[0]?.body ?? ''
    expect(receiver.requests[0]?.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(text).toContain('&lt;!channel&gt; &amp; &lt;https://x.example|y&gt;')
    expect(text).not.toMatch(/<|>/)
    expect(text).not.toMatch(/\\u0000|\\u202e|\\r/)
    expect(text).not.toContain('secret-path')
  })

  test.each([1, 10, 400])(
    'and what does not fit is cut between characters, with summaries of %i × 10 letters',
    (length) => {
      const body: AlertBody = JSON.parse(messageOf().body)
      const [item] = body.data.items
      if (!item) throw new Error('no item')
      const long = { ...item, summary: '&<é💳>abcde'.repeat(length) }
      const items = Array.from({ length: 20 }, () => long)
      const title = `${'<&>'.repeat(length)} opened`
      const message = slackMessageOf({ ...body, data: { ...body.data, title, items, count: 900 } })
      expect(message.blocks.length).toBeLessThanOrEqual(SLACK_LIMITS.blocks)
      for (const block of message.blocks) {
        const limit = block.type === 'header' ? SLACK_LIMITS.header : SLACK_LIMITS.section
        expect(block.text.text.length).toBeGreaterThan(0)
        expect(block.text.text.length).toBeLessThanOrEqual(limit)
        expect(block.text.text.replaceAll(/&(amp|lt|gt);/g, '')).not.toMatch(/[&<>]/)
        expect(block.text.text.isWellFormed()).toBe(true)
      }
      expect(JSON.stringify(message)).toContain('… and 890 more')
    },
  )

  test.each([
    [404, 'no_service', { kind: 'dead', words: 'answered 404 no_service' }],
    [403, 'invalid_token', { kind: 'dead', words: 'answered 403 invalid_token' }],
    [410, 'channel_is_archived', { kind: 'dead', words: 'answered 410 channel_is_archived' }],
    [400, 'invalid_payload', { kind: 'refused', words: 'answered 400 invalid_payload' }],
    [403, '<html>https://hooks.example/secret-path</html>', { kind: 'dead', words: 'answered 403' }],
    [500, 'rollup_error', { kind: 'failed', words: 'answered 500 rollup_error' }],
    [302, '', { kind: 'failed', words: 'answered 302' }],
  ])('answering %i %s', async (status, text, outcome) => {
    const receiver = opened(await listen((response) => response.writeHead(status).end(text)))
    expect(await slack(receiver).send(messageOf())).toEqual(outcome)
  })

  test('that limits the rate is left in peace for as long as it asks, all messages of the channel, and none is lost', async () => {
    let isLimiting = true
    const receiver = opened(
      await listen((response) => {
        if (isLimiting) response.writeHead(429, { 'retry-after': '1800' }).end('rate_limited')
        else response.end('ok')
      }),
    )
    const channel = slack(receiver)
    const book = await openBook(channel)
    for (const code of ['record_changed', 'value_unknown']) await book.open({ code })
    expect(await deliver(book, channel)).toMatchObject({ countMessages: 2, countFailed: 1, countSent: 0 })
    isLimiting = false
    for (let minute = 0; minute < 29; minute += 1) {
      book.clock.advance(MINUTE_MS)
      expect((await deliver(book, channel)).countSent).toBe(0)
    }
    expect(receiver.requests).toHaveLength(1)
    book.clock.advance(MINUTE_MS)
    expect((await deliver(book, channel)).countSent).toBe(2)
  })

  test('that refuses for good is dead: nothing more is sent, what waits is kept, a start sends it even after a week, and people see it', async () => {
    let mood: 'gone' | 'down' | 'there' = 'gone'
    const receiver = opened(
      await listen((response) => {
        if (mood === 'there') response.end('ok')
        else response.writeHead(mood === 'gone' ? 404 : 503).end('no_service')
      }),
    )
    const channel = slack(receiver)
    const book = await openBook(channel)
    await book.open()
    await deliver(book, channel)
    for (let hour = 0; hour < 130; hour += 10) {
      book.clock.advance(10 * HOUR_MS)
      await book.open({ code: hour % 20 === 0 ? 'record_changed' : 'value_unknown' })
      await deliver(book, channel)
    }
    expect(receiver.requests).toHaveLength(1)
    expect(lines.filter(({ msg }) => msg === 'alert.target_dead')).toHaveLength(1)
    expect(await targetOf(book)).toMatchObject({ words: 'answered 404 no_service', deadAt: expect.any(Number) })
    const countWaiting = (await targetOf(book))?.countUndelivered ?? 0
    expect(countWaiting).toBeGreaterThan(10)

    // Older than what is given up, and not given up by the first failure.
    mood = 'down'
    await reviveTargets(database.db, book.accountId)
    expect(await deliver(book, channel)).toMatchObject({ countSent: 0, countFailed: 1, countGivenUp: 0 })
    mood = 'there'
    for (let run = 0; run < 5; run += 1) {
      book.clock.advance(MINUTE_MS)
      await deliver(book, channel)
    }
    expect(receiver.requests.length).toBe(2 + countWaiting)
    expect(await targetOf(book)).toMatchObject({ deadAt: null, countUndelivered: 0, countGivenUp: 0 })
  })
})

describe('mail', () => {
  test('reaches a real server, with one subject, the receivers of the settings, and a Message-ID that stays', async () => {
    const server = opened(await openMailServer({ isLoginAsked: true }))
    const channel = email(server, {
      url: `smtp://me:p%40ss%2Fword@127.0.0.1:${server.port}`,
      to: ['ines@example.com', 'books@example.com'],
    })
    const message = messageOf({ title: `record ${HOSTILE}`, account: `north\r\nBcc: victim@example.com` })
    expect(await channel.send(message)).toEqual({ kind: 'taken' })
    expect(await channel.send(message)).toEqual({ kind: 'taken' })
    const [mail, again] = server.mails
    if (!mail || !again) throw new Error('no mail')
    expect(mail).toMatchObject({
      from: 'tieout@example.com',
      to: ['ines@example.com', 'books@example.com'],
      user: 'me',
    })
    const { headers, text } = readMail(mail)
    expect([...headers.keys()].sort()).toEqual([
      'auto-submitted',
      'content-transfer-encoding',
      'content-type',
      'date',
      'from',
      'message-id',
      'mime-version',
      'subject',
      'to',
    ])
    expect(headers.get('message-id')).toBe(`<${message.messageId}@example.com>`)
    expect(readMail(again).headers.get('message-id')).toBe(headers.get('message-id'))
    expect(mail.source).not.toContain('p@ss')
    expect(text).toContain('1.00 CAD · customer')
    expect(text).toContain('due 2026-10-03 · Ines · 0e06b678')
    expect(text.split('\r\n').filter((line) => /^(Bcc:|QUIT|\.$)/.test(line))).toEqual([])
  })

  test('a receiver that is greylisted (4xx) gets it later; one that is unknown (5xx), a login or a sender that is refused is a dead target', async () => {
    const server = opened(await openMailServer({ isLoginAsked: true }))
    const channel = email(server, { url: `smtp://me:p%40ss%2Fword@127.0.0.1:${server.port}` })
    const book = await openBook(channel)
    await book.open()
    server.refuse({ at: 'receiver', code: 451 })
    expect(await deliver(book, channel)).toMatchObject({ countFailed: 1 })
    expect(await targetOf(book)).toMatchObject({ deadAt: null })
    expect((await book.messages())[0]?.lastError).toBe('answered 451 to RCPT')
    server.refuse(null)
    book.clock.advance(MINUTE_MS)
    expect(await deliver(book, channel)).toMatchObject({ countSent: 1 })
    expect(server.mails).toHaveLength(1)

    for (const [at, command] of [
      ['receiver', 'RCPT'],
      ['sender', 'MAIL'],
      ['login', 'AUTH'],
    ] as const) {
      await book.open({ code: `code_${at}` })
      server.refuse({ at, code: at === 'login' ? 535 : 550 })
      expect(await deliver(book, channel)).toMatchObject({ countFailed: 1 })
      expect(await targetOf(book)).toMatchObject({
        words: `answered ${at === 'login' ? 535 : 550} to ${command}`,
        deadAt: expect.any(Number),
      })
      server.refuse(null)
      expect(await deliver(book, channel)).toMatchObject({ countSent: 0 })
      await reviveTargets(database.db, book.accountId)
      expect(await deliver(book, channel)).toMatchObject({ countSent: 1 })
    }
    expect(server.mails).toHaveLength(4)
  })

  test('a message that is refused after it was read is given up alone, and the next is sent', async () => {
    const server = opened(await openMailServer())
    const channel = email(server)
    const book = await openBook(channel)
    await book.open()
    server.refuse({ at: 'message', code: 554 })
    expect(await deliver(book, channel)).toMatchObject({ countGivenUp: 1 })
    expect((await book.messages())[0]?.lastError).toBe('answered 554 to DATA')
    server.refuse(null)
    await book.open({ code: 'record_changed' })
    expect(await deliver(book, channel)).toMatchObject({ countSent: 1 })
  })

  test('goes to no address inside that was not allowed by name: connections 0', async () => {
    const server = opened(await openMailServer())
    for (const addresses of [['127.0.0.1'], ['8.8.8.8', '10.0.0.7'], ['::ffff:127.0.0.1'], []]) {
      const url = `smtp://mail.example:${server.port}`
      const outcome = await email(server, { url, allowHosts: [], resolve: async () => addresses }).send(messageOf())
      expect(outcome).toMatchObject({ kind: 'failed', words: expect.stringMatching(/not public|no address/) })
    }
    expect(server.countConnections()).toBe(0)
  })

  test('that never ends is over at the deadline', async () => {
    const silent = opened(await listen(() => {}))
    const channel = createEmailChannel({
      name: 'email',
      url: createSecret(`smtp://127.0.0.1:${silent.port}`),
      from: 'tieout@example.com',
      to: ['ines@example.com'],
      allowHosts: ['127.0.0.1'],
      deadlineMs: 300,
    })
    expect(await channel.send(messageOf())).toEqual({ kind: 'failed', words: 'no answer before the deadline' })
  })
})

describe.skipIf(!hasOpenssl)('mail beyond this machine', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tieout-mail-tls-'))
  let certificate = { key: '', cert: '' }
  beforeAll(() => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key', '-out', 'cert']
    execFileSync('openssl', ['req', '-x509', ...key, '-subj', '/CN=mail.example', '-days', '2'], {
      cwd: dir,
      stdio: 'pipe',
    })
    const read = (name: string) => readFileSync(join(dir, name), 'utf8')
    certificate = { key: read('key'), cert: read('cert') }
  })
  afterAll(() => rmSync(dir, { recursive: true }))

  /** Leads to this machine, and is none of its loopback addresses. */
  const elsewhere = { allowHosts: ['mail.example'], resolve: async () => ['0.0.0.0'] }

  test('goes nowhere without TLS, nor to a certificate that nobody vouches for', async () => {
    const plain = opened(await openMailServer())
    const withLogin = (scheme: string, { port }: MailServer) => `${scheme}://me:p%40ss%2Fword@mail.example:${port}`
    const sent = await email(plain, { ...elsewhere, url: withLogin('smtp', plain) }).send(messageOf())
    expect(sent.kind).toBe('dead')
    expect(sent).toMatchObject({ words: expect.stringMatching(/^answered 5\d\d to STARTTLS$/) })
    for (const [tls, scheme] of [
      ['upgrade', 'smtp'],
      ['start', 'smtps'],
    ] as const) {
      const server = opened(await openMailServer({ tls, certificate }))
      const outcome = await email(server, { ...elsewhere, url: withLogin(scheme, server) }).send(messageOf())
      expect(outcome).toEqual({ kind: 'failed', words: 'network: DEPTH_ZERO_SELF_SIGNED_CERT' })
      expect([server.countConnections() <= 1, server.mails]).toEqual([true, []])
    }
    expect(plain.countConnections()).toBe(1)
    expect(plain.mails).toEqual([])
  })
})

test('no URL, password, address or word of the other side stands in log or database', async () => {
  const seen = JSON.stringify(lines)
  expect(lines.some(({ msg }) => msg === 'alert.send_failed')).toBe(true)
  for (const secret of ['secret-path', 'p@ss', 'p%40ss', 'secret words', 'ines@example.com'])
    expect(seen).not.toContain(secret)
})
