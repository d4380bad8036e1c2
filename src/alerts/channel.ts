/** A way to tell people. It is handed a message again, under the same id, until it says that the message was taken. */
export interface AlertChannel {
  /** Stands in the outbox: what was told on a channel is told on it once. `log`, `webhook`, `slack`, `email`, or as the rules name it. */
  readonly name: string
  /** Never rejects for what the other side does, and is over within the deadline. */
  send(message: OutgoingMessage): Promise<SendOutcome>
}

export interface OutgoingMessage {
  /** The same at each attempt. */
  readonly messageId: string
  /** JSON, the same to the letter at each attempt. */
  readonly body: string
}

/**
 * What came of one attempt. `words` hold no secret.
 *
 * - `taken`: the other side has it; `words` where only some of its receivers do
 * - `refused`: it will never take this message
 * - `dead`: it will never take any, until somebody changes something
 * - `failed`: to be tried again, not before `retryAfterMs` where it said so, in real milliseconds
 */
export type SendOutcome =
  | { readonly kind: 'taken'; readonly words?: string }
  | { readonly kind: 'refused'; readonly words: string }
  | { readonly kind: 'dead'; readonly words: string }
  | { readonly kind: 'failed'; readonly words: string; readonly retryAfterMs?: number }
