import type { Logger } from 'pino'
import type { Db } from '../../db/client.ts'
import {
  type DueKey,
  insertDue,
  loadDueStates,
  noteEnqueued,
  supersede,
  type UnfinishedDue,
} from '../../db/due-work.ts'
import { noteSchedules } from '../../db/schedules.ts'
import { nextInstant, plannedInstants } from '../../domain/calendar.ts'
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

/** So far ahead it is looked up when a kind comes due next. */
const SEARCH_MS_MAX = 86_400_000
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
  let changes: ReadonlyMap<string, Instant> | null = null
  /** By kind; until then nothing new comes due. A calendar takes a millisecond, which no other cut-off must wait for. */
  const quietUntil = new Map<string, Instant>()

  return async () => {
    const now = clock.now()
    const searched = toInstant(now + SEARCH_MS_MAX)
    try {
      changes ??= await noteSchedules(db, { accountId, settings: settingsOf(entries), now: createdAt })
      const changedAt = changes
      const states = await loadDueStates(db, { accountId, kinds, now })
      const plan = async (entry: ScheduleEntry): Promise<void> => {
        const { kind } = entry
        const state = states.get(kind) ?? { latestPlanned: null, unfinished: [] }
        const look = { entry, changedAt: changedAt.get(kind) ?? null, now }
        const isQuiet = now < (quietUntil.get(kind) ?? 0)
        const fresh = isQuiet ? [] : await insertNew(settings, look, state.latestPlanned)
        await enqueueNeeded(settings, look, [...state.unfinished, ...fresh])
        if (!isQuiet) quietUntil.set(kind, nextInstant({ ...entry, after: now, withinMs: SEARCH_MS_MAX }) ?? searched)
      }
      const planned = entries.map((entry) =>
        plan(entry).catch((error: unknown) =>
          log.warn({ accountId, kind: entry.kind, err: error }, 'schedule.tick_failed'),
        ),
      )
      await Promise.all(planned)
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

/** A look at one kind of work. */
interface Look {
  readonly entry: ScheduleEntry
  /** Since when its setting is as it is; null where that does not matter. */
  readonly changedAt: Instant | null
  readonly now: Instant
}

/** Records what came due since `latestPlanned`. */
async function insertNew(
  { db, accountId, startsAt }: PlannerSettings,
  { entry, changedAt, now }: Look,
  latestPlanned: Instant | null,
): Promise<UnfinishedDue[]> {
  const { kind, cron, zone } = entry
  let after = toInstant(Math.max(latestPlanned ?? changedAt ?? startsAt, changedAt ?? 0))
  const planned: UnfinishedDue[] = []
  for (let isComplete = false; !isComplete; ) {
    const plannedAts = plannedInstants({ cron, zone, after, until: now, limit: INSERT_COUNT_MAX })
    await insertDue(db, { accountId, kind, plannedAts })
    planned.push(...plannedAts.map((plannedAt) => ({ accountId, kind, plannedAt, isEnqueued: false })))
    isComplete = plannedAts.length < INSERT_COUNT_MAX
    after = plannedAts.at(-1) ?? after
  }
  return planned
}

/** Enqueues what is unfinished, but for what is needless, which ends. */
async function enqueueNeeded(
  { db, clock, accountId, enqueue, log }: PlannerSettings,
  { entry: { kind }, changedAt, now }: Look,
  unfinished: readonly UnfinishedDue[],
): Promise<void> {
  const isOfBefore = ({ plannedAt }: UnfinishedDue) => changedAt !== null && plannedAt <= changedAt
  const needed = unfinished.length > 1 || unfinished.some(isOfBefore) ? await endNeedless() : unfinished
  for (const { plannedAt, isEnqueued } of needed) {
    const due = { accountId, kind, plannedAt }
    await enqueue(due)
    if (!isEnqueued) await noteEnqueued(db, due, clock.now())
  }

  async function endNeedless(): Promise<readonly UnfinishedDue[]> {
    const abandonedBefore = toInstant(now - ABANDONED_AFTER_MS)
    const { countSuperseded } = await supersede(db, { accountId, kind, now, abandonedBefore, changedAt })
    if (countSuperseded > 0) log.info({ accountId, kind, countSuperseded }, 'schedule.superseded')
    const states = await loadDueStates(db, { accountId, kinds: [kind], now })
    return states.get(kind)?.unfinished ?? []
  }
}
