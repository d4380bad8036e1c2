import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { sql } from 'drizzle-orm'
import pino from 'pino'
import type { AlertChannel, OutgoingMessage, SendOutcome } from '../../src/alerts/channel.ts'
import type { DigestBody } from '../../src/alerts/digest-message.ts'
import type { MessageBody } from '../../src/alerts/letter.ts'
import type { AlertBody } from '../../src/alerts/message.ts'
import { ensureAccount } from '../../src/db/accounts.ts'
import type { Database } from '../../src/db/client.ts'
import { type AlertRules, defaultAlertRules } from '../../src/domain/alert-rules.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { type Clock, toInstant } from '../../src/domain/clock.ts'
import type { Logger } from '../../src/log.ts'
import { createMigratedDatabase } from '../support/migrated-database.ts'

export const START = Date.parse('2026-10-01T12:00:00Z')
export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
/** 24 bytes, for tests only. */
export const SIGNING_SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`

/** Everything to everyone: no severity is left out, so that what was told can be held against all that happened. */
export const tellAll = (channels: readonly string[]): AlertRules => ({
  ...defaultAlertRules(channels),
  routes: [{ severity: null, codes: null, accounts: null, to: channels }],
})

export interface TestDatabase extends Database {
  readonly url: string
  openBook(): Promise<Book>
  drop(): Promise<void>
}

/** A migrated database of this test file's own. */
export async function createDatabase(): Promise<TestDatabase> {
  const database = await createMigratedDatabase()
  return {
    ...database,
    openBook: () => openBook(database),
  }
}

export interface MismatchOptions {
  readonly code?: string
  readonly severity?: string
  readonly currency?: string | null
  readonly expectedMinor?: bigint | null
  readonly actualMinor?: bigint | null
}

export interface Transition {
  readonly mismatchId: string
  readonly kind: string
  readonly at: number
}

/** The mismatches of an account of its own, and what happened to them: the oracle that alerts are held to. */
export interface Book {
  readonly accountId: number
  readonly clock: ManualClock
  /** All that was committed, in order. */
  readonly transitions: readonly Transition[]
  open(options?: MismatchOptions): Promise<string>
  /** Resolves an open mismatch and reopens a resolved one. */
  turn(mismatchId: string): Promise<void>
  acknowledge(mismatchId: string): Promise<void>
  countOpen(): Promise<number>
  messages(): Promise<StoredMessage[]>
  /** Per transition and channel, how often it stands in a message. */
  countItems(): Promise<Map<string, number>>
  reminders(mismatchId: string): Promise<number[]>
}

export interface StoredMessage {
  readonly messageId: string
  readonly channel: string
  readonly cause: string
  readonly body: AlertBody
  readonly createdAt: number
  readonly attempts: number
  readonly isDelivered: boolean
  readonly isGivenUp: boolean
  readonly lastError: string | null
}

async function openBook({ db }: Database): Promise<Book> {
  const { accountId } = await ensureAccount(db, {
    name: randomUUID(),
    baseUrl: 'http://127.0.0.1:1/v2',
    tokenFingerprint: 'none',
    today: toBusinessDate('2026-10-01'),
    historyDays: 30,
  })
  const clock = createManualClock(START)
  const transitions: Transition[] = []
  const states = new Map<string, 'open' | 'resolved'>()
  const iso = () => new Date(clock.now()).toISOString()

  async function note(mismatchId: string, kind: string, change: ReturnType<typeof sql>) {
    const at = clock.now()
    await db.transaction(async (tx) => {
      await tx.execute(change)
      await tx.execute(sql`
        insert into recon.mismatch_events
          (account_id, mismatch_id, kind, at, actor, severity, currency, expected_minor, actual_minor, resolution)
        select account_id, mismatch_id, ${kind}, ${iso()}, 'tieout', severity, currency, expected_minor, actual_minor,
          resolution
        from recon.mismatches where account_id = ${accountId} and mismatch_id = ${mismatchId}::uuid`)
    })
    transitions.push({ mismatchId, kind, at })
  }

  return {
    accountId,
    clock,
    transitions,
    async open(options = {}) {
      const mismatchId = randomUUID()
      const { code = 'card_batch_total_differs', severity = 'critical', currency = 'CAD' } = options
      const { expectedMinor = 10_000n, actualMinor = 9_750n } = options
      states.set(mismatchId, 'open')
      await note(
        mismatchId,
        'opened',
        sql`insert into recon.mismatches (account_id, mismatch_id, code, subject_kind, subject_id, severity, currency,
          expected_minor, actual_minor, summary, advice, evidence, first_seen_at, last_seen_at)
        values (${accountId}, ${mismatchId}, ${code}, 'card_batch', ${mismatchId}, ${severity}, ${currency},
          ${expectedMinor}, ${actualMinor}, 'The two sides differ.', 'Compare the rows.', '[]', ${iso()}, ${iso()})`,
      )
      return mismatchId
    },
    async turn(mismatchId) {
      const isOpen = states.get(mismatchId) === 'open'
      states.set(mismatchId, isOpen ? 'resolved' : 'open')
      await note(
        mismatchId,
        isOpen ? 'resolved' : 'reopened',
        sql`update recon.mismatches set state = ${isOpen ? 'resolved' : 'open'},
          resolution = ${isOpen ? 'automatic' : null}
        where account_id = ${accountId} and mismatch_id = ${mismatchId}::uuid`,
      )
    },
    async acknowledge(mismatchId) {
      await db.execute(sql`update recon.mismatches set state = 'acknowledged'
        where account_id = ${accountId} and mismatch_id = ${mismatchId}::uuid`)
    },
    async countOpen() {
      return [...states.values()].filter((state) => state === 'open').length
    },
    async messages() {
      const { rows } = await db.execute<{
        message_id: string
        channel: string
        cause: string
        body: AlertBody
        created_at: string
        attempts: number
        delivered_at: string | null
        given_up_at: string | null
        last_error: string | null
      }>(sql`select message_id, channel, cause, body, created_at, attempts, delivered_at, given_up_at, last_error
        from recon.alert_messages where account_id = ${accountId}
          and cause not in ('channel begun', 'left out', 'held by a silence')
        order by created_at, message_id`)
      return rows.map((row) => ({
        messageId: row.message_id,
        channel: row.channel,
        cause: row.cause,
        body: row.body,
        createdAt: Date.parse(row.created_at),
        attempts: row.attempts,
        isDelivered: row.delivered_at !== null,
        isGivenUp: row.given_up_at !== null,
        lastError: row.last_error,
      }))
    },
    async countItems() {
      const { rows } = await db.execute<{ key: string; count: number }>(sql`
        select c.channel || ' ' || e.event_id as key, count(i.event_id)::int as count
        from recon.mismatch_events e
        cross join (select distinct channel from recon.alert_messages where account_id = ${accountId}) c
        left join recon.alert_items i on i.account_id = e.account_id and i.channel = c.channel
          and i.event_id = e.event_id
        where e.account_id = ${accountId} group by 1`)
      return new Map(rows.map(({ key, count }) => [key, count]))
    },
    async reminders(mismatchId) {
      const { rows } = await db.execute<{ reminder: number }>(sql`
        select reminder from recon.mismatch_events
        where account_id = ${accountId} and mismatch_id = ${mismatchId}::uuid and kind = 'reminded' order by event_id`)
      return rows.map(({ reminder }) => reminder)
    },
  }
}

export interface ManualClock extends Clock {
  advance(durationMs: number): void
}

/** A clock that stands still until it is put forward. */
export function createManualClock(startsAt: number): ManualClock {
  let now = startsAt
  return {
    now: () => toInstant(now),
    rate: 1,
    realMs: (durationMs) => durationMs,
    sleep: async () => {},
    advance(durationMs) {
      now += durationMs
    },
  }
}

export interface RecordingChannel extends AlertChannel {
  readonly received: OutgoingMessage[]
  /** What the other side does with the next messages; `unheard` takes them and its answer is lost. */
  mood: 'takes' | 'unheard' | 'fails' | 'refuses' | 'dies'
}

/** A channel that remembers what reached the other side. */
export function createRecordingChannel(name: AlertChannel['name']): RecordingChannel {
  const received: OutgoingMessage[] = []
  return {
    name,
    received,
    mood: 'takes',
    async send(message): Promise<SendOutcome> {
      if (this.mood === 'takes' || this.mood === 'unheard') received.push(message)
      switch (this.mood) {
        case 'takes':
          return { kind: 'taken' }
        case 'refuses':
          return { kind: 'refused', words: 'answered 400 invalid_payload' }
        case 'dies':
          return { kind: 'dead', words: 'answered 404 no_service' }
        default:
          return { kind: 'failed', words: 'no answer before the deadline' }
      }
    },
  }
}

/** What reached the other side, repeats left out. @throws when a repeat differs from the first */
export function distinctBodies(received: readonly OutgoingMessage[]): Map<string, MessageBody> {
  const texts = new Map<string, string>()
  for (const { messageId, body } of received) {
    const known = texts.get(messageId)
    if (known !== undefined && known !== body) throw new Error(`message ${messageId} came with two bodies`)
    texts.set(messageId, body)
  }
  return new Map([...texts].map(([messageId, body]) => [messageId, JSON.parse(body)]))
}

/** Of them, those that tell of mismatches. */
export const alertBodies = (received: readonly OutgoingMessage[]): Map<string, AlertBody> =>
  new Map([...distinctBodies(received)].flatMap(([id, body]) => (isDigest(body) ? [] : [[id, body]])))

/** Of them, the digests. */
export const digestBodies = (received: readonly OutgoingMessage[]): Map<string, DigestBody> =>
  new Map([...distinctBodies(received)].flatMap(([id, body]) => (isDigest(body) ? [[id, body]] : [])))

const isDigest = (body: MessageBody): body is DigestBody => body.type === 'digest.daily'

/** The transitions that were told, sorted text; every body must list all it counts. */
export const toldIn = (bodies: Iterable<AlertBody>): string[] =>
  [...bodies]
    .flatMap(({ type, data }) => {
      if (data.countOmitted > 0 || data.items.length !== data.count)
        throw new Error('a body does not list what it tells')
      return data.items.map(({ id, at }) => `${id} ${type.replace('mismatches.', '')} ${at}`)
    })
    .sort()

export const namesOf = (transitions: readonly Transition[]): string[] =>
  transitions.map(({ mismatchId, kind, at }) => `${mismatchId} ${kind} ${new Date(at).toISOString()}`).sort()

export interface Listener {
  readonly port: number
  readonly server: Server
  /** Connections that arrived, with or without a request. */
  readonly countConnections: () => number
  readonly requests: { readonly headers: IncomingMessage['headers']; readonly body: string; readonly method: string }[]
  close(): Promise<void>
}

/** A real HTTP listener on loopback that answers once it has the whole request. */
export async function listen(
  answer: (response: ServerResponse, index: number) => void,
  { host = '127.0.0.1', port = 0 } = {},
): Promise<Listener> {
  const requests: { headers: IncomingMessage['headers']; body: string; method: string }[] = []
  let count = 0
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    requests.push({ headers: request.headers, body: Buffer.concat(chunks).toString(), method: request.method ?? '' })
    answer(response, requests.length - 1)
  })
  server.on('connection', () => {
    count += 1
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    server,
    countConnections: () => count,
    requests,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

export const silentLog: Logger = pino({ level: 'silent' })

/** A log whose lines can be read. */
export function createReadableLog(): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const sink = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    },
  })
  return { log: pino({ level: 'debug', formatters: { level: (level) => ({ level }) } }, sink), lines }
}
