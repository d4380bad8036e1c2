import type { Job, JobsOptions } from 'bullmq'
import { openPostgresStore } from './postgres-store.ts'
import { openRedisStore } from './redis-store.ts'

export type StoreSettings =
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'redis'; readonly url: string }

export type StoredJob = Job<unknown, unknown, string>

/** The part of BullMQ's `Queue` that we use, the same over both stores. */
export interface StoredQueue {
  add(name: string, payload: unknown, options: JobsOptions): Promise<unknown>
  getJobCounts(
    ...states: ('waiting' | 'prioritized' | 'delayed' | 'active' | 'failed')[]
  ): Promise<Record<string, number>>
  close(): Promise<void>
}

/** The part of BullMQ's `Worker` that we use. */
export interface StoredWorker {
  /** Stops taking jobs and resolves when those in progress are finished. */
  close(): Promise<void>
  disconnect(): Promise<void>
}

export interface WorkerRequest {
  readonly name: string
  readonly concurrency: number
  readonly process: (job: StoredJob, token: string) => Promise<void>
  /** Real milliseconds before the next try. */
  readonly backoffRealMs: (attemptsMade: number) => number
  readonly onError: (error: Error) => void
  readonly onFailed: (job: StoredJob | undefined, error: Error) => void
  readonly onStalled: (jobId: string) => void
}

/** What a store that answers says about itself, each in a sentence for a person; null where all is well. */
export interface StoreState {
  /** Why it takes no new jobs at present. */
  readonly refusal: string | null
  /** Why jobs may get lost in it. */
  readonly danger: string | null
}

export const SOUND_STORE: StoreState = { refusal: null, danger: null }

/** Where jobs are kept: Postgres or Redis. Everything above this interface is one code path. */
export interface Store {
  openQueue(name: string, onError: (error: Error) => void): StoredQueue
  openWorker(request: WorkerRequest): StoredWorker
  /** Rejects when the store does not answer a new connection within a few seconds. */
  probe(): Promise<StoreState>
  /** Cuts all connections. */
  close(): Promise<void>
}

/**
 * Connects to the store and checks that it can hold a queue.
 * @throws UsageError that says what to set when Redis is too old, may evict jobs, or cannot be reached
 */
export const openStore = (settings: StoreSettings, concurrencyMax: number): Promise<Store> =>
  settings.kind === 'postgres' ? openPostgresStore(settings.url, concurrencyMax) : openRedisStore(settings.url)
