import type { Logger } from 'pino'
import { z } from 'zod'
import type { Enqueue, JobContext, Services } from '../context.ts'
import { batchSlug } from '../domain/batch-key.ts'
import type { Clock } from '../domain/clock.ts'
import { isSettleKind } from '../domain/settlement-cut-offs.ts'
import { HelcimError } from '../helcim/errors.ts'
import { alert } from './alert.ts'
import type { JobRun } from './define-job.ts'
import { due } from './due.ts'
import { postBooksJob } from './post-books.ts'
import { pullPage } from './pull-page.ts'
import { createQueue, type JobQueue } from './queue/queue.ts'
import type { StoreSettings } from './queue/store.ts'
import { createStoreLog } from './queue/store-log.ts'
import { reconcile } from './reconcile.ts'
import { confirmAchAttempt, confirmAttempt, settleAchBatch, settleBatch, settleDue } from './settle/jobs.ts'
import { SETTLE_WORKERS, WORKERS } from './workers.ts'

/** The queues of a process: urgent work that moves money has one of its own. */
export interface Queues {
  readonly queue: JobQueue<JobContext>
  readonly settleQueue: JobQueue<JobContext>
}

/**
 * Opens the queues with every job there is, and the typed ways to ask for them.
 * @param options `servicesOf` gives what the jobs of an account work with, or null for one that is not ours
 */
export async function openJobs(options: {
  servicesOf: (accountId: number) => Services | null
  clock: Clock
  store: StoreSettings
  log: Logger
}): Promise<Queues & { enqueue: Enqueue }> {
  const { servicesOf, clock, store, log } = options
  const shared = {
    store,
    storeLog: createStoreLog(log),
    clock,
    log,
    contextFor({ log, signal, isLastAttempt }: JobRun, payload: unknown): JobContext | null {
      const services = servicesOf(ofAccount.parse(payload).accountId)
      if (services === null) return null
      const accountLog = log.child({ account: services.account.name })
      return { ...services, enqueue, log: accountLog, signal, isLastAttempt }
    },
    isTrouble: (error: unknown) => error instanceof HelcimError && error.code === 'HELCIM_UNAVAILABLE',
  }
  const jobs = [pullPage, reconcile, postBooksJob, due, alert]
  const queue = await createQueue<JobContext>({ ...shared, name: 'tieout', jobs, concurrency: WORKERS })
  const settleQueue = await createQueue<JobContext>({
    ...shared,
    name: 'tieout-settle',
    jobs: [settleDue, settleBatch, settleAchBatch, confirmAttempt, confirmAchAttempt],
    concurrency: SETTLE_WORKERS,
  }).catch(async (error: unknown) => {
    await queue.close({ deadlineMs: 1_000 })
    throw error
  })
  const enqueue = createEnqueue({ queue, settleQueue })
  return { queue, settleQueue, enqueue }
}

/** Every job belongs to an account. */
const ofAccount = z.object({ accountId: z.number().int() })

const SETTLING = { callClass: 'settle', isForgotten: true } as const

/** Job ids spare work while a job waits; the rows in Postgres are what makes asking twice harmless. */
function createEnqueue({ queue, settleQueue }: Queues): Enqueue {
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
    postBooks: ({ accountId, scope, cause }) =>
      queue.enqueue(
        postBooksJob,
        { accountId, scope },
        { callClass: 'fresh', jobId: `post-books-${accountId}-${scope}-${cause}`, isForgotten: true },
      ),
    due({ accountId, kind, plannedAt, after }) {
      const jobId = `due-${accountId}-${kind}-${plannedAt}${after === undefined ? '' : `-after-${after}`}`
      if (isSettleKind(kind)) {
        return settleQueue.enqueue(settleDue, { accountId, kind, plannedAt }, { ...SETTLING, jobId })
      }
      const payload = due.decodePayload({ accountId, kind, plannedAt })
      return queue.enqueue(due, payload, { callClass: 'fresh', jobId, isForgotten: true })
    },
    settleBatch({ batch, ...asked }) {
      const options = { ...SETTLING, jobId: `settle-${asked.accountId}-${batchSlug(batch)}` }
      const { kind, id } = batch
      return kind === 'card_batch'
        ? settleQueue.enqueue(settleBatch, { ...asked, cardBatchId: id }, options)
        : settleQueue.enqueue(settleAchBatch, { ...asked, achBatchId: id }, options)
    },
    confirmAttempt({ attempt: { accountId, attemptId, batch }, delayMs }) {
      const job = batch.kind === 'card_batch' ? confirmAttempt : confirmAchAttempt
      const options = { ...SETTLING, delayMs, jobId: `confirm-${accountId}-${attemptId}` }
      return settleQueue.enqueue(job, { accountId, attemptId }, options)
    },
    alert: ({ accountId, after }) =>
      queue.enqueue(
        alert,
        { accountId },
        {
          callClass: 'fresh',
          jobId: `alert-${accountId}${after === undefined ? '' : `-after-${after}`}`,
          isForgotten: true,
        },
      ),
  }
}
