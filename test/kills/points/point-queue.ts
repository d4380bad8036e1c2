import type { JobContext } from '../../../src/context.ts'
import type { JobDefinition } from '../../../src/jobs/define-job.ts'

/** A job that waits, as text: nothing of the process that asked for it lives on in it. */
export interface Queued {
  readonly key: string
  run(context: JobContext): Promise<void>
}

/** What the queue keeps of a job: its name and payload as JSON, where an id that is bigint becomes text. */
export function jobOf<Payload>(
  definition: JobDefinition<string, Payload, JobContext>,
  key: string,
  payload: object,
): Queued {
  const stored = JSON.stringify(payload, (_, value) => (typeof value === 'bigint' ? String(value) : value))
  return { key, run: (context) => definition.run(definition.decodePayload(JSON.parse(stored)), context) }
}

/**
 * The queue in this process, first come, first served, with the real one's two habits that matter here: a key that waits
 * or runs is not taken twice, and a job whose worker died waits again. `test/queue` proves these of the real one.
 */
export interface PointQueue {
  add(job: Queued): void
  /** The next job, which is active until `done`. */
  take(): Queued | null
  done(): void
  /** The worker died: what it had in hand waits again. */
  stall(): void
  waiting(): readonly Queued[]
}

export function createPointQueue(jobs: readonly Queued[] = []): PointQueue {
  let waiting = [...jobs]
  let active: Queued | null = null
  return {
    add(job) {
      if (job.key === active?.key || waiting.some(({ key }) => key === job.key)) return
      waiting = [...waiting, job]
    },
    take() {
      const [next, ...rest] = waiting
      waiting = rest
      active = next ?? null
      return active
    },
    done() {
      active = null
    },
    stall() {
      if (active) waiting = [active, ...waiting]
      active = null
    },
    waiting: () => waiting,
  }
}
