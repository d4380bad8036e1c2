import { sql } from 'drizzle-orm'
import type { Tx } from './client.ts'

/** An account is judged by one at a time, and stands still for whoever needs all of its judgements, until the transaction ends. */
export async function lockJudging(tx: Tx, accountId: number): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`reconcile ${accountId}`}))`)
}
