import { inspect } from 'node:util'

/** A value that must never be seen: whatever prints, logs or serialises it shows `[redacted]`. */
export interface Secret {
  /** The only way to the value. Call it where the value leaves, and keep the result in no variable that lives on. */
  reveal(): string
  toString(): string
  toJSON(): string
}

export const REDACTED = '[redacted]'

/** Wraps `text`; it lives in a closure, so that neither a spread nor a debugger's dump of the object shows it. */
export function createSecret(text: string): Secret {
  const redacted = () => REDACTED
  return Object.freeze({
    reveal: () => text,
    toString: redacted,
    toJSON: redacted,
    [Symbol.toPrimitive]: redacted,
    [inspect.custom]: redacted,
  })
}

/** How deep the causes of an error are followed; an error may be its own cause. */
export const CAUSE_DEPTH_MAX = 5

/**
 * Takes out of an error, and of its causes, the parameters of the statement that failed: drizzle writes them into the
 * message and the stack, and they hold whatever was to be stored, card tokens among it.
 * @returns the same error
 */
export function withoutParameters<T>(error: T): T {
  let cause: unknown = error
  for (let depth = 0; cause instanceof Error && depth <= CAUSE_DEPTH_MAX; depth++) {
    if ('query' in cause && 'params' in cause) {
      const message = `Failed query: ${String(cause.query)}`
      const stack = cause.stack?.replace(cause.message, () => message)
      const isStackClean = stack === undefined || cause.message === message || stack !== cause.stack
      Object.assign(cause, { message, stack: isStackClean ? stack : message, params: REDACTED })
    }
    cause = cause.cause
  }
  return error
}
