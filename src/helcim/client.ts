import type { IncomingHttpHeaders } from 'node:http'
import type { Logger } from 'pino'
import type { CallClass } from '../domain/budget-class.ts'
import type { Instant } from '../domain/clock.ts'
import { type Retry, UsageError } from '../domain/operating-error.ts'
import type { CallEnd, CallPermits } from '../domain/permits.ts'
import type { Secret } from '../domain/secret.ts'
import { readLimitHeaders, readServerTime } from './answer-headers.ts'
import { judge, judgeSilence } from './answers.ts'
import { checkBaseUrl } from './base-url.ts'
import { type AnswerBody, tryDecodeBody } from './body.ts'
import { createConnections } from './connections.ts'
import type { EndpointCall, SettlementCall } from './endpoint.ts'
import { errorWords, wordsOfValue } from './error-words.ts'
import { HelcimError, type HelcimErrorCode } from './errors.ts'
import { type Exchange, exchange } from './exchange.ts'
import { parseJson } from './json.ts'
import { type SettlementAnswer, understandSettlement } from './settlement.ts'

export interface HelcimClientOptions {
  /** e.g. `https://api.helcim.com/v2`; see `checkBaseUrl`. */
  readonly baseUrl: string
  readonly token: Secret
  readonly permits: CallPermits
  readonly log?: Pick<Logger, 'debug'>
  /** For one call from its permit on: connecting, sending, waiting and receiving together. Real time. */
  readonly deadlineMs?: number
  /** Of an answer's body, unpacked. */
  readonly bodyCapBytes?: number
  /** PEM certificates of authorities trusted instead of the public ones. */
  readonly certificateAuthorities?: string
}

export interface ReadOptions {
  readonly callClass: CallClass
  readonly signal?: AbortSignal
}

/** An answer with status 200, or a 204 where that means "none". Its body is still to be decoded: see `decodePage`. */
export interface Answer {
  readonly status: number
  /** null for a 204. */
  readonly body: AnswerBody | null
  /** Helcim's clock when it answered, to the second. */
  readonly serverTime: Instant | null
  readonly durationMs: number
}

export interface SettleOptions {
  /**
   * Asked between the permit and the call: takes the right to make it, once and for all. False, and nothing is sent.
   * @param deadlineMs real milliseconds from now on after which nothing of it is sent any more
   */
  claim(deadlineMs: number): Promise<boolean>
  /** Asked once more when it is about to be written, see `ExchangeRequest`. */
  mayBeSent(): boolean
  readonly signal?: AbortSignal
}

export interface HelcimClient {
  /**
   * Makes one call under one permit. It does not retry: the error's `retry` tells the job when to come back. Only a 409
   * is asked again once, under a permit of its own.
   * @throws HelcimError, or what `permits.take` rejects with
   */
  read(call: EndpointCall, options: ReadOptions): Promise<Answer>
  /**
   * Makes the one call of an attempt to settle, under one permit of class `settle`. It is never repeated here. However it
   * ends is an answer; only what comes before the call rejects.
   * @throws what `permits.take` or `claim` rejects with: nothing was sent then
   */
  settle(call: SettlementCall, options: SettleOptions): Promise<SettlementAnswer>
  /** Resolves when the calls in progress are over. */
  close(): Promise<void>
}

/** @throws UsageError when the base URL or the token cannot be used */
export function createHelcimClient(options: HelcimClientOptions): HelcimClient {
  const { permits, log, token, deadlineMs = 30_000, bodyCapBytes = 16 * 1024 * 1024 } = options
  const baseUrl = checkBaseUrl(options.baseUrl)
  if (!/^[\x21-\x7e]+$/.test(token.reveal())) {
    throw new UsageError('The API token must be one line of visible ASCII characters without spaces.')
  }
  const dispatcher = createConnections({
    connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS_MAX, deadlineMs),
    ...(options.certificateAuthorities === undefined ? {} : { certificateAuthorities: options.certificateAuthorities }),
  })

  async function read(call: EndpointCall, readOptions: ReadOptions): Promise<Answer> {
    const first = await attempt(call, readOptions)
    const isConflict = first instanceof HelcimError && first.code === 'HELCIM_CONFLICT'
    const last = isConflict ? await attempt(call, readOptions) : first
    if (last instanceof HelcimError) throw last
    return last
  }

  async function attempt(call: EndpointCall, { callClass, signal }: ReadOptions): Promise<Answer | HelcimError> {
    const permit = await permits.take({ callClass, endpoint: call.name, deadlineMs, ...(signal ? { signal } : {}) })
    let end: CallEnd = ENDED_BY_BUG
    try {
      const exchanged = await exchange({
        dispatcher,
        origin: baseUrl.origin,
        method: call.method,
        path: pathOf(baseUrl, call.path, call.query),
        headers: headersOf(token),
        deadlineAt: Math.min(permit.deadlineAt, performance.now() + deadlineMs),
        capBytes: bodyCapBytes,
        signal,
      })
      const outcome = await understand(exchanged, { call, token, bodyCapBytes })
      const code = outcome instanceof HelcimError ? outcome.code : null
      end = endOf(exchanged, code === 'HELCIM_UNAUTHORIZED')
      log?.debug({ endpoint: call.name, status: end.status, durationMs: end.durationMs, code }, 'helcim.called')
      return outcome
    } finally {
      await permit.release(end)
    }
  }

  async function settle(call: SettlementCall, { claim, mayBeSent, signal }: SettleOptions): Promise<SettlementAnswer> {
    const request = { callClass: 'settle', endpoint: call.name, deadlineMs } as const
    const permit = await permits.take({ ...request, ...(signal ? { signal } : {}) })
    let end: CallEnd = NOT_SENT
    try {
      const leftMs = permit.deadlineAt - performance.now()
      if (!(await claim(leftMs))) return { outcome: 'unsent', status: null, words: '', isNotPermitted: false }
      end = ENDED_BY_BUG
      const exchanged = await exchange({
        dispatcher,
        origin: baseUrl.origin,
        method: call.method,
        path: pathOf(baseUrl, call.path),
        headers: {
          ...headersOf(token),
          ...(call.idempotencyKey === null ? {} : { 'idempotency-key': call.idempotencyKey }),
        },
        deadlineAt: permit.deadlineAt,
        capBytes: bodyCapBytes,
        signal,
        mayBeSent,
      })
      const { answer, isUnauthorized } = await understandSettlement(exchanged, { token, bodyCapBytes })
      end = endOf(exchanged, isUnauthorized)
      log?.debug({ endpoint: call.name, status: end.status, durationMs: end.durationMs }, 'helcim.called')
      return answer
    } finally {
      await permit.release(end)
    }
  }

  return { read, settle, close: () => dispatcher.close() }
}

