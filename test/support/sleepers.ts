import type { Clock } from '../../src/domain/clock.ts'

/** Who sleeps by a test's clock until it shows a time. */
export interface Sleepers {
  sleep: Clock['sleep']
  /** Wakes all whose time has come. */
  wakeDue(): void
  /** When the next one wakes; null if none sleeps. */
  nextWake(): number | null
  count(): number
}

/** @param onSleep hears of each new one */
export function createSleepers(now: () => number, onSleep: () => void = () => {}): Sleepers {
  const sleepers = new Set<{ readonly until: number; wake(): void }>()
  return {
    sleep: (durationMs, signal) =>
      new Promise((resolve) => {
        const sleeper = {
          until: now() + durationMs,
          wake() {
            sleepers.delete(sleeper)
            signal?.removeEventListener('abort', sleeper.wake)
            resolve()
          },
        }
        if (durationMs <= 0 || signal?.aborted) return resolve()
        sleepers.add(sleeper)
        signal?.addEventListener('abort', sleeper.wake, { once: true })
        onSleep()
      }),
    wakeDue() {
      for (const sleeper of [...sleepers]) if (sleeper.until <= now()) sleeper.wake()
    },
    nextWake: () => (sleepers.size === 0 ? null : Math.min(...[...sleepers].map(({ until }) => until))),
    count: () => sleepers.size,
  }
}
