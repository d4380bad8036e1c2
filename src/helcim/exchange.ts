import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import type { CallEnd } from '../domain/permits.ts'

export interface ExchangeRequest {
  readonly dispatcher: Dispatcher
  readonly origin: string
  readonly method: 'GET' | 'POST' | 'PUT'
  /** With its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** On `performance.now()`: for connecting, sending, waiting and receiving together. */
  readonly deadlineAt: number
  /** Of the body as it travels. */
  readonly capBytes: number
  readonly signal?: AbortSignal | undefined
  /**
   * Asked once more when undici has a connection and is about to write; false, and nothing is sent. For what a monotonic
   * clock cannot tell: it stands while a machine sleeps.
   */
  mayBeSent?(): boolean
}

export interface Exchange {
  readonly kind: CallEnd['kind']
  /** null when no headers arrived. */
  readonly status: number | null
  readonly headers: IncomingHttpHeaders
  /** As it travelled; empty unless `failure` is null. */
  readonly bytes: Buffer
  /** Why there is no whole answer, or null. */
  readonly failure: ExchangeFailure | null
  readonly durationMs: number
}

export interface ExchangeFailure {
  readonly reason: 'signal' | 'deadline' | 'too_large' | 'network'
  readonly words: string
  readonly cause?: unknown
}

/**
 * Sends one request and receives its answer, within one deadline. Never rejects, and is over at the deadline whatever
 * the other side does: hang while connecting, send a byte a second, or never end.
 *
 * Nothing is sent after the deadline, even if this process slept through it: the clock is read once more when undici
 * has a connection and is about to write. Until then the call counts as unsent.
 */
export function exchange(request: ExchangeRequest): Promise<Exchange> {
  return new Promise((resolve) => {
    const startedAt = performance.now()
    const { signal, deadlineAt, capBytes } = request
    const chunks: Buffer[] = []
    let byteCount = 0
    let status: number | null = null
    let headers: IncomingHttpHeaders = {}
    let isSent = false
    let isOver = false
    let controller: Dispatcher.DispatchController | undefined

    const finish = (failure: ExchangeFailure | null) => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUpOnSignal)
      resolve({
        kind: failure === null ? 'answered' : isSent ? 'aborted' : 'unsent',
        status,
        headers,
        bytes: failure === null ? Buffer.concat(chunks, byteCount) : Buffer.alloc(0),
        failure,
        durationMs: performance.now() - startedAt,
      })
    }
    const giveUp = (failure: ExchangeFailure) => {
      finish(failure)
      // Before a connection exists there is nothing to abort yet: `onRequestStart` does it then.
      controller?.abort(new Error(failure.words))
    }
    const giveUpOnDeadline = () => giveUp({ reason: 'deadline', words: 'no whole answer before the deadline' })
    const giveUpOnSignal = () => giveUp({ reason: 'signal', words: 'the caller gave up', cause: signal?.reason })

    const timer = setTimeout(giveUpOnDeadline, Math.max(0, deadlineAt - startedAt))
    signal?.addEventListener('abort', giveUpOnSignal, { once: true })
    if (signal?.aborted) return giveUpOnSignal()
    if (startedAt >= deadlineAt) return giveUpOnDeadline()

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        controller = started
        if (isOver) return started.abort(new Error('given up before it was sent'))
        if (performance.now() >= deadlineAt) return giveUpOnDeadline()
        if (request.mayBeSent?.() === false) return giveUpOnDeadline()
        isSent = true
      },
      onResponseStart(_, statusCode, responseHeaders) {
        const isInterim = statusCode < 200
        if (isInterim) return
        status = statusCode
        headers = responseHeaders
        if (Number(headers['content-length']) > capBytes) giveUp(tooLarge(capBytes))
      },
      onResponseData(_, chunk) {
        byteCount += chunk.length
        if (byteCount > capBytes) return giveUp(tooLarge(capBytes))
        chunks.push(chunk)
      },
      onResponseEnd: () => finish(null),
      onResponseError: (_, error) => finish({ reason: 'network', words: wordsOfNetworkError(error), cause: error }),
    }
    const { dispatcher, origin, method, path } = request
    try {
      dispatcher.dispatch({ origin, method, path, headers: request.headers }, handler)
    } catch (error) {
      finish({ reason: 'network', words: 'the connections are closed', cause: error })
    }
  })
}

const tooLarge = (capBytes: number): ExchangeFailure => ({
  reason: 'too_large',
  words: `a body of more than ${capBytes} bytes`,
})

/** e.g. `ECONNREFUSED`, `UND_ERR_SOCKET`, `CERT_HAS_EXPIRED`: a message might hold addresses or worse. */
function wordsOfNetworkError(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return `network: ${code}`
}
