import { sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { HelcimId } from '../domain/record.ts'
import type { Tx } from './client.ts'
import { arrayOf, timestamp } from './sql-values.ts'

/** Begins the cause of a reading by its id of a batch that a list did not hold. */
export const UNLISTED_CAUSE = 'unlisted'

/**
 * Batches that were there before a list was read, and are not on it. Left out are those asked for by their id for this
 * reason since `answeredSince`, or, where no answer came of it, since `askedSince`.
 * @param input `within`: ids between which the list is known to hold all; null for everywhere
 * @returns at most `limit`, the newest first
 */
export async function listUnlistedBatches(
  tx: Tx,
  input: {
    accountId: number
    listedIds: readonly HelcimId[]
    readAt: Instant
    within: { from: HelcimId; to: HelcimId } | null
    answeredSince: Instant
    askedSince: Instant
    limit: number
  },
): Promise<HelcimId[]> {
  const { accountId, listedIds, readAt, within, answeredSince, askedSince, limit } = input
  const { rows } = await tx.execute<{ card_batch_id: string }>(sql`
    select card_batch_id from helcim.card_batches b
    where account_id = ${accountId} and vanished_at is null and observed_at < ${timestamp(readAt)}
      -- Not by an array: with thousands of batches each is compared with all of them where Postgres is older than 15.
      and not exists (select from unnest(${arrayOf(listedIds)}::bigint[]) as listed(id) where listed.id = b.card_batch_id)
      ${within === null ? sql`` : sql`and card_batch_id between ${within.from} and ${within.to}`}
      and not exists (
        select from recon.pulls p
        where p.account_id = ${accountId} and p.resource = 'card_batch' and p.window_kind = 'one'
          and p.subject = b.card_batch_id::text and starts_with(p.cause, ${UNLISTED_CAUSE})
          and p.started_at > case p.state when 'complete' then ${timestamp(answeredSince)} else ${timestamp(askedSince)} end)
    order by card_batch_id desc limit ${limit}`)
  return rows.map((row) => BigInt(row.card_batch_id))
}
