import type { Instant } from './clock.ts'

/** How long a disagreement has stood, as accountants age receivables. */
export const AGE_BUCKETS = ['0-1', '2-7', '8-30', '31-60', '61-90', '90+'] as const
export type AgeBucket = (typeof AGE_BUCKETS)[number]

/** Last day of each bucket but the open-ended last one, in their order. */
export const AGE_BUCKET_LAST_DAYS = [1, 7, 30, 60, 90] as const

/** The bucket of an age in whole days: day 90 is still in `61-90`, `90+` begins with day 91. */
export function ageBucket(ageDays: number): AgeBucket {
  const index = AGE_BUCKET_LAST_DAYS.findIndex((lastDay) => ageDays <= lastDay)
  return AGE_BUCKETS[index === -1 ? AGE_BUCKETS.length - 1 : index] ?? '90+'
}

/** Whole days of 24 hours from the first to the last of two instants; never negative, should clocks disagree. */
export const ageDaysBetween = (from: Instant, to: Instant): number => Math.max(0, Math.floor((to - from) / 86_400_000))
