import { sql } from 'drizzle-orm'
import type { Tx } from '../client.ts'

/** Whoever writes into the books of an account does so one after the other, until the transaction ends. */
export async function lockBooks(tx: Tx, accountId: number): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`books ${accountId}`}))`)
}
