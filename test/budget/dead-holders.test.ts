import { afterAll, beforeAll, expect, it } from 'vitest'
import { HELCIM_LIMITS, shareOf } from '../../src/domain/call-budget.ts'
import { startFleet } from './fleet.ts'
import { createDatabase, startClock, startLimits, type TestDatabase } from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

/** Real milliseconds. A lease that nobody shortens ends after both together. */
const DEADLINE_MS = 9_000
const DRAIN_MS = 1_500
/** Helcim works on after the kill, and is done within the drain. */
const SERVICE_MS = 1_200

it('slots of a killed process are free a drain after its neighbour missed it, and never while Helcim is at work', async () => {
  const clock = startClock(1)
  const { concurrent } = shareOf(HELCIM_LIMITS, 'backfill')
  // As many as the class may have at once: one call too early and the sandbox refuses it.
  const sandbox = await startLimits(clock, { limits: { ...HELCIM_LIMITS, concurrent }, serviceTimeMs: SERVICE_MS })
  const accountId = await database.addAccount()
  const fleet = await startFleet(
    { count: 1, spares: 1, seed: 1 },
    {
      databaseUrl: database.url,
      accountId,
      baseUrl: sandbox.url,
      token: sandbox.token,
      limits: HELCIM_LIMITS,
      rate: 1,
      deadlineMs: DEADLINE_MS,
      drainMs: DRAIN_MS,
      concurrency: concurrent,
    },
  )
  fleet.start()
  while (sandbox.calls().length < concurrent) await clock.sleep(5)
  fleet.killOne()
  const killedAt = clock.now()
  while (sandbox.calls().length === concurrent) await clock.sleep(5)
  const slotMs = clock.now() - killedAt
  const killed = sandbox.calls().slice(0, concurrent)
  await fleet.stop()
  const leases = await database.pool.query<{ ms: number }>(
    `select extract(epoch from counted_from - permitted_at)::float8 * 1000 as ms from recon.calls
     where account_id = ${accountId} and released_at is null`,
  )
  console.log({ slotMs, workedMs: killed.map(({ answeredAt }) => (answeredAt ?? 0) - killedAt) })

  // The control: the sandbox went on working on calls whose client was gone.
  for (const { answeredAt } of killed) expect(answeredAt ?? 0).toBeGreaterThan(killedAt + SERVICE_MS / 2)
  expect(slotMs).toBeGreaterThanOrEqual(DRAIN_MS)
  expect(slotMs).toBeLessThan((DEADLINE_MS + DRAIN_MS) / 2)
  expect(sandbox.violations()).toEqual([])
  // In the windows they count from their deadline as before.
  expect(leases.rows.map(({ ms }) => Math.round(ms))).toEqual(Array.from({ length: concurrent }, () => DEADLINE_MS))
})

it('a process that lives keeps its slots until its leases end, however long it is silent', async () => {
  const clock = startClock(1)
  const { concurrent } = shareOf(HELCIM_LIMITS, 'backfill')
  const sandbox = await startLimits(clock, { serviceTimeMs: 20_000 })
  const settings = {
    databaseUrl: database.url,
    accountId: await database.addAccount(),
    baseUrl: sandbox.url,
    token: sandbox.token,
    limits: HELCIM_LIMITS,
    rate: 1,
    deadlineMs: 4_000,
    drainMs: 500,
    concurrency: concurrent,
  }
  const silent = await startFleet({ count: 1, spares: 0, seed: 1 }, settings)
  const waiting = await startFleet({ count: 1, spares: 0, seed: 1 }, settings)
  silent.start()
  while (sandbox.calls().length < concurrent) await clock.sleep(5)
  const firstAt = sandbox.calls()[0]?.arrivedAt ?? 0
  waiting.start()
  while (sandbox.calls().length === concurrent && clock.now() < firstAt + 20_000) await clock.sleep(5)
  const nextAt = sandbox.calls()[concurrent]?.arrivedAt ?? 0
  await Promise.all([silent.stop(), waiting.stop()])
  console.log({ nextMs: nextAt - firstAt })
  // Its calls are given up at their deadline; nobody took the slots before.
  expect(nextAt - firstAt).toBeGreaterThanOrEqual(settings.deadlineMs)
})
