import type { Instant } from './clock.ts'
import type { HelcimId } from './record.ts'

/** A message of Helcim whose signature held. The body carries an id at most: what it tells of has to be fetched. */
export interface WebhookMessage {
  readonly webhookId: string
  readonly sentAt: Instant
  /** Helcim's word for it: `cardTransaction`, `terminalCancel`; `unknown` where it is none (API.md §13). */
  readonly kind: string
  /** The card transaction that it tells of. */
  readonly transactionId: HelcimId | null
}

/** `asked`: a pull reads it. `left_to_polling`: there were too many at once. `noted`: there is nothing to read. */
export type WebhookOutcome = 'asked' | 'left_to_polling' | 'noted'

/** A minute of `asked` messages takes a fifth of the hour's calls at most: one page of a poll holds a thousand rows. */
export const WEBHOOK_READS_PER_MINUTE_MAX = 10

/** What a message is worth: a hint to fetch one record. Polling stays the truth, so what is too much is left to it. */
export function decideWebhook({ transactionId }: WebhookMessage, countAskedLastMinute: number): WebhookOutcome {
  if (transactionId === null) return 'noted'
  return countAskedLastMinute < WEBHOOK_READS_PER_MINUTE_MAX ? 'asked' : 'left_to_polling'
}
