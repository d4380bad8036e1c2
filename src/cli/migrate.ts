import type { Config } from '../config.ts'
import { migrateQueue } from '../jobs/queue/postgres-store.ts'
import { createLog } from '../log.ts'
import { openMigrated } from './open-database.ts'
import { say } from './paint.ts'

/** Brings the database up to date, the tables of the queue included. */
export async function runMigrate(config: Config): Promise<void> {
  const database = await openMigrated(config, createLog({ level: 'silent', isPretty: false }))
  await migrateQueue(database.url).finally(database.close)
  say('  The database is up to date.')
}
