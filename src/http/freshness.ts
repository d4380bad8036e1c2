import type { ResourceProof } from '../db/figures.ts'
import type { Instant } from '../domain/clock.ts'

/** When a resource is stale. */
export interface FreshnessRule {
  /** The next instant after `at` at which the schedule asks for the resource again. */
  readonly dueAfter: (proof: Pick<ResourceProof, 'resource' | 'cardDaysCalls'>, at: Instant) => Instant
  /** How long after that its proof may take. Clock milliseconds. */
  readonly graceMs: number
}

export interface Freshness {
  readonly resource: string
  /** Clock milliseconds since the end of its last complete proof, or since it was first asked for. */
  readonly ageMs: number
  readonly limitMs: number
  readonly isStale: boolean
}

/** The limit follows the schedule: a list that is read once a day is not stale after six hours. */
export function freshnessOf(proof: ResourceProof, now: Instant, rule: FreshnessRule) {
  const { resource, provedAt, firstAskedAt } = proof
  const since = provedAt ?? firstAskedAt
  const dueAt = provedAt === null ? firstAskedAt : rule.dueAfter(proof, provedAt)
  const ageMs = Math.max(0, now - since)
  const limitMs = dueAt - since + rule.graceMs
  return { resource, ageMs, limitMs, isStale: ageMs > limitMs } satisfies Freshness
}
