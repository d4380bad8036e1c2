import { and, eq, max } from 'drizzle-orm'
import { type Instant, toInstant } from '../domain/clock.ts'
import type { Tx } from './client.ts'
import { runs } from './schema/recon.ts'

/** When everything was judged last; null while it never was. */
export async function loadLastFullRun(tx: Tx, accountId: number): Promise<Instant | null> {
  const [row] = await tx
    .select({ at: max(runs.finishedAt) })
    .from(runs)
    .where(and(eq(runs.accountId, accountId), eq(runs.scope, 'full')))
  return row?.at ? toInstant(row.at.getTime()) : null
}
