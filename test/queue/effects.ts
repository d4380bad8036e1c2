import pg from 'pg'

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
      await pool.query('insert into tries values ($1)', [key])
      await pool.query('insert into effects values ($1) on conflict do nothing', [key])
    },
    countEffects: () => count('effects'),
    countTries: () => count('tries'),
    close: () => pool.end(),
  }
}
