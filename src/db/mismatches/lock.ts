import { type SQL, sql } from 'drizzle-orm'
import type { Instant } from '../../domain/clock.ts'
import type { Tx } from '../client.ts'
import { timestamp } from '../sql-values.ts'

/**
 * Held until the transaction ends by whoever changes mismatches of an account, and taken in a statement of its own: the
 * next one then sees what the former holder committed, so that a run and a person never act on a state that is gone,
 * and events are numbered in the order in which they are committed.
 */
export async function lockMismatches(tx: Tx, accountId: number): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`mismatches ${accountId}`}))`)
}

/**
 * When an event happened: `now`, but never before the mismatch's last event. A run that began before midnight may be
 * written after what a person did past midnight; its days would not add up.
 */
export const eventInstant = (accountId: number, mismatchId: SQL, now: Instant): SQL => sql`
  greatest(${timestamp(now)}, (
    select max(e.at) from recon.mismatch_events e where e.account_id = ${accountId} and e.mismatch_id = ${mismatchId}))`