const CONNECT_TIMEOUT_MS_MAX = 10_000

const NOT_SENT: CallEnd = {
  status: null,
  kind: 'unsent',
  minuteRemaining: null,
  hourRemaining: null,
  retryAfterMs: null,
  isUnauthorized: false,
  durationMs: 0,
}

/** Only an exception that nobody foresaw leaves this: then the call may be anywhere. */
const ENDED_BY_BUG: CallEnd = { ...NOT_SENT, kind: 'aborted' }

function pathOf(baseUrl: URL, path: string, query: EndpointCall['query'] = {}): string {
  const search = new URLSearchParams(query).toString()
  return `${baseUrl.pathname.replace(/\/$/, '')}${path}${search === '' ? '' : `?${search}`}`
}

const headersOf = (token: Secret): Record<string, string> => ({
  accept: 'application/json',
  'accept-encoding': 'gzip',
  'content-type': 'application/json',
  'user-agent': 'tieout',
  'api-token': token.reveal(),
})

const endOf = ({ kind, status, headers, durationMs }: Exchange, isUnauthorized: boolean): CallEnd => ({
  kind,
  status,
  durationMs,
  isUnauthorized,
  ...readLimitHeaders(headers),
})

interface Expectation {
  readonly call: EndpointCall
  readonly token: Secret
  readonly bodyCapBytes: number
}

async function understand(exchanged: Exchange, expectation: Expectation): Promise<Answer | HelcimError> {
  const { call, token, bodyCapBytes } = expectation
  const { status, headers, failure, durationMs } = exchanged
  const fail = (code: HelcimErrorCode, words: string, cause?: unknown) =>
    new HelcimError(code, { status, endpoint: call.name, words, cause, ...retryOf(code, headers) })

  if (failure !== null || status === null) {
    const code = failure?.reason === 'signal' ? 'HELCIM_ABORTED' : judgeSilence('reading')
    return fail(code, failure?.words ?? 'no status', failure?.cause)
  }
  const { body, complaint } = await tryDecodeBody(exchanged.bytes, headers, bodyCapBytes)
  // A good answer is looked at once, by its decoder.
  const isError = status !== 200
  const { words, isForeign } = isError ? errorWords(body.text, [token.reveal()]) : { words: '', isForeign: false }
  const verdict = judge({ status, intent: 'reading', words, isForeign: isForeign || complaint !== null })
  const answer = { status, serverTime: readServerTime(headers), durationMs }
  switch (verdict) {
    case 'decode': {
      if (complaint !== null) return fail(judgeSilence('reading'), complaint)
      const objection = objectionTo(body.text)
      return objection ? fail(...objection) : { ...answer, body }
    }
    case 'no_content':
      return call.isEmptyWhen204
        ? { ...answer, body: null }
        : fail(judgeSilence('reading'), 'no content where some is due')
    case 'read_back':
      throw new Error('An answer to a read was judged as one to a settlement.')
    default:
      return fail(verdict, complaint ?? words)
  }
}

/** With a 429 Helcim may say when to come back. */
function retryOf(code: HelcimErrorCode, headers: IncomingHttpHeaders): { retry?: Retry } {
  const { retryAfterMs } = readLimitHeaders(headers)
  return code === 'HELCIM_RATE_LIMITED' && retryAfterMs !== null
    ? { retry: { kind: 'after', delayMs: retryAfterMs } }
    : {}
}

/** Behind a 200 there is a list or an object; whether it is a sound one, its decoder finds out. */
function objectionTo(text: string): [HelcimErrorCode, string] | undefined {
  if (/^[ \n\r\t]*[[{]/.test(text)) return undefined
  if (text.trim() === '') return ['HELCIM_MALFORMED', 'an empty body']
  try {
    parseJson(text)
    return ['HELCIM_MALFORMED', 'a single value where a list or an object is due']
  } catch {
    return [judgeSilence('reading'), wordsOfValue(`no JSON: ${errorWords(text).words}`)]
  }
}
