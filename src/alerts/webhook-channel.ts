import { Webhook } from 'standardwebhooks'
import { createSystemClock } from '../domain/clock.ts'
import type { Secret } from '../domain/secret.ts'
import type { AlertChannel, SendOutcome } from './channel.ts'
import { type Resolve, resolveAddresses } from './outgoing-address.ts'
import { sendOut } from './outgoing-request.ts'
import { SEND_DEADLINE_MS } from './settings.ts'

export interface WebhookSettings {
  readonly url: Secret
  /** `whsec_` and base64, as Standard Webhooks has it. */
  readonly secret: Secret
  readonly allowHosts: readonly string[]
  readonly resolve?: Resolve
  /** Real milliseconds for one attempt. */
  readonly deadlineMs?: number
}

/**
 * Posts messages as Standard Webhooks: the receiver checks signature and age, and tells repeats by `webhook-id`. Any
 * 2xx means taken, 410 that it wants no more, ever, and everything else that we try again.
 */
export function createWebhookChannel(settings: WebhookSettings): AlertChannel {
  const { url, secret, allowHosts, resolve = resolveAddresses, deadlineMs = SEND_DEADLINE_MS } = settings
  // Receivers compare the time of an attempt with their own clock, so it is the machine's also in a simulation.
  const machineClock = createSystemClock()
  return {
    name: 'webhook',
    async send({ messageId, body }) {
      const at = new Date(machineClock.now())
      const answer = await sendOut({
        url: new URL(url.reveal()),
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'tieout',
          'webhook-id': messageId,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
          'webhook-signature': new Webhook(secret.reveal()).sign(messageId, at, body),
        },
        body,
        allowHosts,
        resolve,
        deadlineMs,
      })
      return answer.status === null ? { kind: 'failed', words: answer.words } : outcomeOf(answer)
    },
  }
}

function outcomeOf({ status, retryAfterMs }: { status: number; retryAfterMs?: number }): SendOutcome {
  if (status >= 200 && status <= 299) return { kind: 'taken' }
  const words = `answered ${status}`
  if (status === 410) return { kind: 'dead', words }
  return { kind: 'failed', words, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}
