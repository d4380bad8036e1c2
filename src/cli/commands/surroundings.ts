import type { Config } from '../../config.ts'

/**
 * What the definition of a command is given. What it does is imported when it runs: most commands need a small part of the
 * program, and loading all of it takes longer than they do.
 */
export interface Surroundings {
  /** @throws UsageError that names every setting that is wrong */
  config(): Config
  /** Aborted by the first Ctrl-C or SIGTERM. */
  interruptible(): AbortSignal
  /** Commands that judge something return their exit code. */
  exitWith(code: number): void
}
