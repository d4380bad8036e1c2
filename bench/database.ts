import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { ensureAccount } from '../src/db/accounts.ts'
import { type Database, openDatabase } from '../src/db/client.ts'
import { joinEmbeddedPostgres } from '../src/db/embedded/embedded-postgres.ts'
import { migrateDatabase } from '../src/db/migrate.ts'
import { toBusinessDate } from '../src/domain/calendar.ts'
import { refreshViews } from '../src/exports/views.ts'

export interface BenchDatabase extends Database {
  /** For sessions of their own, beside the pool. */
  readonly url: string
  /** A new account with its budget row. */
  addAccount(): Promise<number>
  /** An empty database beside this one, for a daemon of its own. */
  createEmpty(): Promise<{ readonly url: string; drop(): Promise<void> }>
  remove(): Promise<void>
}

/** What every simulated history ends with; the clocks of the run begin here. */
export const TODAY = '2026-10-01'

/** A migrated database of this run's own, on the given server or on an embedded one in a temporary directory. */
export async function openBenchDatabase(serverUrl: string | undefined): Promise<BenchDatabase> {
  const server = serverUrl ? { url: serverUrl, stop: async () => {} } : await startServer()
  const name = `tieout_bench_${randomUUID().replaceAll('-', '')}`
  try {
    await administer(server.url, `create database ${name}`)
    const url = new URL(server.url)
    url.pathname = `/${name}`
    const database = openDatabase(url.href, { maxConnections: 10, onError: () => {} })
    await migrateDatabase(database.pool, refreshViews)
    return {
      ...database,
      url: url.href,
      async addAccount() {
        const { accountId } = await ensureAccount(database.db, {
          name: randomUUID(),
          baseUrl: 'http://127.0.0.1:1/v2',
          tokenFingerprint: 'none',
          today: toBusinessDate(TODAY),
          historyDays: 30,
        })
        return accountId
      },
      async createEmpty() {
        const emptyName = `${name}_${randomUUID().slice(0, 8)}`
        await administer(server.url, `create database ${emptyName}`)
        const emptyUrl = new URL(server.url)
        emptyUrl.pathname = `/${emptyName}`
        return { url: emptyUrl.href, drop: () => administer(server.url, `drop database ${emptyName} with (force)`) }
      },
      async remove() {
        await database.close()
        await administer(server.url, `drop database ${name} with (force)`)
        await server.stop()
      },
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function startServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tieout-bench-'))
  // Started by root, the server runs as somebody else, who must get in.
  await chmod(dataDir, 0o755)
  const removeDataDir = () => rm(dataDir, { recursive: true, force: true })
  try {
    const { url, leave } = await joinEmbeddedPostgres({ dataDir })
    return {
      url,
      async stop() {
        await leave()
        await removeDataDir()
      },
    }
  } catch (error) {
    await removeDataDir()
    throw error
  }
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
