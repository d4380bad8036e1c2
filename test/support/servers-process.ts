import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { openDatabase } from '../../src/db/client.ts'
import { joinEmbeddedPostgres } from '../../src/db/embedded/embedded-postgres.ts'
import { migrateDatabase } from '../../src/db/migrate.ts'
import { refreshViews } from '../../src/exports/views.ts'
import { migrateQueue } from '../../src/jobs/queue/postgres-store.ts'

/**
 * Holds the servers of a test run, in a process of its own: it ends them when its standard input does, so that nothing
 * is left behind when the run is interrupted or killed, in which case vitest tears nothing down. Prints one line,
 * `{ postgresUrl, migratedDatabase, redisUrl }`, once they answer; `redisUrl` is null without a `redis-server`.
 */
interface Server {
  url: string
  stop(): Promise<void>
}

// Whoever started us may be gone before we have a line to print.
process.stdout.on('error', () => {})
process.stdin.resume()
const inputEnd = once(process.stdin, 'close')
const servers: Server[] = []
try {
  const postgresUrl = process.env.DATABASE_URL || (await keep(startPostgres())).url
  const migrated = await createMigrated(postgresUrl)
  // Dropped before the server that holds it ends.
  servers.push(migrated)
  const redis = await startRedis()
  if (redis) servers.push(redis)
  process.stdout.write(
    `${JSON.stringify({ postgresUrl, migratedDatabase: migrated.name, redisUrl: redis?.url ?? null })}\n`,
  )
  await inputEnd
} finally {
  for (const { stop } of servers.reverse()) await stop()
}

async function keep(starting: Promise<Server>): Promise<Server> {
  const server = await starting
  servers.push(server)
  return server
}

async function startPostgres(): Promise<Server> {
  const dataDir = await createScratchDir('tieout-test-postgres-')
  const removeDataDir = () => rm(dataDir, { recursive: true, force: true })
  try {
    const first = await joinEmbeddedPostgres({ dataDir })
    await loosen(first.url).finally(first.leave)
    const { url, leave } = await joinEmbeddedPostgres({ dataDir })
    return { url, stop: () => leave().then(removeDataDir) }
  } catch (error) {
    await removeDataDir()
    throw error
  }
}

/** Room for many tests at once; and what a machine's crash would take is of no use to anybody. */
async function loosen(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const settings = { max_connections: 400, fsync: 'off', full_page_writes: 'off' }
    for (const [name, value] of Object.entries(settings)) await client.query(`alter system set ${name} = ${value}`)
  } finally {
    await client.end()
  }
}

/** A database that tests copy, as a daemon's start would leave it. */
async function createMigrated(postgresUrl: string): Promise<Server & { name: string }> {
  const name = `test_migrated_${randomBytes(6).toString('hex')}`
  const url = new URL(postgresUrl)
  url.pathname = `/${name}`
  await administer(postgresUrl, `create database ${name}`)
  const stop = () => administer(postgresUrl, `drop database ${name} with (force)`)
  const database = openDatabase(url.href, { maxConnections: 1, onError: () => {} })
  try {
    await migrateDatabase(database.pool, refreshViews)
    await migrateQueue(url.href)
  } catch (error) {
    await database.close()
    await stop()
    throw error
  }
  await database.close()
  return { name, url: url.href, stop }
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(statement).finally(() => client.end())
}

async function startRedis(): Promise<Server | null> {
  const dataDir = await createScratchDir('tieout-test-redis-')
  const removeDataDir = () => rm(dataDir, { recursive: true, force: true })
  try {
    // Between finding a free port and Redis listening on it somebody else may take it: another port, at most thrice.
    for (let attempt = 1; ; attempt++) {
      const port = await findFreePort()
      const child = spawn('redis-server', redisArguments(port, dataDir), { stdio: ['ignore', 'pipe', 'inherit'] })
      const outcome = await waitUntilListening(child)
      if (outcome === 'listening') {
        return { url: `redis://127.0.0.1:${port}`, stop: () => stopChild(child).then(removeDataDir) }
      }
      if (outcome === 'missing') {
        await removeDataDir()
        return null
      }
      if (attempt === 3) throw new Error(`redis-server ended before it listened:\n${outcome.output}`)
    }
  } catch (error) {
    await removeDataDir()
    throw error
  }
}

function redisArguments(port: number, dataDir: string): string[] {
  const place = ['--bind', '127.0.0.1', '--port', String(port), '--dir', dataDir]
  return [...place, '--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction']
}

async function waitUntilListening(child: ChildProcess): Promise<'listening' | 'missing' | { output: string }> {
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? resolve('missing') : reject(error),
    )
    child.once('close', () => resolve({ output: lines.join('\n') }))
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line)
      if (line.includes('Ready to accept connections')) resolve('listening')
    })
  })
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

/** A temporary directory that other users may enter: under root PostgreSQL's server is another user. */
async function createScratchDir(prefix: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), prefix))
  await chmod(path, 0o755)
  return path
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}
