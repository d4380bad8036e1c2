import { createCallBudget } from '../src/db/call-budget.ts'
import { HELCIM_LIMITS, shareOf } from '../src/domain/call-budget.ts'
import { type Clock, createSimulatedClock, toInstant } from '../src/domain/clock.ts'
import { OperatingError } from '../src/domain/operating-error.ts'
import { createSecret } from '../src/domain/secret.ts'
import { createHelcimClient, type HelcimClient } from '../src/helcim/client.ts'
import { connectionTest } from '../src/helcim/endpoints/connection-test.ts'
import { startSandbox } from '../src/sandbox/sandbox.ts'
import { type BenchDatabase, TODAY } from './database.ts'
import { type Line, round } from './line.ts'

/** A minute's window passes in ten seconds; faster, and the machine's own milliseconds would weigh more than they do. */
const RATE = 6
const COUNT_WINDOWS = 3

/** The time of a backfill over the least in which the windows let its class make as many calls. */
export async function measureBackfill(database: BenchDatabase): Promise<Line[]> {
  const clock = createSimulatedClock(toInstant(Date.parse(`${TODAY}T06:00:00Z`)), RATE)
  const sandbox = await startSandbox({
    clock,
    seed: 1,
    scenario: { startsOn: TODAY, customers: 1, salesPerDay: 0 },
  })
  const permits = createCallBudget({
    db: database.db,
    accountId: await database.addAccount(),
    holder: 'backfill',
    limits: HELCIM_LIMITS,
    clock,
  })
  const client = createHelcimClient({ baseUrl: sandbox.url, token: createSecret(sandbox.token), permits })
  // One window's worth of calls may go at once, then as many after each further minute: the last one opens a window.
  const countCalls = shareOf(HELCIM_LIMITS, 'backfill').minute * COUNT_WINDOWS + 1
  const fastestMs = clock.realMs(COUNT_WINDOWS * 60_000)
  let countAsked = 0
  const startedAt = performance.now()
  try {
    await callAsBackfill(client, { concurrency: 8, clock, isOver: () => countAsked++ >= countCalls })
  } finally {
    await client.close()
    await sandbox.close()
  }
  const tookMs = performance.now() - startedAt
  const countAnswered = sandbox.calls().length
  if (countAnswered < countCalls) throw new Error(`only ${countAnswered} of ${countCalls} calls were made`)
  return [
    {
      what: 'backfill’s time ÷ the fastest that its share allows',
      measured: tookMs / fastestMs,
      unit: '×',
      target: { atMost: 1.03 },
      detail: `${countCalls} calls in ${round(tookMs / 1000)} s, a minute being ${round(clock.realMs(60_000) / 1000)} s; ${sandbox.peaks().count429} refused`,
    },
  ]
}

/** Calls as a worker full of backfilling jobs does, until `isOver`, which is asked once before each call. */
export async function callAsBackfill(
  client: HelcimClient,
  { concurrency, clock, isOver }: { concurrency: number; clock: Clock; isOver: () => boolean },
): Promise<void> {
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (!isOver()) await callOnce(client, clock)
    }),
  )
}

/** One call, asked for again as long as the budget says to come back. */
async function callOnce(client: HelcimClient, clock: Clock): Promise<void> {
  for (;;) {
    try {
      await client.read(connectionTest(), { callClass: 'backfill' })
      return
    } catch (error) {
      if (!(error instanceof OperatingError) || error.retry.kind !== 'after') throw error
      await clock.sleep(error.retry.delayMs)
    }
  }
}
