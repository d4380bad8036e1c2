/** What a job does after an operating error: try again with backoff, wait until an instant, or stop and tell. */
export type Retry = { kind: 'backoff' } | { kind: 'after'; delayMs: number } | { kind: 'never' }

/**
 * Something outside went wrong in a way we foresaw: a timeout, a 429, a deadlock. Recognised by class and `code`,
 * never by message. Programmer errors are plain `Error`s and stop the job.
 */
export class OperatingError extends Error {
  readonly code: string
  readonly retry: Retry

  constructor(code: string, message: string, options: { retry: Retry; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.retry = options.retry
  }
}

/** A person's mistake in a command, a variable or the surroundings: printed as one line, exit code 2 unless said. */
export class UsageError extends Error {
  readonly exitCode: 1 | 2

  constructor(message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'UsageError'
    this.exitCode = options.exitCode ?? 2
  }
}
