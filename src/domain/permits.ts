import type { CallClass } from './budget-class.ts'

/** What the client reports when a call is over. */
export interface CallEnd {
  /** HTTP status, or null when no answer arrived. */
  readonly status: number | null
  /**
   * `answered`: Helcim is done with it. `aborted`: we gave up and Helcim may still be working on it, so the slot is
   * freed only after a drain. `unsent`: it never left this process.
   */
  readonly kind: 'answered' | 'aborted' | 'unsent'
  /** `minute-limit-remaining` / `hour-limit-remaining` as sent: what was left before this call. */
  readonly minuteRemaining: number | null
  readonly hourRemaining: number | null
  /** `retry-after` in milliseconds where it was sent. */
  readonly retryAfterMs: number | null
  /** The answer said that the credentials themselves are dead (not that a permission is missing). */
  readonly isUnauthorized: boolean
  readonly durationMs: number
}

/** The right to make one call now. A lease: its holder may die, the store frees it after deadline and drain. */
export interface Permit {
  /** On this process' monotonic clock (`performance.now()`): not a byte is sent after it, and the answer is cut there. */
  readonly deadlineAt: number
  /** Must be called exactly once, whatever happened to the call. */
  release(end: CallEnd): Promise<void>
}

export interface PermitRequest {
  readonly callClass: CallClass
  /** e.g. `GET /card-batches/{id}`: for the audit log, without ids or secrets. */
  readonly endpoint: string
  readonly deadlineMs: number
  readonly signal?: AbortSignal
}

/**
 * Hands out permits within Helcim's limits. `helcim` asks, `db` answers, `jobs` brings them together.
 * Rejects with `OperatingError` code `BUDGET_WAIT` and `retry: {kind:'after'}` when the wait is longer than is sensible
 * to hold a worker for, and `ACCOUNT_STOPPED` when the credentials are dead.
 */
export interface CallPermits {
  take(request: PermitRequest): Promise<Permit>
}
