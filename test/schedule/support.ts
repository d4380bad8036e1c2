import { randomInt } from 'node:crypto'
import { pino } from 'pino'
import { type Database, openDatabase } from '../../src/db/client.ts'
import type { DueKey } from '../../src/db/due-work.ts'
import { type Clock, type Instant, toInstant } from '../../src/domain/clock.ts'
import { createTestDatabase } from '../support/database.ts'

export interface ScheduleDatabase {
  /** A pool of its own for each replica. */
  open(): Database
  rows(kind: string): Promise<DueRow[]>
  drop(): Promise<void>
}

export interface DueRow {
  readonly plannedAt: Instant
  readonly outcome: string | null
  readonly reason: string | null
  readonly attempts: number
  readonly isEnqueued: boolean
}

/** A migrated database of the test's own. */
export async function createScheduleDatabase(): Promise<ScheduleDatabase> {
  const copy = await createTestDatabase()
  const opened: Database[] = []
  const open = () => {
    const database = openDatabase(copy.url, { maxConnections: 3, onError: () => {} })
    opened.push(database)
    return database
  }
  const own = open()
  return {
    open,
    async rows(kind) {
      const { rows } = await own.pool.query<{
        planned_at: Date
        outcome: string | null
        reason: string | null
        attempts: number
        enqueued_at: Date | null
      }>(
        `select planned_at, outcome, reason, attempts, enqueued_at from recon.due_work where kind = $1 order by planned_at`,
        [kind],
      )
      return rows.map(({ planned_at, outcome, reason, attempts, enqueued_at }) => ({
        plannedAt: toInstant(planned_at.getTime()),
        outcome,
        reason,
        attempts,
        isEnqueued: enqueued_at !== null,
      }))
    },
    async drop() {
      await Promise.all(opened.map((database) => database.close()))
      await copy.drop()
    },
  }
}

/** A clock that only a hand moves; whoever sleeps on it wakes when it is moved far enough, or at the abort. */
export function createHandClock(startsAt: string): Clock & { move(durationMs: number): void } {
  let now = Date.parse(startsAt)
  const sleepers = new Set<{ until: number; wake: () => void }>()
  return {
    now: () => toInstant(now),
    rate: 60,
    realMs: (durationMs) => durationMs / 60,
    sleep: (durationMs, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const sleeper = {
          until: now + durationMs,
          wake() {
            sleepers.delete(sleeper)
            resolve()
          },
        }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', sleeper.wake, { once: true })
      }),
    move(durationMs) {
      now += durationMs
      for (const sleeper of [...sleepers]) if (sleeper.until <= now) sleeper.wake()
    },
  }
}

/** Like the real one it takes an id once while it knows it, and forgets everything when it is flushed. */
export function createTestQueue() {
  const waiting = new Map<string, DueKey>()
  const queue = {
    isAway: false,
    enqueue: async (due: DueKey): Promise<void> => {
      if (queue.isAway) throw new Error('the queue is away')
      waiting.set(idOf(due), due)
    },
    take(): DueKey[] {
      const taken = [...waiting.values()]
      waiting.clear()
      return taken
    },
    flush: () => waiting.clear(),
    size: () => waiting.size,
  }
  return queue
}

export const idOf = ({ accountId, kind, plannedAt }: DueKey): string => `${accountId}-${kind}-${plannedAt}`

export function createTestLog() {
  const lines: { level: number; msg: string; kind?: string }[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  return { log, named: (msg: string) => lines.filter((line) => line.msg === msg) }
}

/** A reproducible random source: mulberry32. `TIEOUT_SEED` repeats a run. */
export function createRandom(): { seed: number; next: () => number; below: (end: number) => number } {
  const seed = Number(process.env.TIEOUT_SEED ?? randomInt(2 ** 31))
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { seed, next, below: (end) => Math.floor(next() * end) }
}
