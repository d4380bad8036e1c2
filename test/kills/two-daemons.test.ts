import { afterAll, expect, test } from 'vitest'
import { createEmptyDatabase } from '../support/database.ts'
import { type CliProcess, runCli, startCli, until } from './cli-process.ts'
import { countUnfinished, outcomeOf } from './database.ts'
import { openShop, readableTotals } from './shop.ts'

/** As `start` promises; a supervisor that waits 30 s never has to kill. */
const EXIT_MS_MAX = 25_000
const processes: CliProcess[] = []

afterAll(async () => {
  for (const { kill, ended } of processes) {
    kill('SIGKILL')
    await ended
  }
})

test('two daemons that start at once on an empty database share the work, and end in order under load', async () => {
  const database = await createEmptyDatabase()
  const { sandbox, env } = await openShop({
    seed: 21,
    historyDays: 10,
    salesPerDay: 20,
    pageSizeMax: 50,
    serviceTimeMs: { min: 300, max: 600 },
  })
  const withDatabase = { env: { ...env, DATABASE_URL: database.url } }
  try {
    const daemons = [startCli(['start'], withDatabase), startCli(['start'], withDatabase)]
    processes.push(...daemons)
    const holders = async () =>
      (await database.rows('select distinct holder from recon.calls order by 1')).map((row) => row.holder)
    const inProgress = () => sandbox.calls().filter(({ answeredAt }) => answeredAt === null).length
    await until('both made calls', async () => sandbox.calls().length > 0 && (await holders()).length === 2, 25_000)
    await until('calls are in progress', () => inProgress() >= 2, 10_000)
    expect(await holders()).toEqual(daemons.map(({ pid }) => `tieout-${pid}`).sort())

    const stoppedAt = performance.now()
    const countInProgress = inProgress()
    for (const { kill } of daemons) kill('SIGTERM')
    const ends = await Promise.all(daemons.map(({ ended }) => ended))
    const exitMs = performance.now() - stoppedAt
    for (const end of ends) expect(end, end.stdout + end.stderr).toMatchObject({ code: 0, signal: null })
    expect(exitMs).toBeLessThanOrEqual(EXIT_MS_MAX)
    // The control: there was more to do, so they were stopped and did not merely end.
    expect(await countUnfinished(database)).toBeGreaterThan(0)
    // No call was cut off, and no job is left as that of a dead worker: the rest is done at once.
    expect(await database.rows('select call_id from recon.calls where released_at is null')).toEqual([])

    const resumedAt = performance.now()
    const countCalls = sandbox.calls().length
    const sync = startCli(['sync'], withDatabase)
    processes.push(sync)
    await until('the rest is taken up', () => sandbox.calls().length > countCalls, 25_000)
    const resumeMs = performance.now() - resumedAt
    const end = await sync.ended
    expect(end, end.stdout + end.stderr).toMatchObject({ code: 0 })
    console.info(
      `both ended ${Math.round(exitMs)} ms after SIGTERM with ${countInProgress} calls in progress; the next process ` +
        `called ${Math.round(resumeMs)} ms after its start`,
    )
    expect(await countUnfinished(database)).toBe(0)
    const { totals } = await outcomeOf(database)
    expect(totals).toMatchObject(readableTotals(sandbox))
    expect(sandbox.violations()).toEqual([])
  } finally {
    await sandbox.close()
  }
  await database.drop()
})

test('a database that two processes migrate at once is migrated once', async () => {
  const database = await createEmptyDatabase()
  const migrate = () => runCli(['migrate'], { env: { DATABASE_URL: database.url } })
  for (const end of await Promise.all([migrate(), migrate()])) expect(end, end.stderr).toMatchObject({ code: 0 })
  const rows = await database.rows(
    'select hash, count(*) as times from recon_migrations.__drizzle_migrations group by 1',
  )
  expect(rows.length).toBeGreaterThan(0)
  expect(rows.filter(({ times }) => times !== '1')).toEqual([])
  await database.drop()
})
