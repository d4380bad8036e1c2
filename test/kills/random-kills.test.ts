import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRandom } from '../../src/sandbox/random.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { isLong } from '../support/long.ts'
import { type CliProcess, runCli, startCli, until } from './cli-process.ts'
import { countUnfinished, outcomeOf } from './database.ts'
import { LIMITS, openShop, readableTotals } from './shop.ts'

const SEED = Number(process.env.SEED ?? 11)
const KILLS = isLong ? 10 : 3
const SHOP = { seed: SEED, historyDays: 48, salesPerDay: 25, pageSizeMax: 50, serviceTimeMs: { min: 40, max: 200 } }

describe('a daemon that is killed at random', () => {
  let undisturbed: { outcome: Record<string, unknown>; countCalls: number }
  const databases: TestDatabase[] = []
  const processes: CliProcess[] = []
  const open = async () => {
    const database = await createTestDatabase()
    databases.push(database)
    return database
  }

  beforeAll(async () => {
    const database = await open()
    const { sandbox, env } = await openShop(SHOP)
    try {
      const end = await runCli(['sync'], { env: { ...env, DATABASE_URL: database.url } })
      expect(end, end.stderr).toMatchObject({ code: 0 })
      undisturbed = { outcome: await outcomeOf(database), countCalls: sandbox.calls().length }
      expect(undisturbed.outcome.totals).toMatchObject(readableTotals(sandbox))
    } finally {
      await sandbox.close()
    }
  })

  afterAll(async () => {
    for (const { kill, ended } of processes) {
      kill('SIGKILL')
      await ended
    }
    for (const database of databases) await database.drop()
  })

  test(`${KILLS} kills lose nothing, double nothing and exceed no limit (seed ${SEED})`, async () => {
    const random = createRandom(SEED, 'kills')
    const database = await open()
    const { sandbox, env } = await openShop(SHOP)
    const start = () => {
      const daemon = startCli(['start'], { env: { ...env, DATABASE_URL: database.url } })
      processes.push(daemon)
      return daemon
    }
    const inProgress = () => sandbox.calls().filter(({ answeredAt }) => answeredAt === null).length
    const moments: string[] = []
    try {
      for (let kill = 1; kill <= KILLS; kill++) {
        const before = sandbox.calls().length
        const callsUntil = before + random.integer(1, 8)
        const daemon = start()
        await until('the daemon calls', () => sandbox.calls().length >= callsUntil, 60_000)
        await new Promise((resolve) => setTimeout(resolve, random.integer(0, 150)))
        moments.push(`call ${sandbox.calls().length} (${inProgress()} in progress)`)
        daemon.kill('SIGKILL')
        expect(await daemon.ended).toMatchObject({ signal: 'SIGKILL' })
      }
      // The control: the kills were in the middle of the work.
      expect(await countUnfinished(database)).toBeGreaterThan(0)

      const countBefore = sandbox.calls().length
      const last = start()
      const recoveryMs = await until('a call after the last kill', () => sandbox.calls().length > countBefore, 30_000)
      const restMs = await until('all work is done', async () => (await countUnfinished(database)) === 0, 40_000)
      last.kill('SIGTERM')
      expect(await last.ended).toMatchObject({ code: 0 })

      const outcome = await outcomeOf(database)
      const countExtra = sandbox.calls().length - undisturbed.countCalls
      console.info(
        `seed ${SEED}: killed at ${moments.join(', ')}; working again after ${Math.round(recoveryMs)} ms (process start ` +
          `included), done ${Math.round(restMs)} ms later; ${undisturbed.countCalls} calls undisturbed, ${countExtra} more; ` +
          `peaks ${JSON.stringify(sandbox.peaks())}`,
      )
      expect(outcome.totals).toMatchObject(readableTotals(sandbox))
      expect(outcome).toEqual(undisturbed.outcome)
      expect(sandbox.violations()).toEqual([])
      const peaks = sandbox.peaks()
      expect(peaks.count429).toBe(0)
      for (const limit of ['concurrent', 'minute', 'hour'] as const)
        expect(peaks[limit]).toBeLessThanOrEqual(LIMITS[limit])
      expect(recoveryMs).toBeLessThanOrEqual(15_000)
      // Each kill may repeat what its five workers had in hand, and a start asks for the batch list anew.
      expect(countExtra).toBeLessThanOrEqual(KILLS * 7 + 5)
    } finally {
      await sandbox.close()
    }
  })
})
