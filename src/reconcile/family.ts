import type { Examined } from '../db/mismatches.ts'
import type { Finding } from '../domain/mismatch.ts'
import type { HelcimId } from '../domain/record.ts'

/** What a family of checks has to say in one run. */
export interface FamilyResult {
  readonly findings: readonly Finding[]
  readonly examined: readonly Examined[]
  /** Card transactions of which more reading, or time, would tell. */
  readonly waitingIds: readonly HelcimId[]
}

/** One after the other, so that memory does not grow with what is judged. */
export function roundsOf<T>(values: readonly T[], size: number): T[][] {
  const rounds: T[][] = []
  for (let from = 0; from < values.length; from += size) rounds.push(values.slice(from, from + size))
  return rounds
}
