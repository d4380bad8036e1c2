import { type Month, monthsBetween, nextMonth } from './month.ts'

/** The name of what is made when a month is closed, and only then. */
export const CERTIFICATE = 'certificate'

/** What happened to a month; the last of it says whether it is closed. */
export interface PeriodStep {
  readonly month: Month
  readonly kind: 'closed' | 'reopened'
  readonly revision: number
}

export interface PeriodState {
  readonly month: Month
  readonly state: 'open' | 'closed' | 'reopened'
  /** The last one; 0 for a month that was never closed. */
  readonly revision: number
}

/** Each month from the first one with a record or a step to the present one, the oldest first. */
export function periodStatesOf(
  steps: readonly PeriodStep[],
  { first, present }: { first: Month; present: Month },
): PeriodState[] {
  const last = new Map(steps.map((step) => [step.month, step]))
  const from = steps.reduce((least, { month }) => (month < least ? month : least), first)
  return monthsBetween(from, present).map((month) => {
    const step = last.get(month)
    return { month, state: step?.kind ?? 'open', revision: step?.revision ?? 0 }
  })
}

/** The latest month that is closed, up to which nothing may be dated any more. */
export const closedThrough = (steps: readonly PeriodStep[]): Month | null =>
  [...new Map(steps.map((step) => [step.month, step])).values()]
    .filter(({ kind }) => kind === 'closed')
    .reduce<Month | null>((latest, { month }) => (latest === null || month > latest ? month : latest), null)

/**
 * Why a month may not be closed now, whatever else is in order; null when it may. Months are closed one after the other:
 * what comes late for any of them is dated into the one month that is open first.
 */
export function objectionToClosing(
  month: Month,
  { steps, isOver }: { steps: readonly PeriodStep[]; isOver: boolean },
): string | null {
  const latest = closedThrough(steps)
  if (latest !== null && month <= latest)
    return month === latest ? `${month} is closed already` : `${month} lies before ${latest}, which is closed`
  if (latest !== null && month !== nextMonth(latest))
    return `months are closed one after the other: close ${nextMonth(latest)} first`
  return isOver ? null : `${month} is not over yet`
}

/** Why a month may not be reopened; null when it may. */
export function objectionToReopening(month: Month, steps: readonly PeriodStep[]): string | null {
  const latest = closedThrough(steps)
  if (latest === null || month > latest) return `${month} is not closed`
  return month === latest ? null : `months are reopened in turn, the last one first: reopen ${latest} before ${month}`
}

/** The revision that closing makes. */
export const nextRevision = (month: Month, steps: readonly PeriodStep[]): number =>
  1 + steps.reduce((last, step) => (step.month === month ? Math.max(last, step.revision) : last), 0)
