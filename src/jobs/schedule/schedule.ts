import nodeCron from 'node-cron'
import type { Logger } from 'pino'
import type { Db } from '../../db/client.ts'
import type { DueKey } from '../../db/due-work.ts'
import { assertCron, isTimeZone } from '../../domain/calendar.ts'
import { type Clock, type Instant, sleepUntil, toInstant } from '../../domain/clock.ts'
import { createPlanner, type ScheduleEntry } from './planner.ts'

export interface ScheduleSettings {
  readonly db: Db
  readonly clock: Clock
  /** All of them of one account. */
  readonly accountId: number
  readonly entries: readonly ScheduleEntry[]
  /** Asked again for as long as the work is unfinished: it must be idempotent by account, kind and planned instant. */
  readonly enqueue: (due: DueKey) => Promise<void>
  readonly log: Logger
  /**
   * Where a kind begins that was never planned before; the clock's now where not given. Handed the same instant at each
   * start (an account's creation), nothing is missed by a daemon that is away when the very first work is due.
   */
  readonly startsAt?: Instant
}

export interface Schedule {
  /**
   * Records what came due, supersedes what a later one makes needless and enqueues the rest. Never rejects: what fails
   * is logged and tried at the next tick. Ticks that come while one runs share the one after it.
   */
  tick(): Promise<void>
  /** Ticks at once, then at the planned instants and each minute. Resolves after the first tick. */
  start(): Promise<void>
  /** Ends all of it and waits for a running tick. There is no way back. */
  stop(): Promise<void>
}

/**
 * Turns crons into rows of due work and those into jobs. Every replica has one of these and nothing is elected: a row's
 * key lets each planned instant through once, and the rows repair whatever a queue or a daemon that was away forgot.
 * @throws Error when an entry's cron or zone cannot be read
 */
export function createSchedule(settings: ScheduleSettings): Schedule {
  const { clock, entries, log } = settings
  assertEntries(entries)
  const plan = createPlanner({ ...settings, startsAt: settings.startsAt ?? clock.now() })
  const stopping = new AbortController()
  let running: Promise<void> | null = null
  let next: Promise<void> | null = null
  let wakers: { destroy(): void | Promise<void> }[] = []
  let sweeping: Promise<void> | null = null

  function tick(): Promise<void> {
    if (stopping.signal.aborted) return running ?? Promise.resolve()
    if (running) {
      next ??= running.then(() => {
        next = null
        return tick()
      })
      return next
    }
    running = plan().finally(() => {
      running = null
    })
    return running
  }

  async function sweep(): Promise<void> {
    while (!stopping.signal.aborted) {
      // A simulated clock has no wakers: there the sweeps themselves fall on the minute, as crons do.
      const now = clock.now()
      const nextAt = clock.rate === 1 ? now + SWEEP_MS : (Math.floor(now / SWEEP_MS) + 1) * SWEEP_MS
      await sleepUntil(clock, toInstant(nextAt), stopping.signal)
      await tick()
    }
  }

  return {
    tick,
    async start() {
      if (sweeping || stopping.signal.aborted) throw new Error('a schedule starts once')
      const first = tick()
      sweeping = first.then(sweep)
      if (clock.rate === 1) {
        const wake = async (at: Date) => {
          await sleepUntil(clock, toInstant(at.getTime()), stopping.signal)
          await tick()
        }
        wakers = createWakers(entries, wake, log)
      }
      await first
    },
    async stop() {
      stopping.abort()
      await Promise.all(wakers.map((waker) => waker.destroy()))
      await Promise.all([running, next, sweeping])
    },
  }
}

const SWEEP_MS = 60_000

/** Timers at the planned instants. Only the rows decide what runs: one that fires late, twice or never does no harm. */
function createWakers(entries: readonly ScheduleEntry[], wake: (at: Date) => Promise<void>, log: Logger) {
  const logger = {
    info: (message: string) => log.debug({ message }, 'schedule.cron_said'),
    warn: (message: string) => log.debug({ message }, 'schedule.cron_said'),
    debug: (message: string | Error) => log.debug({ message: String(message) }, 'schedule.cron_said'),
    error: (message: string | Error, error?: Error) =>
      log.warn({ message: String(message), err: error }, 'schedule.cron_failed'),
  }
  // Entries often share a cron. What node-cron cannot read although our calendar can is left to the sweeps.
  const distinct = new Map(entries.map((entry) => [`${entry.cron} ${entry.zone}`, entry]))
  return [...distinct.values()]
    .filter(({ cron }) => nodeCron.validate(cron))
    .map(({ cron, zone }) =>
      nodeCron.schedule(cron, ({ date }) => wake(date), { timezone: zone, suppressMissedWarning: true, logger }),
    )
}

function assertEntries(entries: readonly ScheduleEntry[]): void {
  const kinds = new Set<string>()
  for (const { kind, cron, zone } of entries) {
    assertCron(cron)
    if (!isTimeZone(zone)) throw new Error(`"${zone}" is not a time zone like America/Edmonton.`)
    if (kinds.has(kind)) throw new Error(`there are two schedules for ${kind}`)
    kinds.add(kind)
  }
}
