import { type Database, openDatabase } from '../../src/db/client.ts'
import { createTestDatabase } from './database.ts'

/** A migrated database of a test file's own, and a pool on it. */
export interface MigratedDatabase extends Database {
  readonly url: string
  /** Closes the pool and removes the database. */
  drop(): Promise<void>
}

export async function createMigratedDatabase({ maxConnections = 4 } = {}): Promise<MigratedDatabase> {
  const copy = await createTestDatabase()
  const database = openDatabase(copy.url, { maxConnections, onError: () => {} })
  return {
    ...database,
    url: copy.url,
    async drop() {
      await database.close()
      await copy.drop()
    },
  }
}
