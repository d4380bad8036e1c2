import { afterAll, describe, expect, test } from 'vitest'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { createRandom } from '../../src/sandbox/random.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'
import { createTestDatabase } from '../support/database.ts'
import { isLong } from '../support/long.ts'
import { type CliProcess, startCli, until } from './cli-process.ts'
import { countUnfinished, outcomeOf } from './database.ts'
import { sharedClock } from './shared-clock.ts'
import { readableTotals } from './shop.ts'

const SEED = Number(process.env.SEED ?? 2)
/** Clock seconds in a real one. What a machine measures stays real: a dead worker's job is another's after 10 to 15 s. */
const RATE = Number(process.env.KILLS_RATE ?? 8)
const HOUR_MS = 3_600_000
const DAY = '2026-10-14'
const HISTORY_DAYS = 48
/** Slower than Helcim's own, so that the history takes most of the hour; slots of killed calls are held back for 40 s. */
const LIMITS = { concurrent: 30, minute: 40, hour: 3_000 }
const zone = createZone('America/Edmonton')
const STARTS_AT = zone.at(DAY, '10:10')
const EXTRA_SHARE_MAX = 0.02

const processes: CliProcess[] = []
afterAll(async () => {
  for (const { kill, ended } of processes) {
    kill('SIGKILL')
    await ended
  }
})

/** Minutes long: `npm run soak -- test/kills/hour-of-kills.test.ts`. */
describe.skipIf(!isLong)('fault 2', () => {
  test(`kill -9 at random in a loop for a simulated hour: rows lost or doubled 0, extra calls at most 2 % (seed ${SEED})`, async () => {
    const random = createRandom(SEED, 'kills')
    const clock = createSimulatedClock(STARTS_AT, RATE)
    const beganAt = performance.timeOrigin + performance.now()
    const sandbox = await startSandbox({
      clock,
      seed: SEED,
      scenario: {
        startsOn: addDays(DAY, -HISTORY_DAYS),
        // Before the days that are read again each hour, or those readings would count as repeated calls.
        endsAt: toInstant(zone.at(addDays(DAY, -5), '14:00')),
        customers: 200,
        salesPerDay: 270,
        defects: ['card_batch_total_differs:sales', 'record_undecodable', 'card_batch_count_differs'],
      },
      switches: { pageSizeMax: 10 },
      limits: LIMITS,
      serviceTimeMs: { min: 40, max: 200 },
    })
    const database = await createTestDatabase()
    const env = {
      HELCIM_BASE_URL: sandbox.url,
      HELCIM_API_TOKEN: sandbox.token,
      HELCIM_LIMITS: Object.entries(LIMITS)
        .map((limit) => limit.join('='))
        .join(','),
      TIEOUT_HISTORY_DAYS: String(HISTORY_DAYS + 1),
      HTTP_PORT: 'off',
      SYNC_CRON: '0 0 1 1 *',
      DATABASE_URL: database.url,
      NODE_OPTIONS: `--import ${sharedClock({ startsAt: STARTS_AT, rate: RATE, beganAt })}`,
    }
    const start = () => {
      const daemon = startCli(['start'], { env })
      processes.push(daemon)
      return daemon
    }
    const inProgress = () => sandbox.calls().filter(({ answeredAt }) => answeredAt === null).length
    try {
      let countKills = 0
      let countAtWork = 0
      while (clock.now() < STARTS_AT + HOUR_MS) {
        const countBefore = sandbox.calls().length
        const daemon = start()
        await until('the daemon calls', () => sandbox.calls().length > countBefore, 60_000)
        await new Promise((resolve) => setTimeout(resolve, random.integer(500, 20_000)))
        countAtWork += Number(inProgress() > 0)
        daemon.kill('SIGKILL')
        expect(await daemon.ended).toMatchObject({ signal: 'SIGKILL' })
        countKills += 1
      }
      const countInHour = sandbox.calls().length
      const countLeft = await countUnfinished(database)
      const last = start()
      await until('all work is done', async () => (await countUnfinished(database)) === 0, 600_000)
      last.kill('SIGTERM')
      expect(await last.ended).toMatchObject({ code: 0 })

      const calls = sandbox.calls()
      const different = new Set(calls.map(({ path, query }) => JSON.stringify([path, query])))
      const countExtra = calls.length - different.size
      const { totals } = await outcomeOf(database)
      const peaks = sandbox.peaks()
      console.info(
        `fault 2, seed ${SEED}: ${countKills} kills in a simulated hour at rate ${RATE}, ${countAtWork} with calls in ` +
          `progress; ${countInHour} calls in it, ${calls.length} in all, ${countExtra} of them repeated ` +
          `(${((100 * countExtra) / different.size).toFixed(2)} %); rows ${JSON.stringify(totals)}; peaks ${JSON.stringify(peaks)}`,
      )
      // Also what a start asks for again, the list of batches, counts as repeated.
      expect(countExtra / different.size).toBeLessThanOrEqual(EXTRA_SHARE_MAX)
      expect(totals).toMatchObject(readableTotals(sandbox))
      expect(sandbox.violations()).toEqual([])
      expect(peaks.count429).toBe(0)
      // The controls: it was killed often, also in the middle of calls, and there was work to do all the while.
      expect(countKills).toBeGreaterThan(10)
      expect(countAtWork).toBeGreaterThan(0)
      expect(countLeft).toBeGreaterThan(0)
    } finally {
      await sandbox.close()
    }
    await database.drop()
  }, 3_600_000)
})
