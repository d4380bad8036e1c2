import type { BatchKey } from '../../domain/batch-key.ts'
import type { Instant } from '../../domain/clock.ts'
import type { ObstacleCode } from '../../domain/settlement-policy.ts'
import { findBlock } from '../accounts.ts'
import type { Tx } from '../client.ts'
import { isQuiet, listAttempts } from './attempts.ts'

/** After so many that were not taken at one cut-off a person looks first. */
const NOT_TAKEN_MAX = 3

/**
 * What stands in the way of another attempt, or null.
 * @param input `plannedAt`: the cut-off it would be for; null by hand, where only what is not over yet stands in the way;
 *   `waitMs`: real milliseconds until it would begin
 */
export async function findObstacle(
  tx: Tx,
  input: { accountId: number; batch: BatchKey; plannedAt: Instant | null; waitMs: number },
): Promise<{ code: ObstacleCode; text: string } | null> {
  const attempts = await listAttempts(tx, { ...input, limit: 20 })
  const unfinished = attempts.find(({ finishedAt }) => finishedAt === null)
  if (unfinished) {
    const text = `attempt ${unfinished.attemptId} is not certain yet (${unfinished.state})`
    return { code: 'attempt_unfinished', text }
  }
  const confirmed = attempts.find(({ state }) => state === 'confirmed')
  if (confirmed) {
    const text = `attempt ${confirmed.attemptId} has settled it, yet Helcim shows it open`
    return { code: 'settled_before', text }
  }
  const [last] = attempts
  if (last && last.outcome !== 'unsent' && last.calledAt !== null && !(await isQuiet(tx, last, input.waitMs))) {
    return { code: 'attempt_recent', text: `the call of attempt ${last.attemptId} may still be under way` }
  }
  const here = attempts.filter(({ plannedAt }) => input.plannedAt !== null && plannedAt === input.plannedAt)
  const ended = here.find(({ state }) => state === 'refused' || state === 'abandoned')
  if (ended) {
    const said = ended.words ? `: ${ended.words}` : ''
    return { code: 'refused_before', text: `attempt ${ended.attemptId} was ${ended.state}${said}` }
  }
  // One that never called, for want of a call or of a living process, says nothing about Helcim.
  const called = here.filter(({ calledAt, outcome }) => calledAt !== null && outcome !== 'unsent')
  if (called.filter(({ state }) => state === 'not_taken').length < NOT_TAKEN_MAX) return null
  return { code: 'refused_before', text: `${NOT_TAKEN_MAX} attempts were not taken; the next one is a person’s` }
}

/**
 * Whether Helcim said that this token may not settle, or null. The next cut-off does not ask it again by itself: what
 * changed, a person did, and `ensureAccount` is where that person gives it another chance.
 */
export async function findRefusedToken(
  tx: Tx,
  key: { accountId: number; tokenFingerprint: string; endpoint: string },
): Promise<{ code: ObstacleCode; text: string } | null> {
  const words = await findBlock(tx, key)
  if (words === null) return null
  const said = words === '' ? '' : ` (Helcim: ${words})`
  const text = `the token may not settle${said}; it is tried again after "tieout doctor", a settlement by hand or a restart`
  return { code: 'not_permitted', text }
}
