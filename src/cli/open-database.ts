import type { Config } from '../config.ts'
import { assertReachable, type Database, openDatabase } from '../db/client.ts'
import { joinEmbeddedPostgres } from '../db/embedded/embedded-postgres.ts'
import { migrateDatabase } from '../db/migrate.ts'
import { refreshViews } from '../exports/views.ts'
import { SETTLE_WORKERS, WORKERS } from '../jobs/workers.ts'
import type { Logger } from '../log.ts'

/** A database that is up to date, wherever it runs. */
export interface OpenDatabase extends Database {
  readonly url: string
  readonly isEmbedded: boolean
}

/** Opens the database of the settings, or the embedded one, and migrates it. */
export async function openMigrated(config: Config, log: Logger): Promise<OpenDatabase> {
  const embedded =
    config.databaseUrl === null
      ? await joinEmbeddedPostgres({ dataDir: config.dataDir, log: (event, facts) => log.debug(facts, event) })
      : null
  const url = embedded?.url ?? config.databaseUrl?.reveal() ?? ''
  const database = openDatabase(url, {
    // Each worker stores in one transaction while permits, schedule and commands need connections of their own.
    maxConnections: (WORKERS + SETTLE_WORKERS) * 2 + 3,
    onError: (error) => log.warn({ err: error }, 'database.connection_lost'),
  })
  const close = async () => {
    await database.close()
    await embedded?.leave()
  }
  try {
    await assertReachable(database.pool, url)
    await migrateDatabase(database.pool, refreshViews)
  } catch (error) {
    await close()
    throw error
  }
  return { ...database, url, isEmbedded: embedded !== null, close }
}
