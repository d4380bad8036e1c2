import { toInstant } from '../../src/domain/clock.ts'
import type { ManualClock } from '../sandbox/support.ts'
import { createSleepers } from '../support/sleepers.ts'

/** What its users take for its speed: their real waits, such as backoffs, become short. */
const RATE = 60

/**
 * A clock that goes on by a millisecond whenever it is read, so that what comes later is later, and else only when it
 * is told to: then whoever sleeps until a time that has come wakes up.
 */
export function createJumpingClock(startsAt: number): ManualClock {
  let now = startsAt
  const { sleep, wakeDue } = createSleepers(() => now)
  const set = (to: number) => {
    now = to
    wakeDue()
  }
  return {
    now() {
      now += 1
      return toInstant(now)
    },
    rate: RATE,
    realMs: (durationMs) => durationMs / RATE,
    sleep,
    set: (at) => set(typeof at === 'string' ? Date.parse(at) : at),
    advance: (ms) => set(now + ms),
  }
}
