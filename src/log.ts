import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'
import { CAUSE_DEPTH_MAX, REDACTED, withoutParameters } from './domain/secret.ts'

export type { Logger }

export interface LogOptions {
  /** A level of pino, or `silent`. */
  readonly level: string
  /** For a terminal: coloured lines. Otherwise each line is one JSON object. */
  readonly isPretty: boolean
}

/** Logs on stdout. Colours leave with `NO_COLOR`. */
export function createLog({ level, isPretty }: LogOptions): Logger {
  const options = {
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    // The process has one log, and its supervisor knows host and process.
    base: null,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError, error: describeError },
    redact: { paths: SECRET_PATHS, censor: REDACTED },
  }
  if (!isPretty) return pino(options, pino.destination({ dest: 1, sync: true }))
  const colorize = !process.env.NO_COLOR
  return pino(options, pretty({ destination: 1, sync: true, colorize, translateTime: 'SYS:HH:MM:ss.l' }))
}

/**
 * A second net. The first is that secrets are `Secret`s, which print as redacted, and that records of Helcim are never
 * logged whole. pino reads `*` as one level, so each name stands at the top and one below it.
 */
const SECRET_NAMES = [
  'api-token',
  'apiToken',
  'authorization',
  'cardNumber',
  'cardToken',
  'connectionString',
  'databaseUrl',
  'password',
  'redisUrl',
  'token',
]
const SECRET_PATHS = SECRET_NAMES.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`])

function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error
  withoutParameters(error)
  const hasCause = error.cause !== undefined && depth < CAUSE_DEPTH_MAX
  return {
    type: error.name,
    code: 'code' in error ? error.code : undefined,
    message: error.message,
    stack: error.stack,
    cause: hasCause ? describeError(error.cause, depth + 1) : undefined,
  }
}
