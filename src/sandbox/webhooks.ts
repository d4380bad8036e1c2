import { createHmac } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock, Instant } from '../domain/clock.ts'
import type { Merchant } from './merchant.ts'
import { createRandom, hash32 } from './random.ts'
import type { TransactionRow } from './rows.ts'

/** Where new card transactions are told, and how badly (API.md §13; retries and their order are not documented). */
export interface WebhookOptions {
  /** On this machine: the sandbox speaks to nobody else. */
  readonly url: string
  /** Base64, as the dashboard shows it. */
  readonly verifierToken: string
  /** Deliveries of one message until it is given up. Default 4. */
  readonly attemptsMax?: number
  /** Real milliseconds before the second attempt; doubled with each further one. Default 50. */
  readonly retryDelayMs?: number
  /** Of the messages that arrived, how many are sent once more under the same id. Default 0. */
  readonly duplicateShare?: number
  readonly order?: 'as-made' | 'shuffled'
  /** `several`: one of an old key stands before the good one. */
  readonly signature?: 'good' | 'wrong' | 'several'
  /** Real milliseconds between looks for what has happened, so that messages go out although nobody calls. Default 100. */
  readonly lookEveryMs?: number
}

export interface Delivery {
  readonly webhookId: string
  readonly body: string
  /** From 1; a duplicate goes on counting. */
  readonly attempt: number
  readonly sentAt: Instant
  /** null: no answer. */
  readonly status: number | null
}

export interface Webhooks {
  /** Every try, in order. */
  deliveries(): readonly Delivery[]
  /** Sends any other message, e.g. a `terminalCancel`. */
  send(body: Readonly<Record<string, unknown>>): void
  /** Resolves when all that has happened until now is delivered or given up. */
  delivered(): Promise<void>
  stop(): Promise<void>
}

interface Message {
  readonly webhookId: string
  readonly body: string
  countTried: number
}

const ANSWER_WITHIN_MS = 5000
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]'])

/** @throws Error when the URL leads elsewhere than to this machine */
export function createWebhooks(
  options: WebhookOptions,
  context: { merchant: Merchant; clock: Clock; seed: number; advance: () => void },
): Webhooks {
  const { merchant, clock, seed, advance } = context
  const { attemptsMax = 4, retryDelayMs = 50, duplicateShare = 0, order = 'as-made', lookEveryMs = 100 } = options
  const { hostname } = new URL(options.url)
  if (!LOOPBACK.has(hostname)) throw new Error(`webhook url: ${hostname} is not this machine; use 127.0.0.1`)
  const random = createRandom(seed, 'webhooks')
  const startedAt = clock.now()
  const deliveries: Delivery[] = []
  const queue: Message[] = []
  const stopping = new AbortController()
  let countMade = 0
  let draining: Promise<void> | null = null

  const enqueue = (body: string) => {
    countMade += 1
    const webhookId = `msg_${hash32(seed, 'webhook', countMade).toString(36)}${countMade}`
    queue.push({ webhookId, body, countTried: 0 })
  }
  merchant.watchTransactions((row: TransactionRow) => {
    // What is history when the sandbox starts was told long ago.
    if (row.createdAt >= startedAt) enqueue(JSON.stringify({ id: String(row.id), type: 'cardTransaction' }))
  })

  const post = async (message: Message): Promise<boolean> => {
    message.countTried += 1
    const sentAt = clock.now()
    const signed = signWebhook(options, message, sentAt)
    let status: number | null = null
    try {
      const response = await fetch(options.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...signed },
        body: message.body,
        redirect: 'manual',
        signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
      })
      status = response.status
      await response.arrayBuffer()
    } catch {
      // No answer, or half of one, is an attempt that failed.
    }
    const { webhookId, body, countTried: attempt } = message
    deliveries.push({ webhookId, body, attempt, sentAt, status })
    return status !== null && status >= 200 && status < 300
  }
  const deliver = async (message: Message) => {
    for (let attempt = 1; attempt <= attemptsMax && !stopping.signal.aborted; attempt += 1) {
      if (await post(message)) {
        if (random.chance(duplicateShare)) await post(message)
        return
      }
      if (attempt === attemptsMax) return
      const pauseMs = retryDelayMs * 2 ** (attempt - 1)
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }
  const drain = async () => {
    while (queue.length > 0 && !stopping.signal.aborted) {
      const place = order === 'shuffled' ? random.integer(0, queue.length - 1) : 0
      const [message] = queue.splice(place, 1)
      if (message) await deliver(message)
    }
  }
  const look = (): Promise<void> => {
    advance()
    draining ??= drain().finally(() => {
      draining = null
    })
    return draining
  }
  const timer = setInterval(() => void look(), lookEveryMs)
  timer.unref()

  return {
    deliveries: () => deliveries,
    send: (body) => enqueue(JSON.stringify(body)),
    async delivered() {
      do await look()
      while (queue.length > 0 && !stopping.signal.aborted)
    },
    async stop() {
      clearInterval(timer)
      stopping.abort()
      await draining
    },
  }
}

/** Standard Webhooks by hand, so that it can testify against the worker's library: HMAC-SHA256 over `id.timestamp.body`. */
export function signWebhook(
  { verifierToken, signature = 'good' }: Pick<WebhookOptions, 'verifierToken' | 'signature'>,
  { webhookId, body }: { webhookId: string; body: string },
  at: Instant,
): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000))
  const sign = (key: Buffer) =>
    `v1,${createHmac('sha256', key).update(`${webhookId}.${timestamp}.${body}`).digest('base64')}`
  const good = sign(Buffer.from(verifierToken, 'base64'))
  const foreign = sign(Buffer.from('a key of somebody else'))
  const signatures = { good, wrong: foreign, several: `${foreign} ${good}` }
  return { 'webhook-id': webhookId, 'webhook-timestamp': timestamp, 'webhook-signature': signatures[signature] }
}
