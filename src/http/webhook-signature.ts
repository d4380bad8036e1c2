import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Webhook } from 'standardwebhooks'
import { type Instant, toInstant } from '../domain/clock.ts'
import type { Secret } from '../domain/secret.ts'
import type { WebhookMessage } from '../domain/webhook.ts'

/** Clock milliseconds by which a message may be older or newer than now (API.md §13). */
export const TOLERANCE_MS = 300_000

/** For a counter and the log; the sender hears none of it. */
export type Refusal = 'headers' | 'age' | 'signature'

export type Verdict =
  | { readonly isGood: true; readonly message: WebhookMessage }
  | { readonly isGood: false; readonly refusal: Refusal }

/**
 * Checks a message as Standard Webhooks has it: HMAC-SHA256 over `id.timestamp.body` with the verifier token as key, one
 * of the signatures being ours. `Webhook.verify` looks at the machine's clock; ours may be another, so only its `sign` is
 * used.
 */
export function verifyWebhook(
  headers: IncomingHttpHeaders,
  body: Buffer,
  { token, now }: { token: Secret; now: Instant },
): Verdict {
  const webhookId = textOf(headers['webhook-id'])
  const timestamp = textOf(headers['webhook-timestamp'])
  const signatures = textOf(headers['webhook-signature'])
  if (!WEBHOOK_ID.test(webhookId) || !TIMESTAMP.test(timestamp) || signatures === '') return refused('headers')
  const sentAt = toInstant(Number(timestamp) * 1_000)
  if (Math.abs(now - sentAt) > TOLERANCE_MS) return refused('age')
  const expected = new Webhook(token.reveal()).sign(webhookId, new Date(sentAt), body)
  if (!signatures.split(' ').some((signature) => isSame(signature, expected))) return refused('signature')
  return { isGood: true, message: { webhookId, sentAt, ...contentOf(body) } }
}

const WEBHOOK_ID = /^[\x21-\x7e]{1,200}$/
const TIMESTAMP = /^\d{1,12}$/

const textOf = (header: string | string[] | undefined): string => (typeof header === 'string' ? header : '')
const refused = (refusal: Refusal): Verdict => ({ isGood: false, refusal })

/** Takes as long wherever they differ; that they differ in length says nothing about the key. */
function isSame(signature: string, expected: string): boolean {
  const [some, other] = [Buffer.from(signature), Buffer.from(expected)]
  return some.length === other.length && timingSafeEqual(some, other)
}

const KIND = /^[A-Za-z][\w.-]{0,63}$/
const TRANSACTION_ID = /^[1-9]\d{0,17}$/

/** What is signed and not understood is noted and no more: sent again it would be no clearer. */
function contentOf(body: Buffer): Pick<WebhookMessage, 'kind' | 'transactionId'> {
  const unknown = { kind: 'unknown', transactionId: null }
  try {
    const content: unknown = JSON.parse(body.toString('utf8'))
    if (typeof content !== 'object' || content === null) return unknown
    const kind = 'type' in content && typeof content.type === 'string' && KIND.test(content.type) ? content.type : null
    if (kind !== 'cardTransaction') return { ...unknown, kind: kind ?? 'unknown' }
    // Documented as a string; a number is taken as far as it keeps its digits.
    const id = 'id' in content && (typeof content.id === 'string' || Number.isSafeInteger(content.id)) ? content.id : ''
    return { kind, transactionId: TRANSACTION_ID.test(String(id)) ? BigInt(String(id)) : null }
  } catch {
    return unknown
  }
}
