import type { Tx } from '../../db/client.ts'
import { createPull, largestPageSeen, type Pull } from '../../db/pulls.ts'
import { listUnlistedBatches, UNLISTED_CAUSE } from '../../db/unlisted-batches.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import { isRoundSize } from '../../domain/pull.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { WalkEnd } from './resource.ts'

/** Asked for by one reading of the list; the next one goes on. */
const READS_MAX = 10
const HOUR_MS = 3_600_000
/** One that is there though the list does not hold it is asked for again so much later. */
const ANSWERED_FOR_MS = 7 * 24 * HOUR_MS
/** One of which no answer came. */
const TRIED_AGAIN_MS = HOUR_MS

/**
 * Asks by their id for batches that we know and a complete reading of the list did not return. That the list lacks them
 * proves nothing, as it may be cut short without a word: that Helcim does not know their id does.
 */
export async function askForUnlisted(tx: Tx, { pull: list, ids, now }: WalkEnd): Promise<Pull[]> {
  const { accountId, resource, pullId, walkStartedAt: readAt } = list
  const batchIds = await listUnlistedBatches(tx, {
    accountId,
    listedIds: ids,
    readAt,
    within: (await mayBeCut(tx, list, ids.length)) ? extentOf(ids) : null,
    answeredSince: before(now, ANSWERED_FOR_MS),
    askedSince: before(now, TRIED_AGAIN_MS),
    limit: READS_MAX,
  })
  const asked = { accountId, resource, callClass: 'detail', pageLimit: list.pageLimit, now } as const
  const pulls: Pull[] = []
  for (const id of batchIds) {
    const window = { kind: 'one' as const, id }
    pulls.push((await createPull(tx, { ...asked, window, cause: `${UNLISTED_CAUSE} by ${pullId}` })).pull)
  }
  return pulls
}

/** So many rows as servers like to cut at, and never more: what it lacks before its first row or behind its last one may be cut off. */
export async function mayBeCut(tx: Tx, { accountId, resource }: Pull, countRows: number): Promise<boolean> {
  return isRoundSize(countRows) && countRows >= (await largestPageSeen(tx, accountId, resource))
}

const extentOf = (ids: readonly HelcimId[]) => ({
  from: ids.reduce((min, id) => (id < min ? id : min)),
  to: ids.reduce((max, id) => (id > max ? id : max)),
})

const before = (now: Instant, ms: number): Instant => toInstant(now - ms)
