import type { PeriodEvent, PeriodRevision } from '../db/books/periods.ts'
import type { Month } from '../domain/month.ts'
import { type PeriodState, periodStatesOf } from '../domain/periods.ts'
import { printable } from '../domain/printable.ts'
import { table } from './paint.ts'

/** A month with all that happened to it. */
export interface ListedPeriod extends PeriodState {
  readonly events: readonly PeriodEvent[]
  readonly revisions: readonly PeriodRevision[]
}

/** The latest month first. */
export function listPeriods(facts: {
  events: readonly PeriodEvent[]
  revisions: readonly PeriodRevision[]
  /** The month of the first day that the mirror holds, and that of today. */
  first: Month
  present: Month
}): ListedPeriod[] {
  const { events, revisions, ...range } = facts
  return periodStatesOf(events, range)
    .map((state) => ({
      ...state,
      events: events.filter(({ month }) => month === state.month),
      revisions: revisions.filter(({ month }) => month === state.month),
    }))
    .reverse()
}

export function periodsTable(periods: readonly ListedPeriod[]): string {
  const rows = periods.map(({ month, state, revision, events }) => {
    const last = events.at(-1)
    return [
      month,
      state,
      revision === 0 ? '' : String(revision),
      last ? new Date(last.at).toISOString().slice(0, 16).replace('T', ' ') : '',
      printable(last?.actor ?? ''),
      printable(last?.reason ?? ''),
    ]
  })
  return table(['month', 'state', 'revision', 'since (UTC)', 'by', 'reason'], rows, [2])
}

export const periodToJson = ({ month, state, revision, events, revisions }: ListedPeriod) => ({
  month,
  state,
  revision,
  revisions: revisions.map((one) => ({
    revision: one.revision,
    closedAt: iso(one.closedAt),
    closedBy: one.closedBy,
    asOf: iso(one.asOf),
    forcedReason: one.forcedReason,
    lacking: one.lacking,
    sha256: one.sha256,
  })),
  events: events.map(({ kind, revision, at, actor, reason }) => ({ kind, revision, at: iso(at), actor, reason })),
})

const iso = (at: number): string => new Date(at).toISOString()
