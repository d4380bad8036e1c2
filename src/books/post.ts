import { loadZone } from '../db/accounts.ts'
import { lockBooks } from '../db/books/lock.ts'
import { takeMarks } from '../db/books/marks.ts'
import { loadOpenFrom } from '../db/books/periods.ts'
import { type PostedChanges, postFacts } from '../db/books/post.ts'
import { isPostedBy, storePostingRun } from '../db/books/runs.ts'
import type { Db } from '../db/client.ts'
import type { Clock } from '../domain/clock.ts'
import type { BooksSettings } from '../domain/journal/chart.ts'

export interface PostBooks {
  readonly accountId: number
  /** `marked`: what changed since; `full`: everything, which must find nothing to correct. */
  readonly scope: 'marked' | 'full'
  readonly settings: BooksSettings
  readonly clock: Clock
}

/**
 * Brings the journal in line with the mirror, dating into the first open month what belongs into a closed one: posts what is marked, and before it everything where that was never done, or
 * by other settings or rules. Each in one transaction: killed anywhere it is as if that had never begun.
 */
export async function postBooks(db: Db, input: PostBooks): Promise<PostedChanges> {
  // Whoever marks would wait for whoever took the marks, so that the long one takes none.
  const full = await postAll(db, input)
  const marked = await postMarked(db, input)
  return {
    countPosted: full.countPosted + marked.countPosted,
    countReversed: full.countReversed + marked.countReversed,
  }
}

const NOTHING: PostedChanges = { countPosted: 0, countReversed: 0 }

function postAll(db: Db, { accountId, scope, settings, clock }: PostBooks): Promise<PostedChanges> {
  return db.transaction(async (tx) => {
    await lockBooks(tx, accountId)
    const by = { zone: await loadZone(tx, accountId), cutOffMinutes: settings.cutOffMinutes }
    if (scope === 'marked' && (await isPostedBy(tx, accountId, by))) return NOTHING
    const now = clock.now()
    const changes = await postFacts(tx, {
      accountId,
      ...by,
      scope: 'full',
      openFrom: await loadOpenFrom(tx, accountId),
      now,
    })
    await storePostingRun(tx, { accountId, ...by, scope: 'full', ...changes, now })
    return changes
  })
}

function postMarked(db: Db, { accountId, settings, clock }: PostBooks): Promise<PostedChanges> {
  return db.transaction(async (tx) => {
    await lockBooks(tx, accountId)
    const subjects = await takeMarks(tx, accountId)
    if (subjects === null) return NOTHING
    const by = { zone: await loadZone(tx, accountId), cutOffMinutes: settings.cutOffMinutes }
    const now = clock.now()
    const changes = await postFacts(tx, {
      accountId,
      ...by,
      scope: subjects,
      openFrom: await loadOpenFrom(tx, accountId),
      now,
    })
    if (changes.countPosted + changes.countReversed > 0) {
      await storePostingRun(tx, { accountId, ...by, scope: 'marked', ...changes, now })
    }
    return changes
  })
}
