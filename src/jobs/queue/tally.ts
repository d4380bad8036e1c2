import { DelayedError, WaitingError } from 'bullmq'

/** `put_back`: it waits for a call or its turn, or goes to another process at shutdown; no try was spent. */
export type RunOutcome = 'finished' | 'failed' | 'put_back'

export interface JobTally {
  readonly job: string
  readonly outcome: RunOutcome
  readonly count: number
}

const OUTCOMES: readonly RunOutcome[] = ['finished', 'failed', 'put_back']

/** Counts how runs end, for the jobs of a registry: canaries and names of other versions are left out. */
export function createTally(jobs: ReadonlyMap<string, unknown>) {
  const counts = new Map([...jobs.keys()].map((name) => [name, { finished: 0, failed: 0, put_back: 0 }]))
  return {
    /** Passes `run` on as it is. */
    async count(job: string, run: Promise<void>): Promise<void> {
      const ends = counts.get(job)
      try {
        await run
        if (ends) ends.finished++
      } catch (error) {
        const isPutBack = error instanceof DelayedError || error instanceof WaitingError
        if (ends) ends[isPutBack ? 'put_back' : 'failed']++
        throw error
      }
    },
    list: (): JobTally[] =>
      [...counts].flatMap(([job, ends]) => OUTCOMES.map((outcome) => ({ job, outcome, count: ends[outcome] }))),
  }
}
