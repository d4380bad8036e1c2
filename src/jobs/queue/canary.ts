import { randomBytes } from 'node:crypto'
import { jitter, machineClock } from './settings.ts'
import type { StoredJob, StoredQueue } from './store.ts'

export const CANARY_NAME = 'canary'
/** A canary older than this belongs to a process that is gone. */
const AGE_MS_MAX = 60_000
const PASS_ON_MS = 200

/**
 * Several replicas share a queue, so a canary of one will often reach another. It says for whom it is: any other worker
 * takes it as a proof of its own life and puts it back for a moment. The stores serve idle workers in turn (Redis) or
 * all alike (Postgres), so within a minute of some hundred rounds each living replica is reached.
 */
export interface Canary {
  send(queue: StoredQueue): Promise<void>
  /** For a canary that arrived: undefined when it is done with, else the real milliseconds to put it back for. */
  receive(job: StoredJob): number | undefined
}

export function createCanary(): Canary {
  const replica = `r${randomBytes(6).toString('hex')}`
  return {
    async send(queue) {
      await queue.add(
        CANARY_NAME,
        { replica },
        // One at a time per replica, and served before any job of ours.
        { jobId: `${CANARY_NAME}-${replica}`, priority: 0, attempts: 1, removeOnComplete: true, removeOnFail: true },
      )
    },
    receive(job) {
      const isMine = job.id === `${CANARY_NAME}-${replica}`
      return isMine || ageMs(job) > AGE_MS_MAX ? undefined : jitter(PASS_ON_MS)
    },
  }
}

/** By the machine's clock, as BullMQ's own timestamps are. */
const ageMs = (job: StoredJob): number => machineClock.now() - job.timestamp
