import type { Logger } from 'pino'

/**
 * A job: one name, one payload, one function. `Context` is what every job is handed (database, Helcim, clock, …).
 *
 * A job may run twice, at once, or half: whatever it writes is keyed in Postgres so that this is harmless.
 */
export interface JobDefinition<Name extends string, Payload, Context> {
  readonly name: Name
  /** Checks what came out of the queue. Ids that are bigint arrive as decimal text. Throws when the payload is none. */
  decodePayload(value: unknown): Payload
  /**
   * What this job shares with others that may hang or flood: an account, a class of its calls. It runs where each of its
   * lanes has a place. Without any a job is limited by nothing but the worker's concurrency.
   */
  lanes?(payload: Payload): readonly Lane[]
  /** How often it is tried before it fails for good; waits and hand-backs are not tries. 10 where not given. */
  readonly attemptsMax?: number
  run(payload: Payload, context: Context): Promise<void>
}

/** Jobs of which only so many run at once in a process. */
export interface Lane {
  readonly key: string
  /** Less than the worker's concurrency, or one lane can hold all of it. */
  readonly cap: number
  /** Has one place while what its jobs need from outside is away. */
  readonly isNarrowedByTrouble?: boolean
}

/** Any job of a registry; which payload belongs to it is known to its own functions only. */
export type AnyJob<Context> = JobDefinition<string, unknown, Context>

/** What is known about one run of a job; `contextFor` turns it into the job's context. */
export interface JobRun {
  readonly jobId: string
  readonly jobName: string
  /** 1 for the first try. */
  readonly attempt: number
  /** After this one it fails for good, unless it only asks to wait. */
  readonly isLastAttempt: boolean
  /** Fires at shutdown: stop at the next safe point and throw; the job goes back to the queue with no try spent. */
  readonly signal: AbortSignal
  /** Carries job, id and attempt. */
  readonly log: Logger
}

/** Types a job: `defineJob<JobContext>()({ name, decodePayload, run })` infers name and payload. */
export const defineJob =
  <Context>() =>
  <const Name extends string, Payload>(
    definition: JobDefinition<Name, Payload, Context>,
  ): JobDefinition<Name, Payload, Context> =>
    definition
