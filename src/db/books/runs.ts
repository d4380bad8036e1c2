import { and, desc, eq } from 'drizzle-orm'
import type { Instant } from '../../domain/clock.ts'
import { RULES_VERSION } from '../../domain/journal/rules.ts'
import type { Tx } from '../client.ts'
import { postingRuns } from '../schema/books.ts'
import type { PostedChanges } from './post.ts'

/** By what the mirror was posted. */
export interface PostedBy {
  readonly zone: string
  readonly cutOffMinutes: number
}

/** Whether all of the mirror was posted by these settings; what was marked since may still wait. */
export async function isPostedBy(tx: Tx, accountId: number, { zone, cutOffMinutes }: PostedBy): Promise<boolean> {
  const last = await loadPostedBy(tx, accountId)
  return last?.zone === zone && last.cutOffMinutes === cutOffMinutes && last.rulesVersion === RULES_VERSION
}

/** By what all of the mirror was last posted; null where it never was. */
export async function loadPostedBy(
  tx: Tx,
  accountId: number,
): Promise<(PostedBy & { readonly rulesVersion: number }) | null> {
  const [last] = await tx
    .select()
    .from(postingRuns)
    .where(and(eq(postingRuns.accountId, accountId), eq(postingRuns.scope, 'full')))
    .orderBy(desc(postingRuns.runId))
    .limit(1)
  return last ?? null
}

/** Notes a posting. */
export async function storePostingRun(
  tx: Tx,
  run: PostedBy & PostedChanges & { accountId: number; scope: 'marked' | 'full'; now: Instant },
): Promise<void> {
  const { now, ...values } = run
  await tx.insert(postingRuns).values({ ...values, rulesVersion: RULES_VERSION, postedAt: new Date(now) })
}
