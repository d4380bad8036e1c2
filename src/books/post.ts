import { loadZone } from '../db/accounts.ts'
import type { MarkedSubjects } from '../db/books/facts.ts'
import { lockBooks } from '../db/books/lock.ts'
import { takeBooksMarks } from '../db/books/marks.ts'
import { loadOpenFrom } from '../db/books/periods.ts'
import { type PostedChanges, postFacts } from '../db/books/post.ts'
import { isPostedBy, type PostedBy, storePostingRun } from '../db/books/runs.ts'
import type { Db, Tx } from '../db/client.ts'
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
 * Brings the journal in line with the mirror, dating into the first open month what belongs into a closed one: posts what
 * is marked, and before it everything where that was never done, or by other settings or rules. Each in one transaction:
 * killed anywhere it is as if that had never begun.
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

function postAll(db: Db, input: PostBooks): Promise<PostedChanges> {
  const { accountId, scope } = input
  return db.transaction(async (tx) => {
    await lockBooks(tx, accountId)
    const by = await postingBy(tx, input)
    if (scope === 'marked' && (await isPostedBy(tx, accountId, by))) return NOTHING
    return post(tx, input, by, 'full')
  })
}

function postMarked(db: Db, input: PostBooks): Promise<PostedChanges> {
  const { accountId } = input
  return db.transaction(async (tx) => {
    await lockBooks(tx, accountId)
    const subjects = await takeBooksMarks(tx, accountId)
    return subjects === null ? NOTHING : post(tx, input, await postingBy(tx, input), subjects)
  })
}

const postingBy = async (tx: Tx, { accountId, settings }: PostBooks): Promise<PostedBy> => ({
  zone: await loadZone(tx, accountId),
  cutOffMinutes: settings.cutOffMinutes,
})

/** Posts, and notes that it did: of everything always, of what was marked only where it changed something. */
async function post(
  tx: Tx,
  { accountId, clock }: PostBooks,
  by: PostedBy,
  scope: 'full' | MarkedSubjects,
): Promise<PostedChanges> {
  const now = clock.now()
  const changes = await postFacts(tx, { accountId, ...by, scope, openFrom: await loadOpenFrom(tx, accountId), now })
  if (scope === 'full') await storePostingRun(tx, { accountId, ...by, scope, ...changes, now })
  else if (changes.countPosted + changes.countReversed > 0)
    await storePostingRun(tx, { accountId, ...by, scope: 'marked', ...changes, now })
  return changes
}
