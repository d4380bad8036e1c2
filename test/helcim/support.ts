import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { CallEnd, CallPermits, PermitRequest } from '../../src/domain/permits.ts'
import { createSecret } from '../../src/domain/secret.ts'
import { createHelcimClient, type HelcimClient, type HelcimClientOptions } from '../../src/helcim/client.ts'
import { cardTransactions } from '../../src/helcim/endpoints/card-transactions.ts'
import { HelcimError } from '../../src/helcim/errors.ts'

export const LIST = cardTransactions.list({ limit: 1000, page: 1 })
export const FRESH = { callClass: 'fresh' } as const
export const TOKEN = 'canary-token-4f1d2c'

export interface ExampleCase {
  readonly name: string
  readonly status: number | null
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The recorded and documented payloads, as data. */
export function readExamples(file: string): readonly ExampleCase[] {
  const text = readFileSync(new URL(`../fixtures/helcim/${file}.json`, import.meta.url), 'utf8')
  return JSON.parse(text).cases
}

/** Permits in memory, which remember what was taken and how it ended. */
export interface CountingPermits extends CallPermits {
  readonly requests: PermitRequest[]
  readonly ends: CallEnd[]
  /** Taken and not yet released. */
  countOut(): number
}

export function createCountingPermits(leaseMs?: number): CountingPermits {
  const requests: PermitRequest[] = []
  const ends: CallEnd[] = []
  return {
    requests,
    ends,
    countOut: () => requests.length - ends.length,
    async take(request) {
      requests.push(request)
      let isReleased = false
      return {
        deadlineAt: performance.now() + (leaseMs ?? request.deadlineMs),
        async release(end) {
          if (isReleased) throw new Error('A permit was released twice.')
          isReleased = true
          ends.push(end)
        },
      }
    },
  }
}

/** Runs `use` against a client of a loopback server, and closes both. */
export async function withClient<T>(
  baseUrl: string,
  options: Partial<HelcimClientOptions>,
  use: (client: HelcimClient, permits: CountingPermits) => Promise<T>,
): Promise<T> {
  const permits = createCountingPermits()
  const client = createHelcimClient({ baseUrl, token: createSecret(TOKEN), permits, ...options })
  try {
    return await use(client, permits)
  } finally {
    await client.close()
  }
}

export interface TestServer {
  readonly baseUrl: string
  readonly requests: readonly IncomingMessage[]
  close(): Promise<void>
}

/** A server on loopback that answers every request with `answer`. */
export async function createHttpServer(
  answer: (request: IncomingMessage, response: ServerResponse, index: number) => void,
): Promise<TestServer> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    answer(request, response, requests.length)
  })
  const baseUrl = await listen(server)
  return {
    baseUrl: `${baseUrl}/v2`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The same, closed after the test. */
export async function serve(answer: Parameters<typeof createHttpServer>[0]): Promise<TestServer> {
  const server = await createHttpServer(answer)
  onTestFinished(() => server.close())
  return server
}

/** A server that speaks nothing of its own: `serve` writes the bytes. */
export async function createRawServer(serve: (socket: Socket) => void): Promise<TestServer> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  const baseUrl = await listen(server)
  return {
    baseUrl: `${baseUrl}/v2`,
    requests: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${portOf(server)}`
}

export function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('The server listens on no port.')
  return address.port
}

/** The HelcimError that a call must end with. */
export async function failureOf(promise: Promise<unknown>): Promise<HelcimError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof HelcimError)) throw new Error('There was no HelcimError.', { cause: error })
  return error
}
