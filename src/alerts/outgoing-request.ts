import { Agent, request } from 'undici'
import { createSystemClock } from '../domain/clock.ts'
import { checkAddress, pinnedLookup, type Resolve } from './outgoing-address.ts'

export interface OutgoingRequest {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly allowHosts: readonly string[]
  readonly resolve: Resolve
  /** Real milliseconds, for resolving, connecting, sending and the answer together. */
  readonly deadlineMs: number
  /** Gives up before the deadline. */
  readonly signal?: AbortSignal
}

/** `words` name neither the path nor the query, which may be what authorizes. */
export type OutgoingAnswer =
  | {
      readonly status: number
      /** The beginning of what was said beside a status that is no 2xx; empty where it did not come in time. */
      readonly text: string
      /** Real milliseconds, as `Retry-After` asks for. */
      readonly retryAfterMs?: number
    }
  | { readonly status: null; readonly words: string }

/**
 * Sends one request to where a person told us to, and reads no more of the answer than its status and, where that is no
 * 2xx, its first words. Redirects are an answer like any other, never followed. Never rejects, and is over at the deadline whatever the other side does.
 */
export async function sendOut(outgoing: OutgoingRequest): Promise<OutgoingAnswer> {
  const { url, method, headers = {}, body, deadlineMs } = outgoing
  const deadline = AbortSignal.timeout(deadlineMs)
  const end = outgoing.signal ? AbortSignal.any([deadline, outgoing.signal]) : deadline
  let agent: Agent | null = null
  try {
    const checked = await before(end, checkAddress(url, outgoing))
    if (!checked.isAllowed) return { status: null, words: checked.words }
    // A connection for one request: the next has its addresses checked anew.
    agent = new Agent({
      connections: 1,
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: deadlineMs,
        lookup: pinnedLookup(checked.addresses),
        minVersion: 'TLSv1.2',
        // Said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED cannot turn it off.
        rejectUnauthorized: true,
      },
    })
    const answer = await before(
      end,
      request(url, { dispatcher: agent, method, headers, body: body ?? null, signal: end }),
    )
    const { statusCode: status, headers: answered } = answer
    // The status is the answer; a body that never ends or fails is nothing to us.
    const isTaken = status >= 200 && status <= 299
    if (isTaken) await answer.body.dump({ limit: ANSWER_BYTES_MAX, signal: end }).catch(() => {})
    const text = isTaken ? '' : await beginningOf(answer.body)
    const retryAfterMs = retryAfter(answered['retry-after'])
    return { status, text, ...(retryAfterMs === null ? {} : { retryAfterMs }) }
  } catch (error) {
    return { status: null, words: deadline.aborted ? 'no answer before the deadline' : wordsOf(error) }
  } finally {
    agent?.destroy().catch(() => {})
  }
}

const ANSWER_BYTES_MAX = 16_384
const WORDS_BYTES_MAX = 256

/** Its first chunk at most: an error code is no longer. */
async function beginningOf(body: AsyncIterable<Buffer>): Promise<string> {
  try {
    for await (const chunk of body) return chunk.subarray(0, WORDS_BYTES_MAX).toString('utf8')
  } catch {
    // Cut off, or not before the deadline.
  }
  return ''
}

/** Seconds or a date (RFC 9110, 10.2.3); null for what is neither. */
function retryAfter(header: string | string[] | undefined): number | null {
  if (typeof header !== 'string') return null
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - createSystemClock().now())
}

/** What `work` becomes, or a rejection once `signal` aborts: the resolver knows no deadline of its own. */
export function before<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason)
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}

/** e.g. `network: ECONNREFUSED`, `network: CERT_HAS_EXPIRED`: a message might hold the URL. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return 'network'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return `network: ${code}`
}
