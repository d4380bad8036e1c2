import type { Logger } from 'pino'
import type { CallClass } from '../../domain/budget-class.ts'
import type { Clock } from '../../domain/clock.ts'
import { OperatingError } from '../../domain/operating-error.ts'
import type { AnyJob, JobDefinition, JobRun } from '../define-job.ts'
import { CANARY_NAME, createCanary } from './canary.ts'
import { closeWithin } from './close.ts'
import { createLanes } from './lanes.ts'
import { createProcessor, type Processor } from './process-job.ts'
import { ATTEMPTS_MAX, backoffMs, ENQUEUE_DEADLINE_MS, PRIORITIES } from './settings.ts'
import { openStore, type StoredWorker, type StoreSettings } from './store.ts'
import type { StoreLog } from './store-log.ts'
import { createTally, type JobTally } from './tally.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'

export interface QueueSettings<Context> {
  readonly store: StoreSettings
  readonly storeLog: StoreLog
  /** Jobs of another name never wait behind this queue's: `settle` has a queue and a worker of its own. */
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
  readonly jobs: readonly AnyJob<Context>[]
  /** Null for work of an account that is not among this process's: it is left to others for a while, then dropped. */
  readonly contextFor: (run: JobRun, payload: unknown) => Context | null
  /** True where an error of a job says that what it needs from outside is away; see `Lane`. */
  readonly isTrouble?: (error: unknown) => boolean
  /** Jobs that the worker runs at once; also sizes the pool. */
  readonly concurrency: number
}

export interface EnqueueOptions {
  /** Urgent classes are served first. */
  readonly callClass: CallClass
  /** Begins with a letter, has no colon. While a job of this id is known, asking for it again does nothing. */
  readonly jobId?: string
  /** Clock milliseconds. */
  readonly delayMs?: number
  /**
   * Forgets the job as soon as it ended, so that its id may be used again. For work whose record is a row in Postgres.
   */
  readonly isForgotten?: boolean
}

export interface WorkerSettings {
  /** Called once when the worker is dead beyond repair: the process should exit and be started anew. */
  readonly onDead: (reason: string) => void
  /** Real milliseconds; a minute unless a test is in a hurry. */
  readonly deadAfterMs?: number
}

export interface QueueHealth {
  /** It answers, and takes jobs. */
  readonly isStoreReachable: boolean
  readonly isWorking: boolean
  readonly countRunning: number
  /** Real milliseconds since a job last reached this worker; null without a worker. */
  readonly silenceMs: number | null
}

export interface JobQueue<Context> {
  /**
   * Puts a job into the queue.
   * @throws OperatingError `QUEUE_UNREACHABLE`, to be tried again: an id makes that harmless
   */
  enqueue<Payload>(
    job: JobDefinition<string, Payload, Context>,
    payload: Payload,
    options: EnqueueOptions,
  ): Promise<void>
  startWorker(settings: WorkerSettings): void
  /** Jobs by state, all replicas together. */
  counts(): Promise<{ waiting: number; delayed: number; active: number; failed: number }>
  health(): QueueHealth
  /** How runs of jobs in this process ended since it started. */
  tally(): readonly JobTally[]
  /**
   * Takes no more jobs, lets those in progress end, fires their signal after half of `deadlineMs`, and puts back what
   * then still runs. Resolves within `deadlineMs`, also while the store is away.
   */
  close(options: { deadlineMs: number }): Promise<void>
}

const DEAD_AFTER_MS = 60_000

/**
 * The queue, the same over both stores: jobs live in Postgres or Redis, and any number of processes work them off. A job
 * runs at least once; that it takes effect once is the business of its rows in Postgres.
 * @throws UsageError when the store cannot hold a queue, see `openStore`
 */
