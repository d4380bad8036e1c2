import type { CallClass } from '../../src/domain/budget-class.ts'
import type { Clock } from '../../src/domain/clock.ts'
import { OperatingError } from '../../src/domain/operating-error.ts'
import type { CallPermits } from '../../src/domain/permits.ts'
import { createSecret } from '../../src/domain/secret.ts'
import { createHelcimClient } from '../../src/helcim/client.ts'
import { connectionTest } from '../../src/helcim/endpoints/connection-test.ts'

export interface CallerOptions {
  readonly baseUrl: string
  readonly token: string
  readonly permits: CallPermits
  readonly clock: Clock
  readonly deadlineMs: number
  /** Calls that this process wants to make at once. */
  readonly concurrency: number
  /** Default: `backfill`. */
  readonly callClass?: CallClass
}

/** Calls without an end, as fast as permits allow: what a worker full of jobs does, without the jobs. */
export async function callUntil(stop: AbortSignal, options: CallerOptions): Promise<void> {
  const { baseUrl, token, permits, clock, deadlineMs, concurrency, callClass = 'backfill' } = options
  const client = createHelcimClient({ baseUrl, token: createSecret(token), permits, deadlineMs })
  await Promise.all(Array.from({ length: concurrency }, callInTurn))
  await client.close()

  async function callInTurn(): Promise<void> {
    while (!stop.aborted) {
      try {
        await client.read(connectionTest(), { callClass })
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error
        if (error.retry.kind === 'never') return
        await clock.sleep(error.retry.kind === 'after' ? error.retry.delayMs : 1_000, stop)
      }
    }
  }
}
