import type { Lane } from '../define-job.ts'
import { jitter } from './settings.ts'

const DELAY_MS_MIN = 100
const DELAY_MS_MAX = 5_000
/** Who has not come back by then after its delay was run elsewhere, or is behind a long queue: it counts no more. */
const LATE_MS = 5_000

/** Keeps count of running jobs per lane, so that one hanging or flooding lane never holds all workers of a process. */
export interface Lanes {
  /** Takes a place in each of the lanes, or in none and says after how many real milliseconds to ask again. */
  enter(lanes: readonly Lane[], jobId: string): { isAdmitted: true } | { isAdmitted: false; delayMs: number }
  /** @param isInTrouble that what the job needed from outside was not there */
  leave(lanes: readonly Lane[], isInTrouble: boolean): void
}

/**
 * Time is real: `now` gives milliseconds.
 *
 * The more jobs of a lane are waiting outside, the longer each is sent away for: a thousand of them cost no more than a
 * few admissions a second. A lane that is narrowed by trouble has one place until a job of it ends without: whoever
 * hangs holds one worker, and the others of the process are for those who do not.
 */
export function createLanes(now: () => number = () => performance.now()): Lanes {
  const running = new Map<string, number>()
  /** By lane, jobs with when they are back, in the order in which they were sent away. */
  const outside = new Map<string, Map<string, number>>()
  const inTrouble = new Set<string>()

  const isFull = ({ key, cap }: Lane): boolean => (running.get(key) ?? 0) >= (inTrouble.has(key) ? 1 : cap)

  /** Another replica may have run some of those outside. */
  function forgetLate(waiting: Map<string, number>): void {
    for (const [jobId, backAt] of waiting) {
      if (backAt + LATE_MS > now()) return
      waiting.delete(jobId)
    }
  }

  return {
    enter(lanes, jobId) {
      const full = lanes.find(isFull)
      if (full === undefined) {
        for (const { key } of lanes) {
          running.set(key, (running.get(key) ?? 0) + 1)
          const waiting = outside.get(key)
          if (waiting?.delete(jobId) && waiting.size === 0) outside.delete(key)
        }
        return { isAdmitted: true }
      }
      const waiting = outside.get(full.key) ?? new Map<string, number>()
      outside.set(full.key, waiting)
      forgetLate(waiting)
      waiting.delete(jobId)
      const delayMs = jitter(Math.min(DELAY_MS_MAX, DELAY_MS_MIN * (1 + (waiting.size + 1) / 4)))
      waiting.set(jobId, now() + delayMs)
      return { isAdmitted: false, delayMs }
    },
    leave(lanes, isInTrouble) {
      for (const { key, isNarrowedByTrouble } of lanes) {
        const count = (running.get(key) ?? 0) - 1
        if (count > 0) running.set(key, count)
        else running.delete(key)
        if (isInTrouble && isNarrowedByTrouble) inTrouble.add(key)
        else inTrouble.delete(key)
      }
    },
  }
}
