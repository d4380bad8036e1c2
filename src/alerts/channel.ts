/** A way to tell people. It is handed a message again, under the same id, until it says that the message was taken. */
export interface AlertChannel {
  /** Stands in the outbox: what was told on a channel is told on it once. */
  readonly name: 'log' | 'webhook'
  /** Never rejects for what the other side does, and is over within the deadline. */
  send(message: OutgoingMessage): Promise<SendOutcome>
}

export interface OutgoingMessage {
  /** The same at each attempt. */
  readonly messageId: string
  /** JSON, the same to the letter at each attempt. */
  readonly body: string
}

/** `refused`: the other side wants no more of it, ever. `failed`: to be tried again. `words` hold no secret. */
export type SendOutcome =
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly words: string }
  | { readonly kind: 'failed'; readonly words: string }
