import { request } from 'node:http'
import { connect } from 'node:net'
import type { FaultAct } from '../../src/sandbox/faults/acts.ts'
import { type Client, start } from './support.ts'

export interface Raw {
  readonly status: number | undefined
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: Buffer
  /** True when the connection ended before the answer was complete. */
  readonly isCut: boolean
}

/** A client without any help: no decompression, no checks, no retries. */
export function readRaw(
  client: Client,
  path: string,
  options: { method?: string; stopAfterBytes?: number } = {},
): Promise<Raw> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let status: number | undefined
    let headers: NodeJS.Dict<string | string[]> = {}
    const finish = (isCut: boolean) => resolve({ status, headers, body: Buffer.concat(chunks), isCut })
    const sent = request(`${client.sandbox.url}${path}`, {
      method: options.method ?? 'GET',
      headers: { 'api-token': client.sandbox.token },
      agent: false,
    })
    sent.on('error', () => finish(true))
    sent.on('response', (response) => {
      status = response.statusCode
      headers = response.headers
      let received = 0
      response.on('data', (chunk: Buffer) => {
        received += chunk.length
        chunks.push(chunk)
        if (received >= (options.stopAfterBytes ?? Number.POSITIVE_INFINITY)) sent.destroy()
      })
      response.on('close', () => finish(!response.complete))
    })
    sent.end()
  })
}

/** Every byte that the server sends until it ends the connection. */
export function readWire({ sandbox }: Client, path: string): Promise<string> {
  return new Promise((resolve) => {
    const { port, pathname } = new URL(`${sandbox.url}${path}`)
    const socket = connect(Number(port), '127.0.0.1')
    let received = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      received += chunk
    })
    socket.on('close', () => resolve(received))
    socket.write(`GET ${pathname} HTTP/1.1\r\nhost: sandbox\r\napi-token: ${sandbox.token}\r\n\r\n`)
  })
}

/** One call that meets the fault, beside the honest answer to the same call. */
export async function struck(
  act: FaultAct,
  path = '/card-transactions?limit=3',
): Promise<Raw & { client: Client; honest: string }> {
  const client = await start()
  const honest = (await client.get(path)).text
  client.sandbox.faults.add({ act })
  return { ...(await readRaw(client, path)), client, honest }
}
