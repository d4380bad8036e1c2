import { z } from 'zod'
import type { JobContext } from '../context.ts'
import { loadHistoryFrom } from '../db/accounts.ts'
import { runReconcile } from '../reconcile/run.ts'
import { defineJob } from './define-job.ts'
import { lanesOfJudging } from './lanes.ts'
import { askForReads } from './sync/ask-for-reads.ts'

const payload = z.object({ accountId: z.number().int(), scope: z.enum(['marked', 'full']) })

/** Judges what is marked, then asks for the few readings that would decide what is still undecided. */
export const reconcile = defineJob<JobContext>()({
  name: 'reconcile',
  decodePayload: (value) => payload.parse(value),
  lanes: ({ accountId }) => lanesOfJudging(accountId),
  async run({ accountId, scope }, { db, clock, settings, enqueue, log }) {
    // Not what the process began with: a backfill of another one moves it.
    const historyFrom = await loadHistoryFrom(db, accountId)
    const result = await runReconcile(db, { accountId, historyFrom, scope, settings, clock })
    const reads = await askForReads(db, { accountId, historyFrom, result, now: clock.now() })
    for (const pull of reads) await enqueue.pullPage(pull)
    const { undecided, unconfirmedGaps, recurring: _, evidence, ...counts } = result
    const facts = {
      scope,
      ...counts,
      countUndecided: undecided.length,
      countReads: reads.length,
      staleResources: evidence.staleResources,
    }
    const isNews = counts.countOpened + counts.countReopened + counts.countResolved > 0
    if (isNews) log.info(facts, 'mismatches.changed')
    else log.debug(facts, 'reconcile.finished')
    // What it judged is posted, with what was read before. Not by a name of always: one that runs may have looked before.
    await enqueue.postBooks({ accountId, scope: 'marked', cause: String(clock.now()) })
    // Also without news: this job may be the rerun of one that was killed when it had written them.
    await enqueue.alert(isNews ? { accountId, after: String(clock.now()) } : { accountId })
  },
})
