import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'

/** A TCP proxy in front of a store, so that the store can go away or fall silent for one process and not for another. */
export interface Proxy {
  /** The store's URL with our host and port. */
  readonly url: string
  /** Cuts all connections and refuses new ones. */
  cut(): Promise<void>
  restore(): Promise<void>
  /** Keeps connections, passes nothing on. */
  stall(): void
  flow(): void
  close(): Promise<void>
}

export async function startProxy(storeUrl: string): Promise<Proxy> {
  const target = new URL(storeUrl)
  const pairs = new Set<[Socket, Socket]>()
  let isStalled = false
  const server = createServer((client) => {
    const store = createConnection(Number(target.port), target.hostname)
    const pair: [Socket, Socket] = [client, store]
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      store.destroy()
    }
    for (const socket of pair) socket.on('error', end).on('close', end)
    client.pipe(store)
    store.pipe(client)
    if (isStalled) hold(pair)
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
    return address.port
  }
  const port = await listen(0)
  const url = new URL(storeUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)

  async function cut() {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const pair of pairs) for (const socket of pair) socket.destroy()
    await closed
  }
  return {
    url: url.href,
    cut,
    restore: async () => void (await listen(port)),
    stall() {
      isStalled = true
      for (const pair of pairs) hold(pair)
    },
    flow() {
      isStalled = false
      for (const [client, store] of pairs) {
        client.pipe(store)
        store.pipe(client)
      }
    },
    close: cut,
  }
}

function hold([client, store]: [Socket, Socket]): void {
  client.unpipe().pause()
  store.unpipe().pause()
}