export async function createQueue<Context>(settings: QueueSettings<Context>): Promise<JobQueue<Context>> {
  const { name, clock, log, concurrency, storeLog } = settings
  const jobs = new Map(settings.jobs.map((job) => [job.name, job]))
  if (jobs.size !== settings.jobs.length || jobs.has(CANARY_NAME)) throw new Error('a job name is used twice')

  const store = await openStore(settings.store, concurrency)
  const queue = store.openQueue(name, storeLog.errors.report)
  const canary = createCanary()
  const tally = createTally(jobs)
  let worker: StoredWorker | undefined
  let watchdog: Watchdog | undefined
  let isClosing = false
  const processor: Processor = createProcessor({
    jobs,
    contextFor: settings.contextFor,
    clock,
    log,
    isTrouble: settings.isTrouble ?? (() => false),
    lanes: createLanes(),
    canary,
    onArrival: () => watchdog?.proveAlive(),
  })

  return {
    async enqueue(job, payload, options) {
      if (jobs.get(job.name) !== job) throw new Error(`the job "${job.name}" is not in this queue's registry`)
      const stored = toStored(payload)
      job.decodePayload(stored)
      const { callClass, jobId, delayMs = 0, isForgotten = false } = options
      if (jobId !== undefined && !/^[A-Za-z][^:]*$/.test(jobId)) throw new Error(`"${jobId}" cannot be a job's id`)
      const added = queue.add(job.name, stored, {
        ...(jobId !== undefined && { jobId }),
        priority: PRIORITIES[callClass],
        delay: Math.ceil(clock.realMs(delayMs)),
        attempts: job.attemptsMax ?? ATTEMPTS_MAX,
        backoff: { type: 'capped' },
        stackTraceLimit: 10,
        ...(isForgotten && { removeOnComplete: true, removeOnFail: true }),
      })
      await withinDeadline(added)
    },

    startWorker({ onDead, deadAfterMs = DEAD_AFTER_MS }) {
      if (worker || isClosing) throw new Error('a queue has one worker in its life')
      worker = store.openWorker({
        name,
        concurrency,
        process: (job, token) => tally.count(job.name, processor.process(job, token)),
        backoffRealMs: (attemptsMade) => Math.ceil(clock.realMs(backoffMs(attemptsMade))),
        onError: storeLog.errors.report,
        onFailed: (job, error) => {
          // Whatever fails in `run` was logged there; a job that stalled too often never gets that far.
          if (job?.stalledCounter && /stalled/.test(error.message)) {
            log.error({ job: job.name, jobId: job.id, err: error }, 'job.stalled_for_good')
          }
        },
        onStalled: (jobId) => log.warn({ jobId }, 'job.stalled'),
      })
      watchdog = startWatchdog({
        probe: store.probe,
        onState: storeLog.states.watch(),
        sendCanary: () => canary.send(queue),
        isBusy: () => processor.countRunning() >= concurrency,
        onDead: (reason) => {
          log.error({ reason }, 'queue.worker_died')
          onDead(reason)
        },
        deadAfterMs,
        intervalMs: deadAfterMs / 6,
      })
    },

    async counts() {
      const counts = await withinDeadline(queue.getJobCounts('waiting', 'prioritized', 'delayed', 'active', 'failed'))
      const { waiting = 0, prioritized = 0, delayed = 0, active = 0, failed = 0 } = counts
      return { waiting: waiting + prioritized, delayed, active, failed }
    },

    health: () => ({
      isStoreReachable: watchdog?.isStoreReachable() ?? true,
      isWorking: worker !== undefined && !isClosing,
      countRunning: processor.countRunning(),
      silenceMs: watchdog?.ageMs() ?? null,
    }),

    tally: tally.list,

    async close({ deadlineMs }) {
      if (isClosing) return
      isClosing = true
      watchdog?.stop()
      await closeWithin({ deadlineMs, queue, worker, processor, store })
      storeLog.errors.flush()
    },
  }
}

/** Payloads travel as JSON, where an id that is bigint becomes its decimal text. */
const toStored = (payload: unknown): unknown =>
  JSON.parse(JSON.stringify(payload, (_key, value) => (typeof value === 'bigint' ? value.toString() : value)))

async function withinDeadline<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ENQUEUE_DEADLINE_MS} ms`)), ENQUEUE_DEADLINE_MS)
  })
  try {
    return await Promise.race([work, deadline])
  } catch (cause) {
    // What the store may still answer after the deadline is nobody's business any more.
    work.catch(() => {})
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatingError('QUEUE_UNREACHABLE', `The queue did not take or tell anything: ${reason}`, {
      retry: { kind: 'backoff' },
      cause,
    })
  } finally {
    clearTimeout(timer)
  }
}
