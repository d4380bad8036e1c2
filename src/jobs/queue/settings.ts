import type { CallClass } from '../../domain/budget-class.ts'
import { createSystemClock } from '../../domain/clock.ts'

/**
 * A worker renews the lock of its job every half of this. With BullMQ's own 30 s a killed worker is noticed after about
 * a minute; with these values in about ten seconds.
 */
export const LOCK_DURATION_MS = 10_000
/**
 * A job is taken back by the second check that finds it without a lock, and both stores skip a check that comes a moment
 * early: with 5 s the worst case was 20 s, with 2.5 s it is 15.
 */
export const STALLED_INTERVAL_MS = 2_500
/** BullMQ fails a job for good at its second stall whatever `attempts` says; kills of workers are no fault of the job. */
export const STALLED_COUNT_MAX = 20
/** How long a worker waits before it asks again after its connection broke. BullMQ's own 15 s is too long for us. */
export const RETRY_DELAY_MS = 1_000
/** Reconnection delays of Redis grow up to this. */
export const RECONNECT_DELAY_MS_MAX = 2_000
/** An idle worker asks the store again after so long, should a notification be lost. */
export const DRAIN_DELAY_S = 5
/** Finished jobs are kept for people, and so that an id asked for twice runs once. */
export const KEEP_COMPLETED = { age: 3_600, count: 1_000 }
export const KEEP_FAILED = { age: 7 * 86_400, count: 5_000 }
/** BullMQ's own event log, which we do not read. */
export const EVENTS_KEPT = 1_000
export const ATTEMPTS_MAX = 10
export const ENQUEUE_DEADLINE_MS = 10_000
export const PROBE_DEADLINE_MS = 3_000
/** All keys of a queue lie in one slot of a Redis Cluster because of the braces. */
export const REDIS_PREFIX = '{tieout}'
/** The schema in which BullMQ keeps its tables. */
export const POSTGRES_SCHEMA = 'bullmq'

/** BullMQ serves 1 first; 0 comes before all and is used by the canary alone. */
export const PRIORITIES: Readonly<Record<CallClass, number>> = { settle: 1, fresh: 2, detail: 3, backfill: 4 }

/** BullMQ's timestamps are the machine's, whatever clock the jobs are handed. */
export const machineClock = createSystemClock()

const BACKOFF_MS_MIN = 1_000
const BACKOFF_MS_MAX = 60_000

/** Clock milliseconds before try `attemptsMade + 1`: doubling from one second, capped, the upper half of it random. */
export function backoffMs(attemptsMade: number, random: () => number = Math.random): number {
  const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.max(0, attemptsMade - 1))
  return jitter(ceiling, random)
}

/** Between half of `durationMs` and all of it. */
export const jitter = (durationMs: number, random: () => number = Math.random): number =>
  Math.round(durationMs * (0.5 + random() / 2))
