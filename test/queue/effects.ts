import pg from 'pg'
import { createTestDatabase } from '../support/database.ts'

export type Effects = Awaited<ReturnType<typeof openEffects>>

/** Side effects as every job of ours has them: rows under a key, beside a plain log of every attempt to write one. */
export async function openEffects(databaseUrl: string) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 })
  pool.on('error', () => {})
  await pool.query('create table if not exists effects (key text primary key)')
  await pool.query('create table if not exists tries (key text not null)')
  const count = async (table: 'effects' | 'tries') =>
    Number((await pool.query(`select count(*) from ${table}`)).rows[0].count)
  return {
    async write(key: string): Promise<void> {
      // At once: who sees the try sees its effect.
      await pool.query(
        'with tried as (insert into tries values ($1)) insert into effects values ($1) on conflict do nothing',
        [key],
      )
    },
    countEffects: () => count('effects'),
    countTries: () => count('tries'),
    close: () => pool.end(),
  }
}

/** The same in a database of the test's own, which other processes reach by its URL. */
export async function createEffects(): Promise<Effects & { url: string; name: string; drop(): Promise<void> }> {
  const { url, name, drop } = await createTestDatabase()
  const effects = await openEffects(url)
  return {
    ...effects,
    url,
    name,
    async drop() {
      await effects.close()
      await drop()
    },
  }
}
