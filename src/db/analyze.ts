import { sql } from 'drizzle-orm'
import type { Tx } from './client.ts'

/** Below it any plan is quick. */
const BYTES_MIN = 1_000_000

/**
 * Has Postgres look at tables that have filled and that it never looked at. It does so by itself within a minute or two, and
 * a statement keeps the plan it began with: a first run right after a first reading joined each invoice with each payment.
 */
export async function analyzeUnknown(db: Tx): Promise<void> {
  const { rows } = await db.execute<{ name: string }>(sql`
    select format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('helcim', 'recon') and c.relkind = 'r' and c.reltuples < 0
      and pg_relation_size(c.oid) >= ${BYTES_MIN}`)
  // One that is being looked at is left out: nobody waits for another one's work.
  for (const { name } of rows) await db.execute(sql.raw(`analyze (skip_locked) ${name}`))
}
