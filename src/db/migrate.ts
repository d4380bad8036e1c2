import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import type pg from 'pg'
import { UsageError } from '../domain/operating-error.ts'
import { CAUSE_DEPTH_MAX } from '../domain/secret.ts'
import type { Tx } from './client.ts'

/** Any number shared by all daemons will do; two that start at once queue up behind it. */
const MIGRATION_LOCK = 7_246_001

/**
 * Brings the database up to date, in one transaction: a migration that fails or is killed half way leaves all as it was.
 * Safe to call from several processes at once, and again. A database that a newer version has brought further is left
 * alone: migrations only add, so that this version can go on beside that one.
 * @param afterwards runs under the same lock, unless a newer version has been here: what follows from the schema is then
 * that version's business
 * @throws UsageError with exit code 1 when a migration fails
 */
export async function migrateDatabase(
  pool: pg.Pool,
  afterwards: (client: pg.PoolClient) => Promise<void> = async () => {},
): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    try {
      const db = drizzle(client)
      // A role without the right to make schemas may run what is up to date: drizzle would ask for it all the same.
      if (!(await isUpToDate(client))) await applyMigrations(db)
      if ((await compareSchema(db)) !== 'newer') await afterwards(client)
    } finally {
      await client.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK])
    }
  } finally {
    client.release()
  }
}

async function isUpToDate(client: pg.PoolClient): Promise<boolean> {
  const { rows } = await client.query<{ is_there: boolean }>(
    `select to_regclass('recon_migrations.__drizzle_migrations') is not null as is_there`,
  )
  return rows[0]?.is_there === true && (await isSchemaCurrent(drizzle(client)))
}

async function applyMigrations(db: NodePgDatabase): Promise<void> {
  const folders = { migrationsFolder: migrationsFolder(), migrationsSchema: 'recon_migrations' }
  await migrate(db, folders).catch((cause) => {
    throw new UsageError(
      `the database could not be brought up to date, and nothing in it was changed: ${rootOf(cause)}`,
      { exitCode: 1, cause },
    )
  })
}

/** What Postgres said, below the statement that drizzle writes around it. */
function rootOf(error: unknown): string {
  let root = error
  for (let depth = 0; root instanceof Error && root.cause instanceof Error && depth < CAUSE_DEPTH_MAX; depth++) {
    root = root.cause
  }
  return root instanceof Error ? root.message : String(root)
}

/** True when every migration of this version was applied; a newer version may have applied more. */
export const isSchemaCurrent = async (tx: Pick<Tx, 'execute'>): Promise<boolean> =>
  (await compareSchema(tx)) !== 'older'

/** The schema of the database beside the one this version knows. */
export async function compareSchema(tx: Pick<Tx, 'execute'>): Promise<'older' | 'current' | 'newer'> {
  const known = readMigrationFiles({ migrationsFolder: migrationsFolder() })
  const { rows } = await tx.execute<{ latest: string | null }>(
    sql`select max(created_at)::text as latest from recon_migrations.__drizzle_migrations`,
  )
  const ahead = Number(rows[0]?.latest ?? 0) - Math.max(0, ...known.map(({ folderMillis }) => folderMillis))
  return ahead === 0 ? 'current' : ahead > 0 ? 'newer' : 'older'
}

/** `migrations/` lies beside `src/` and beside `dist/`. */
function migrationsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'migrations', 'meta', '_journal.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('the folder migrations/ is missing from this installation')
    folder = parent
  }
  return join(folder, 'migrations')
}
