import type { Logger } from 'pino'
import { z } from 'zod'
import type { Enqueue, JobContext, Services } from '../context.ts'
import type { Clock } from '../domain/clock.ts'
import { HelcimError } from '../helcim/errors.ts'
import { alert } from './alert.ts'
import type { JobRun } from './define-job.ts'
import { due } from './due.ts'
import { pullPage } from './pull-page.ts'
import { createQueue, type JobQueue } from './queue/queue.ts'
import type { StoreSettings } from './queue/store.ts'
import { reconcile } from './reconcile.ts'

export const WORKERS = 5

/**
 * Opens the queue with every job there is, and the typed ways to ask for them.
 * @param options `servicesOf` gives what the jobs of an account work with, or null for one that is not ours
 */
export async function openJobs(options: {
  servicesOf: (accountId: number) => Services | null
  clock: Clock
  store: StoreSettings
  log: Logger
}): Promise<{ queue: JobQueue<JobContext>; enqueue: Enqueue }> {
  const { servicesOf, clock, store, log } = options
  const queue = await createQueue<JobContext>({
    store,
    name: 'tieout',
    clock,
    log,
    jobs: [pullPage, reconcile, due, alert],
    contextFor({ log, signal, isLastAttempt }: JobRun, payload) {
      const services = servicesOf(ofAccount.parse(payload).accountId)
      if (services === null) return null
      const accountLog = log.child({ account: services.account.name })
      return { ...services, enqueue, log: accountLog, signal, isLastAttempt }
    },
    isTrouble: (error) => error instanceof HelcimError && error.code === 'HELCIM_UNAVAILABLE',
    concurrency: WORKERS,
  })
  const enqueue = createEnqueue(queue)
  return { queue, enqueue }
}

/** Every job belongs to an account. */
const ofAccount = z.object({ accountId: z.number().int() })

/** Job ids spare work while a job waits; the rows in Postgres are what makes asking twice harmless. */
function createEnqueue(queue: JobQueue<JobContext>): Enqueue {
  return {
    pullPage: ({ accountId, pullId, walk, nextPage: page, callClass }) =>
      queue.enqueue(
        pullPage,
        { accountId, pullId, walk, page, callClass },
        { callClass, jobId: `page-${accountId}-${pullId}-${walk}-${page}`, isForgotten: true },
      ),
    reconcile: ({ accountId, scope, cause }) =>
      queue.enqueue(
        reconcile,
        { accountId, scope },
        { callClass: 'fresh', jobId: `reconcile-${accountId}-${cause}`, isForgotten: true },
      ),
    due: ({ accountId, kind, plannedAt }) =>
      queue.enqueue(due, due.decodePayload({ accountId, kind, plannedAt }), {
        callClass: 'fresh',
        jobId: `due-${accountId}-${kind}-${plannedAt}`,
        isForgotten: true,
      }),
    alert: ({ accountId }) =>
      queue.enqueue(alert, { accountId }, { callClass: 'fresh', jobId: `alert-${accountId}`, isForgotten: true }),
  }
}
