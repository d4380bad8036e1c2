import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { readAccounts } from '../src/accounts-file.ts'
import { openRuntime } from '../src/cli/runtime.ts'
import { readConfig } from '../src/config.ts'
import { createCallBudget } from '../src/db/call-budget.ts'
import { HELCIM_LIMITS } from '../src/domain/call-budget.ts'
import { type Clock, createSimulatedClock, toInstant } from '../src/domain/clock.ts'
import { createSecret } from '../src/domain/secret.ts'
import { createHelcimClient } from '../src/helcim/client.ts'
import { createLog } from '../src/log.ts'
import { startSandbox } from '../src/sandbox/sandbox.ts'
import { callAsBackfill } from './backfill.ts'
import { type BenchDatabase, TODAY } from './database.ts'
import { type Line, quantile, round } from './line.ts'

/** A minute's window passes in six seconds: Postgres bears ten times the calls that it will see at work. */
const RATE = 10
const MINUTE_MS = 60_000
/** One a minute, as often as a cron can say. */
const COUNT_CUT_OFFS = 40

/**
 * From the instant at which a cut-off is due to the permit of its first call, while a backfill takes all that it may: a
 * daemon's own schedule, row of due work, queue and worker lie between. When a call was permitted says the log of calls.
 */
export async function measureSettleWait(database: BenchDatabase): Promise<Line[]> {
  const startsAt = toInstant(Date.parse(`${TODAY}T06:00:00Z`))
  const clock = createSimulatedClock(startsAt, RATE)
  const sandbox = await startSandbox({
    clock,
    seed: 1,
    scenario: { startsOn: TODAY, customers: 1, salesPerDay: 0 },
    // Slow enough that the backfill's slots are as busy as its share of the minute.
    serviceTimeMs: 100,
  })
  const config = readConfig({
    DATABASE_URL: database.url,
    HELCIM_API_TOKEN: sandbox.token,
    HELCIM_BASE_URL: sandbox.url,
    TIEOUT_CLOCK: `${new Date(startsAt).toISOString()}@${RATE}`,
    SYNC_CRON: '0 0 1 1 *',
    SETTLE_MODE: 'on',
    SETTLE_CRON: '* * * * *',
    TIEOUT_TIMEZONE: 'UTC',
  })
  const runtime = await openRuntime(config, { log: createLog({ level: 'silent', isPretty: false }), clock })
  const [settings] = readAccounts(config)
  if (!settings) throw new Error('the settings name no account')
  const work = await runtime.add(settings)
  const { accountId } = work.services.account
  const permits = createCallBudget({ db: database.db, accountId, holder: 'backfill', limits: HELCIM_LIMITS, clock })
  const filling = createHelcimClient({ baseUrl: sandbox.url, token: createSecret(sandbox.token), permits })
  const stopping = new AbortController()
  const backfill = callAsBackfill(filling, { concurrency: 8, clock, isOver: () => stopping.signal.aborted })
  let waitsMs: number[] = []
  try {
    // Once round the window, so that the first cut-off already meets a backfill at its limit.
    await delay(clock.realMs(90_000))
    runtime.work({ onDead: () => {} })
    await work.schedule()
    const firstAt = Math.ceil(clock.now() / MINUTE_MS) * MINUTE_MS
    await delay(clock.realMs(firstAt + COUNT_CUT_OFFS * MINUTE_MS - clock.now()))
    waitsMs = await waitsOf(database, { accountId, clock, firstAt })
  } finally {
    stopping.abort()
    await backfill
    await Promise.all([filling.close(), runtime.close({ deadlineMs: 5_000 })])
    await sandbox.close()
  }
  // The last one's call may be a moment away when the bench looks.
  if (waitsMs.length < COUNT_CUT_OFFS - 1)
    throw new Error(`only ${waitsMs.length} of ${COUNT_CUT_OFFS} cut-offs called`)
  const { count429, minute, concurrent } = sandbox.peaks()
  return [
    {
      what: 'due → permit of settle under a saturating backfill, p99',
      measured: quantile(waitsMs, 0.99),
      unit: 'ms',
      target: { atMost: 50 },
      detail: `p50 ${round(quantile(waitsMs, 0.5))} ms; ${waitsMs.length} of ${COUNT_CUT_OFFS} cut-offs; peaks ${minute} a minute, ${concurrent} at once, ${count429} refused`,
    },
  ]
}

/** Real milliseconds from each cut-off that was due to the permit of the first call after it. */
async function waitsOf(
  { db }: BenchDatabase,
  { accountId, clock, firstAt }: { accountId: number; clock: Clock; firstAt: number },
): Promise<number[]> {
  const { rows } = await db.execute<{ ago: string }>(sql`
    select extract(epoch from clock_timestamp() - permitted_at) * 1000 as ago from recon.calls
    where account_id = ${accountId} and call_class = 'settle' order by permitted_at`)
  const now = clock.now()
  const permitted = rows.map(({ ago }) => now - Number(ago) * RATE)
  const waits = Array.from({ length: COUNT_CUT_OFFS }, (_, index) => {
    const dueAt = firstAt + index * MINUTE_MS
    const first = permitted.find((at) => at >= dueAt && at < dueAt + MINUTE_MS)
    return first === undefined ? [] : [(first - dueAt) / RATE]
  })
  return waits.flat()
}
