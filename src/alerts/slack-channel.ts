import type { Secret } from '../domain/secret.ts'
import type { AlertChannel, SendOutcome } from './channel.ts'
import type { MessageBody } from './letter.ts'
import { type Resolve, resolveAddresses } from './outgoing-address.ts'
import { type OutgoingAnswer, sendOut } from './outgoing-request.ts'
import { SEND_DEADLINE_MS } from './settings.ts'
import { slackMessageOf } from './slack-message.ts'

export interface SlackSettings {
  readonly name: string
  /** Of an incoming webhook; its path is what authorizes. */
  readonly url: Secret
  readonly allowHosts: readonly string[]
  readonly resolve?: Resolve
  /** Real milliseconds for one attempt. */
  readonly deadlineMs?: number
}

/**
 * Posts messages to an incoming webhook of Slack. Slack knows no id by which it would tell repeats: a message whose
 * answer was lost is there twice.
 */
export function createSlackChannel(settings: SlackSettings): AlertChannel {
  const { name, url, allowHosts, resolve = resolveAddresses, deadlineMs = SEND_DEADLINE_MS } = settings
  return {
    name,
    async send({ body }) {
      const message: MessageBody = JSON.parse(body)
      const answer = await sendOut({
        url: new URL(url.reveal()),
        method: 'POST',
        headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'tieout' },
        body: JSON.stringify(slackMessageOf(message)),
        allowHosts,
        resolve,
        deadlineMs,
      })
      return outcomeOf(answer)
    },
  }
}

/** Statuses that speak of the message, and of the moment; every other 4xx speaks of the webhook itself (`no_service`, `invalid_token`, …). */
const OF_MESSAGE: readonly number[] = [400, 413]
const OF_MOMENT: readonly number[] = [408, 425, 429]

function outcomeOf(answer: OutgoingAnswer): SendOutcome {
  if (answer.status === null) return { kind: 'failed', words: answer.words }
  const { status, text, retryAfterMs } = answer
  if (status >= 200 && status <= 299) return { kind: 'taken' }
  // Slack's error codes are single words; what is none might hold anything.
  const code = /^[a-z_]{1,64}$/.test(text.trim()) ? ` ${text.trim()}` : ''
  const words = `answered ${status}${code}`
  if (OF_MESSAGE.includes(status)) return { kind: 'refused', words }
  if (status >= 400 && status <= 499 && !OF_MOMENT.includes(status)) return { kind: 'dead', words }
  return { kind: 'failed', words, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}
