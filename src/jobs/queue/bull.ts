import { type BackendFactory, type IQueueBackend, Queue, Worker } from 'bullmq'
import {
  DRAIN_DELAY_S,
  EVENTS_KEPT,
  KEEP_COMPLETED,
  KEEP_FAILED,
  LOCK_DURATION_MS,
  REDIS_PREFIX,
  RETRY_DELAY_MS,
  STALLED_COUNT_MAX,
  STALLED_INTERVAL_MS,
} from './settings.ts'
import type { StoredQueue, StoredWorker, WorkerRequest } from './store.ts'

/** A connection of ours, and how BullMQ makes a backend of it. */
export interface Connection<Backend extends IQueueBackend, Options> {
  readonly connection: Options
  readonly backendFactory: BackendFactory<Backend, Options>
}

/** What a store needs beyond `StoredQueue` to find jobs that can never run. */
export interface QueueRecords {
  getJobState(jobId: string): Promise<string>
  getJob(jobId: string): Promise<unknown>
  remove(jobId: string): Promise<number>
}

/** Opens BullMQ's queue with every option that matters written out. */
export function openQueueOn<Backend extends IQueueBackend, Options>(
  { connection, backendFactory }: Connection<Backend, Options>,
  name: string,
  onError: (error: Error) => void,
): StoredQueue & QueueRecords {
  const queue = new Queue<unknown, unknown, string, unknown, unknown, string, Backend, Options>(
    name,
    { connection, prefix: REDIS_PREFIX, streams: { events: { maxLen: EVENTS_KEPT } } },
    backendFactory,
  )
  queue.on('error', onError)
  return queue
}

/** Opens BullMQ's worker with every option that matters written out; it takes jobs at once. */
export function openWorkerOn<Backend extends IQueueBackend, Options>(
  { connection, backendFactory }: Connection<Backend, Options>,
  { name, concurrency, process, backoffRealMs, onError, onFailed, onStalled }: WorkerRequest,
): StoredWorker {
  const worker = new Worker<unknown, unknown, string, Backend, number, Options>(
    name,
    (job, token = '') => process(job, token),
    {
      connection,
      prefix: REDIS_PREFIX,
      autorun: true,
      concurrency,
      lockDuration: LOCK_DURATION_MS,
      stalledInterval: STALLED_INTERVAL_MS,
      maxStalledCount: STALLED_COUNT_MAX,
      drainDelay: DRAIN_DELAY_S,
      runRetryDelay: RETRY_DELAY_MS,
      removeOnComplete: KEEP_COMPLETED,
      removeOnFail: KEEP_FAILED,
      settings: { backoffStrategy: backoffRealMs },
    },
    backendFactory,
  )
  worker.on('error', onError)
  worker.on('failed', onFailed)
  worker.on('stalled', onStalled)
  return worker
}
