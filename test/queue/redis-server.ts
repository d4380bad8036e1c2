import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Redis } from 'ioredis'

/** A Redis of a test's own, to be stopped, frozen and misconfigured. */
export interface RedisServer {
  readonly url: string
  signal(signal: NodeJS.Signals): void
  command(...words: [string, ...string[]]): Promise<unknown>
  stop(): Promise<void>
}

export async function startRedisServer(options: string[] = []): Promise<RedisServer> {
  const port = await findFreePort()
  const child = spawn(
    'redis-server',
    [
      ...['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'],
      ...['--maxmemory-policy', 'noeviction', ...options],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await listening(child)
  const url = `redis://127.0.0.1:${port}`
  return {
    url,
    signal: (signal) => void child.kill(signal),
    async command(...[name, ...words]) {
      const client = new Redis(url)
      try {
        return await client.call(name, ...words)
      } finally {
        client.disconnect()
      }
    },
    async stop() {
      const exited = once(child, 'exit')
      child.kill('SIGCONT')
      child.kill('SIGTERM')
      await exited
    },
  }
}

function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.includes('Ready to accept connections')) resolve()
    })
  })
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}
