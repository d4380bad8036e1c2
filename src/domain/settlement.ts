import type { Instant } from './clock.ts'

/**
 * The life of one attempt to settle a card batch. It makes at most one call:
 *
 * - `intended`: written down, nothing called yet
 * - `calling`: one process has taken the right to call, once; the call may be under way
 * - `unknown`: the call is over, what came of it is not certain yet
 * - `confirmed`: the batch is closed
 * - `refused`: Helcim said no, and the batch is open
 * - `not_taken`: the batch is open although nothing of the call can be under way any more
 * - `abandoned`: a person ended it
 */
export const ATTEMPT_STATES = [
  'intended',
  'calling',
  'unknown',
  'confirmed',
  'refused',
  'not_taken',
  'abandoned',
] as const
export type AttemptState = (typeof ATTEMPT_STATES)[number]

/**
 * How a call to settle ended, as far as it tells:
 *
 * - `taken`: 200; whether the batch is closed tells only reading it
 * - `refused`: Helcim itself says no for a reason of the request or the token (400, 401, 403, 405, 422)
 * - `declined`: Helcim itself says that it does not do it now (404, 409); whether another call of ours does, it leaves open
 * - `limited`: 429, so it was not let in
 * - `unsent`: not a byte of it left this process
 * - `unclear`: anything else: silence, 5xx, 201, 202, 204, somebody else's page
 */
export const CALL_OUTCOMES = ['taken', 'refused', 'declined', 'limited', 'unsent', 'unclear'] as const
export type CallOutcome = (typeof CALL_OUTCOMES)[number]

/** What a reading of the batch shows. `unclear`: neither a strict `false` nor closed with a date, or not there at all. */
export type BatchReading =
  | { readonly kind: 'closed'; readonly closedAt: Instant }
  | { readonly kind: 'open' }
  | { readonly kind: 'unclear' }

/** Whose doing the close was; `either` where our call and Helcim's own close fall together and no answer tells. */
export const CLOSERS = ['tieout', 'helcim', 'either'] as const
export type Closer = (typeof CLOSERS)[number]

/** What is known about the call of an attempt; both null while it has no end that anybody noted. */
export interface CallFacts {
  readonly calledAt: Instant | null
  readonly outcome: CallOutcome | null
}

export type Resolution =
  | { readonly state: 'confirmed'; readonly closedBy: Closer; readonly closedAt: Instant }
  | { readonly state: 'refused' | 'not_taken' | 'unknown' }

/**
 * What an attempt comes to by a reading of its batch. Nothing but a reading ends one whose call may have left us.
 * @param input `isQuiet`: the reading began when nothing of the call could be under way any more; `isCloseAutomatic`
 *   whether Helcim closes batches by itself at that instant
 */
export function resolveAttempt(
  { calledAt, outcome }: CallFacts,
  reading: BatchReading,
  input: { readonly isQuiet: boolean; isCloseAutomatic(at: Instant): boolean },
): Resolution {
  switch (reading.kind) {
    case 'closed': {
      const { closedAt } = reading
      const closedBy = closerOf({ calledAt, outcome }, closedAt, input.isCloseAutomatic(closedAt))
      return { state: 'confirmed', closedBy, closedAt }
    }
    case 'open':
      // Helcim has looked at the request and left the batch as it is: no need to wait for what may still be under way.
      if (outcome === 'refused') return { state: 'refused' }
      if (!input.isQuiet) return { state: 'unknown' }
      return { state: outcome === 'declined' ? 'refused' : 'not_taken' }
    case 'unclear':
      return { state: 'unknown' }
  }
}

/** Clocks of ours and Helcim's may be so far apart; `tieout doctor` asks for less. */
const SKEW_MS_MAX = 5_000

function closerOf({ calledAt, outcome }: CallFacts, closedAt: Instant, isAutomatic: boolean): Closer {
  const isOurCallOut = calledAt !== null && outcome !== 'unsent'
  if (!isOurCallOut || outcome === 'refused' || outcome === 'declined' || outcome === 'limited') return 'helcim'
  // Helcim's times have whole seconds.
  const calledSecond = Math.floor(calledAt / 1_000) * 1_000
  if (closedAt < calledSecond - SKEW_MS_MAX) return 'helcim'
  if (!isAutomatic) return 'tieout'
  if (outcome !== 'taken') return 'either'
  return closedAt < calledSecond ? 'helcim' : 'tieout'
}

/**
 * Milliseconds after which an attempt that is not certain is looked at again: soon at first, then each minute.
 * @param ageMs since its call
 */
export const lookAgainAfterMs = (ageMs: number): number => Math.min(60_000, Math.max(2_000, Math.round(ageMs / 2)))
