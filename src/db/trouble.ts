import { OperatingError } from '../domain/operating-error.ts'

/**
 * SQLSTATE classes that pass by themselves: connection (08), rollback by deadlock or conflict (40), out of resources (53),
 * object in use (55), stopped by an operator (57).
 */
const PASSING_CLASSES = new Set(['08', '40', '53', '55', '57'])
const PASSING_NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])
/** The driver gives these no code. */
const PASSING_WORDS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/

/**
 * Postgres that was away, restarted or in each other's way is no fault of a job: it is tried again.
 * @returns the error itself where it is not of that kind
 */
export function asDatabaseTrouble(error: unknown): unknown {
  // drizzle wraps what the driver says.
  for (let cause = error; cause instanceof Error && !(cause instanceof OperatingError); cause = cause.cause) {
    if (isPassing(cause))
      return new OperatingError('DATABASE_TROUBLE', cause.message, { retry: { kind: 'backoff' }, cause: error })
  }
  return error
}

function isPassing(error: Error): boolean {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return (
    PASSING_NETWORK.has(code) ||
    (/^[0-9A-Z]{5}$/.test(code) && PASSING_CLASSES.has(code.slice(0, 2))) ||
    PASSING_WORDS.test(error.message)
  )
}
