import type { ReminderStep } from '../db/alerts/reminders.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** Clock time in which a channel gets one message of a cause: the first goes at once, what follows is gathered. */
export const INTERVAL_MS = 15 * MINUTE_MS
/** Mismatches that one message lists; the rest is counted. */
export const ITEMS_MAX = 20

/** Messages that one run sends on a channel, so that a backlog never holds a worker. */
export const SENDS_MAX = 10
/** Real milliseconds after which a run begins no more sends; its longest is this and one deadline. */
export const RUN_MS_MAX = 20_000
/** Real milliseconds for one send: resolving, connecting, sending and the answer together. */
export const SEND_DEADLINE_MS = 10_000
/** Real milliseconds for which a claimed message is nobody else's: beyond any send that is still under way. */
export const LEASE_MS = 3 * SEND_DEADLINE_MS

/** Clock milliseconds between attempts: doubling from the first to the second of these. */
const BACKOFF_MS_MIN = 10_000
const BACKOFF_MS_MAX = 6 * 60 * MINUTE_MS
/** Real milliseconds: the longest pause that a target may ask for; a longer one is taken for this. */
export const PAUSE_MS_MAX = 60 * MINUTE_MS
/** A message whose attempt fails when it is as old as this is given up; with the cap above it had some thirty. */
export const GIVE_UP_AFTER_MS = 5 * DAY_MS
/** But not before so many attempts: one that waited for a dead target or a daemon that was away has more than one to come. */
export const GIVE_UP_ATTEMPTS_MIN = 10

/** Clock milliseconds before the next attempt, the upper half of them random so that replicas do not beat in step. */
export function alertBackoffMs(attempts: number, random: () => number): number {
  const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(30, Math.max(0, attempts - 1)))
  return Math.round(ceiling * (0.5 + random() / 2))
}

/** Days since a mismatch was last opened after which somebody is reminded; the place is the number of the reminder. */
const REMINDER_DAYS = [1, 3, 7, 14, 30] as const
const RARE_REMINDER_DAYS: readonly number[] = [7, 30]

/** Which reminders there are. Numbers stand for the same age everywhere, so a changed severity repeats none. */
export const REMINDER_STEPS: readonly ReminderStep[] = REMINDER_DAYS.flatMap((days, index) => {
  const isForAll = RARE_REMINDER_DAYS.includes(days)
  const step = { reminder: index + 1, ageMs: days * DAY_MS }
  return [
    ...(['critical', 'high'] as const).map((severity) => ({ ...step, severity, state: 'open' as const })),
    ...(isForAll ? [{ ...step, severity: 'medium' as const, state: 'open' as const }] : []),
    ...(isForAll
      ? (['critical', 'high', 'medium'] as const).map((severity) => ({
          ...step,
          severity,
          state: 'acknowledged' as const,
        }))
      : []),
  ]
})
