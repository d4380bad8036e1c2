import { setTimeout as delay } from 'node:timers/promises'
import { createCallBudget } from '../src/db/call-budget.ts'
import { HELCIM_LIMITS } from '../src/domain/call-budget.ts'
import { createSimulatedClock, toInstant } from '../src/domain/clock.ts'
import type { CallPermits } from '../src/domain/permits.ts'
import { createSecret } from '../src/domain/secret.ts'
import { createHelcimClient } from '../src/helcim/client.ts'
import { connectionTest } from '../src/helcim/endpoints/connection-test.ts'
import { startSandbox } from '../src/sandbox/sandbox.ts'
import { callAsBackfill } from './backfill.ts'
import { type BenchDatabase, TODAY } from './database.ts'
import { type Line, quantile, round } from './line.ts'

/** A minute's window passes in three seconds: Postgres bears 20 times the calls that it will see at work. */
const RATE = 20
const COUNT_SETTLEMENTS = 80
/** Real milliseconds; 9 a window, where a tenth of its 100 calls is kept free of backfills. */
const EVERY_MS = 330

/** How long a settlement waits for its permit while a backfill takes all that it may. */
export async function measureSettleWait(database: BenchDatabase): Promise<Line[]> {
  const clock = createSimulatedClock(toInstant(Date.parse(`${TODAY}T06:00:00Z`)), RATE)
  const sandbox = await startSandbox({
    clock,
    seed: 1,
    scenario: { startsOn: TODAY, customers: 1, salesPerDay: 0 },
    // Slow enough that the backfill's slots are as busy as its share of the minute.
    serviceTimeMs: 100,
  })
  const accountId = await database.addAccount()
  const openBudget = (holder: string) =>
    createCallBudget({ db: database.db, accountId, holder, limits: HELCIM_LIMITS, clock })
  const waitsMs: number[] = []
  const token = createSecret(sandbox.token)
  const settling = createHelcimClient({ baseUrl: sandbox.url, token, permits: watched(openBudget('settle'), waitsMs) })
  const filling = createHelcimClient({ baseUrl: sandbox.url, token, permits: openBudget('backfill') })
  const stopping = new AbortController()
  const backfill = callAsBackfill(filling, { concurrency: 8, clock, isOver: () => stopping.signal.aborted })
  try {
    // Once round the window, so that the first settlement already meets a backfill at its limit.
    await delay(clock.realMs(90_000))
    const settlements: Promise<unknown>[] = []
    for (let index = 0; index < COUNT_SETTLEMENTS; index += 1) {
      settlements.push(settling.read(connectionTest(), { callClass: 'settle' }))
      await delay(EVERY_MS)
    }
    await Promise.all(settlements)
  } finally {
    stopping.abort()
    await backfill
    await Promise.all([settling.close(), filling.close()])
    await sandbox.close()
  }
  const { count429, minute, concurrent } = sandbox.peaks()
  return [
    {
      what: 'settle’s wait for a permit under a saturating backfill, p99',
      measured: quantile(waitsMs, 0.99),
      unit: 'ms',
      target: { atMost: 50 },
      detail: `p50 ${round(quantile(waitsMs, 0.5))} ms of ${waitsMs.length}; peaks ${minute} a minute, ${concurrent} at once, ${count429} refused`,
    },
  ]
}

function watched(permits: CallPermits, waitsMs: number[]): CallPermits {
  return {
    async take(request) {
      const askedAt = performance.now()
      const permit = await permits.take(request)
      waitsMs.push(performance.now() - askedAt)
      return permit
    },
  }
}
