/** Milliseconds since the Unix epoch. An instant knows no zone; `calendar.ts` turns it into local dates. */
export type Instant = number & { readonly __brand: 'Instant' }

export const toInstant = (epochMs: number): Instant => epochMs as Instant

/**
 * The only source of "now". Everything that waits or compares with the present is handed one of these, so that a
 * simulated month runs in minutes with schedules, windows and graces in step (`TIEOUT_CLOCK`).
 */
export interface Clock {
  now(): Instant
  /** Clock milliseconds that pass in one real millisecond: 1 except for simulations. */
  readonly rate: number
  /** Real milliseconds in which `durationMs` of this clock pass. */
  realMs(durationMs: number): number
  /** Resolves after `durationMs` of this clock, or at once when `signal` aborts; never rejects. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>
}

/** The machine's own clock. */
export const createSystemClock = (): Clock => createScaledClock(() => toInstant(Date.now()), 1)

/** A clock that shows `startsAt` now and runs `rate` times as fast as the machine's. */
export function createSimulatedClock(startsAt: Instant, rate: number): Clock {
  const realStart = performance.now()
  return createScaledClock(() => toInstant(Math.floor(startsAt + (performance.now() - realStart) * rate)), rate)
}

/** Resolves once `clock` shows `at`, which a timer alone may miss by a moment, or at once when `signal` aborts. */
export async function sleepUntil(clock: Clock, at: Instant, signal?: AbortSignal): Promise<void> {
  while (clock.now() < at && signal?.aborted !== true) await clock.sleep(at - clock.now(), signal)
}

/**
 * Parses `TIEOUT_CLOCK`: `<ISO instant>@<rate>`, e.g. `2026-10-01T06:00:00Z@600`.
 * @throws Error whose message says what is wrong with the text
 */
export function parseClock(text: string): { startsAt: Instant; rate: number } {
  const at = text.lastIndexOf('@')
  const startsAt = Date.parse(text.slice(0, at))
  const rate = Number(text.slice(at + 1))
  const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/.test(text.slice(0, at))
  if (at < 1 || !hasZone || Number.isNaN(startsAt) || !(rate > 0 && rate <= 100_000)) {
    throw new Error('must look like 2026-10-01T06:00:00Z@600: an instant with its zone, @, and a rate up to 100000')
  }
  return { startsAt: toInstant(startsAt), rate }
}

function createScaledClock(now: () => Instant, rate: number): Clock {
  const realMs = (durationMs: number) => durationMs / rate
  return {
    now,
    rate,
    realMs,
    sleep(durationMs, signal) {
      return new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const finish = () => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', finish)
          resolve()
        }
        const timer = setTimeout(finish, realMs(durationMs))
        signal?.addEventListener('abort', finish, { once: true })
      })
    },
  }
}

/** With its offset: an instant that every zone reads alike. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/

/** Reads an instant as people write it: `2026-10-31T17:00:00Z`. @returns null for what is none */
export function parseInstant(text: string): Instant | null {
  const at = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? null : toInstant(at)
}
