import type { Logger } from 'pino'
import type { Db } from '../../db/client.ts'
import { type DueKey, type DueState, insertDue, loadDueStates, noteEnqueued, supersede } from '../../db/due-work.ts'
import { noteSchedules } from '../../db/schedules.ts'
import { plannedInstants } from '../../domain/calendar.ts'
import { type Clock, type Instant, toInstant } from '../../domain/clock.ts'

export interface ScheduleEntry {
  /** At most one entry of an account has it. */
  readonly kind: string
  /** Five fields, see `plannedInstants`. */
  readonly cron: string
  /** IANA name. */
  readonly zone: string
  /**
   * For work that must not be made up after a change: all that it is planned by beside cron and zone, as one text. Only
   * instants that passed while all of that was as it is now are ever due. Without it any that was missed is.
   */
  readonly setting?: string
}

export interface PlannerSettings {
  readonly db: Db
  readonly clock: Clock
  readonly accountId: number
  readonly entries: readonly ScheduleEntry[]
  readonly enqueue: (due: DueKey) => Promise<void>
  readonly log: Logger
  /** Where a kind begins that was never planned before. */
  readonly startsAt: Instant
}

/** Bounds one statement after a long downtime. */
const INSERT_COUNT_MAX = 5_000
/**
 * What was begun and has not ended so long after its planned instant is given up once a later one is due. Bounds what a
 * sweep enqueues while nothing comes to its end, such as when Helcim is away for days.
 */
const ABANDONED_AFTER_MS = 6 * 3_600_000

/**
 * @returns what records all that came due until now, supersedes what a later one makes needless and enqueues the rest.
 *   It never rejects: what fails is logged, and is made up for when it is called again.
 */
export function createPlanner(settings: PlannerSettings): () => Promise<void> {
  const { db, clock, accountId, entries, log } = settings
  const kinds = entries.map(({ kind }) => kind)
  const createdAt = clock.now()
  let since: ReadonlyMap<string, Instant> | null = null

  return async () => {
    const now = clock.now()
    try {
      since ??= await noteSchedules(db, { accountId, settings: settingsOf(entries), now: createdAt })
      const states = await loadDueStates(db, { accountId, kinds, now })
      await Promise.all(
        entries.map((entry) => {
          const state = states.get(entry.kind) ?? NEVER_PLANNED
          return planEntry(settings, { entry, state, since: since?.get(entry.kind) ?? null, now }).catch(
            (error: unknown) => log.warn({ accountId, kind: entry.kind, err: error }, 'schedule.tick_failed'),
          )
        }),
      )
    } catch (error) {
      log.warn({ accountId, err: error }, 'schedule.tick_failed')
    }
  }
}

const settingsOf = (entries: readonly ScheduleEntry[]): ReadonlyMap<string, string> =>
  new Map(
    entries.flatMap(({ kind, cron, zone, setting }) =>
      setting === undefined ? [] : [[kind, `${cron} ${zone} ${setting}`]],
    ),
  )

const NEVER_PLANNED: DueState = { latestPlanned: null, unfinished: [] }

async function planEntry(
  { db, clock, accountId, enqueue, log, startsAt }: PlannerSettings,
  { entry, state, since, now }: { entry: ScheduleEntry; state: DueState; since: Instant | null; now: Instant },
): Promise<void> {
  const { kind, cron, zone } = entry
  let after = toInstant(Math.max(state.latestPlanned ?? since ?? startsAt, since ?? 0))
  const planned: Instant[] = []
  for (let isComplete = false; !isComplete; ) {
    const plannedAts = plannedInstants({ cron, zone, after, until: now, limit: INSERT_COUNT_MAX })
    await insertDue(db, { accountId, kind, plannedAts })
    planned.push(...plannedAts)
    isComplete = plannedAts.length < INSERT_COUNT_MAX
    after = plannedAts.at(-1) ?? after
  }
  const fresh = planned.map((plannedAt) => ({ accountId, kind, plannedAt, isEnqueued: false }))
  const unfinished = [...state.unfinished, ...fresh]
  if (unfinished.length === 0) return
  const isStale = unfinished.some(({ plannedAt }) => since !== null && plannedAt <= since)
  const remaining = unfinished.length > 1 || isStale ? await endNeedless() : unfinished

  for (const { plannedAt, isEnqueued } of remaining) {
    const due = { accountId, kind, plannedAt }
    await enqueue(due)
    if (!isEnqueued) await noteEnqueued(db, due, clock.now())
  }

  async function endNeedless() {
    const abandonedBefore = toInstant(now - ABANDONED_AFTER_MS)
    const { countSuperseded } = await supersede(db, { accountId, kind, now, abandonedBefore, changedAt: since })
    if (countSuperseded > 0) log.info({ accountId, kind, countSuperseded }, 'schedule.superseded')
    const states = await loadDueStates(db, { accountId, kinds: [kind], now })
    return states.get(kind)?.unfinished ?? []
  }
}
