import { type Database, openDatabase } from '../../src/db/client.ts'
import { migrateDatabase } from '../../src/db/migrate.ts'
import { createTestDatabase } from './database.ts'

/** A migrated database of a test file's own, and a pool on it. */
export interface MigratedDatabase extends Database {
  readonly url: string
  /** Closes the pool and removes the database. */
  drop(): Promise<void>
}

export async function createMigratedDatabase({ maxConnections = 4 } = {}): Promise<MigratedDatabase> {
  const empty = await createTestDatabase()
  const database = openDatabase(empty.url, { maxConnections, onError: () => {} })
  await migrateDatabase(database.pool)
  return {
    ...database,
    url: empty.url,
    async drop() {
      await database.close()
      await empty.drop()
    },
  }
}
