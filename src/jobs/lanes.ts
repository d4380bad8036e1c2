import type { CallClass } from '../domain/budget-class.ts'
import type { Lane } from './define-job.ts'

/** Below the five workers of a process, whatever one account asks for. */
const JOBS_PER_ACCOUNT = 4
/** Nor do five backfills hold what the fresh readings of their account may have. */
const JOBS_PER_CLASS = 3

/** What calls Helcim: an account that hangs or answers with errors only has one place until it answers again. */
export const lanesOfCalls = (accountId: number, callClass: CallClass): readonly Lane[] => [
  { key: `${accountId}`, cap: JOBS_PER_ACCOUNT, isNarrowedByTrouble: true },
  { key: `${accountId}-${callClass}`, cap: JOBS_PER_CLASS },
]

/** Judging one account is done by one at a time (`runReconcile` holds a lock): more would only wait for each other. */
export const lanesOfJudging = (accountId: number): readonly Lane[] => [{ key: `${accountId}-judging`, cap: 1 }]
