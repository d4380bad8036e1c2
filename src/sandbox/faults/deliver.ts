import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { createGzip } from 'node:zlib'
import type { Answer } from '../endpoint.ts'
import type { FaultAct } from './acts.ts'

const CHUNK_BYTES = 65_536

/**
 * Sends an answer, spoiled by the fault if there is one.
 * @returns the status that went out, or null when the client got none
 */
export async function deliver(
  response: ServerResponse,
  answer: Answer,
  act: FaultAct | undefined,
  signal: AbortSignal,
): Promise<number | null> {
  const body = Buffer.from(spoilText(answer.body, act))
  const start = (length: number | null, extra: Record<string, string> = {}) => {
    response.writeHead(answer.status, {
      ...(answer.body === '' ? {} : { 'content-type': answer.contentType }),
      ...(length === null ? {} : { 'content-length': String(length) }),
      ...answer.headers,
      ...extra,
    })
  }
  switch (act?.kind) {
    case 'drip':
      start(body.length)
      for (let at = 0; at < body.length && !signal.aborted; at += 1) {
        response.write(body.subarray(at, at + 1))
        await delay(act.intervalMs ?? 1000, undefined, { signal }).catch(() => undefined)
      }
      response.end()
      break
    case 'cut':
      if (act.when !== 'in-answer') {
        response.destroy()
        return null
      }
      start(body.length)
      await new Promise((written) => response.write(body.subarray(0, Math.ceil(body.length / 2)), written))
      response.destroy()
      break
    case 'wrong-length':
      start(body.length + act.offBy, { connection: 'close' })
      await new Promise((written) => response.write(body, written))
      response.socket?.end()
      break
    case 'oversize':
      start(null)
      await streamSpaces(response, response, act.bytes, signal)
      break
    case 'gzip-bomb': {
      start(null, { 'content-encoding': 'gzip' })
      const gzip = createGzip({ level: 9 })
      gzip.pipe(response)
      await streamSpaces(gzip, response, act.bytes, signal)
      break
    }
    default:
      start(answer.status === 204 ? null : body.length)
      response.end(answer.status === 204 ? undefined : body)
  }
  return answer.status
}

function spoilText(text: string, act: FaultAct | undefined): string {
  switch (act?.kind) {
    case 'truncated':
      return text.slice(0, Math.floor(text.length / 2))
    case 'byte-order-mark':
      return `\uFEFF${text}`
    case 'deep-nesting':
      return '['.repeat(act.depth) + ']'.repeat(act.depth)
    case 'duplicate-keys':
      return text.replace(FIRST_VALUE, (pair, key: string) => `${pair},"${key}":0.01`)
    case 'huge-number':
      return text.replace(FIRST_AMOUNT, (_, key: string) => `"${key}":1e400`)
    case 'huge-integer':
      return text.replace(FIRST_ID, (_, key: string) => `"${key}":92233720368547758079223372036854775807`)
    default:
      return text
  }
}

const FIRST_VALUE = /"(amount|netSales|id|transactionId|invoiceId|batchId|message)":("[^"]*"|[^,}]+)/
const FIRST_AMOUNT = /"(amount|netSales|recurringAmount|amountWithdrawals)":("[^"]*"|[^,}]+)/
const FIRST_ID = /"(transactionId|invoiceId|batchId|id)":[^,}]+/

/** `[`, then spaces until `bytes` are out, then `]`: a legal empty list, if anybody has the patience. */
async function streamSpaces(
  sink: NodeJS.WritableStream,
  response: ServerResponse,
  bytes: number,
  signal: AbortSignal,
): Promise<void> {
  const spaces = Buffer.alloc(CHUNK_BYTES, ' ')
  sink.write('[')
  for (let sent = 2; sent < bytes; sent += CHUNK_BYTES) {
    if (signal.aborted || response.destroyed) return
    const hasRoom = sink.write(spaces.subarray(0, Math.min(CHUNK_BYTES, bytes - sent)))
    if (!hasRoom) await roomOrEnd(sink, signal)
  }
  sink.end(']')
}

function roomOrEnd(sink: NodeJS.WritableStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      sink.off('drain', finish)
      signal.removeEventListener('abort', finish)
      resolve()
    }
    sink.once('drain', finish)
    signal.addEventListener('abort', finish, { once: true })
  })
}
