import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type CallLimits, HELCIM_LIMITS, shareOf } from '../../src/domain/call-budget.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { isLong } from '../support/long.ts'
import { startFleet } from './fleet.ts'
import { countEnds, createDatabase, RATE, startClock, startLimits, type TestDatabase } from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

const SEED = Number(process.env.TEST_SEED ?? 20261001)
/** Real milliseconds. A lease is both together, so that kills can be spaced beyond it within seconds. */
const DEADLINE_MS = 400
const DRAIN_MS = 200
const KILL_EVERY_MS = 700
const MINUTE_MS = 60_000

interface Trial {
  readonly processes: number
  readonly kills?: number
  readonly rate?: number
  readonly limits?: CallLimits
  /** Of the clock; the kills come after it. */
  readonly durationMs: number
}

/** Runs a fleet against a sandbox; what the sandbox counted is the evidence. */
async function run({ processes, kills = 0, rate = RATE, limits = HELCIM_LIMITS, durationMs }: Trial): Promise<Sandbox> {
  const clock = startClock(rate)
  const sandbox = await startLimits(clock, { limits })
  const accountId = await database.addAccount()
  const fleet = await startFleet(
    { count: processes, spares: kills, seed: SEED },
    {
      databaseUrl: database.url,
      accountId,
      baseUrl: sandbox.url,
      token: sandbox.token,
      limits,
      rate,
      deadlineMs: DEADLINE_MS,
      drainMs: DRAIN_MS,
      concurrency: 3,
    },
  )
  fleet.start()
  await clock.sleep(durationMs)
  for (let count = 0; count < kills; count++) {
    fleet.killOne()
    await delay(KILL_EVERY_MS)
  }
  await fleet.stop()
  console.log({
    processes,
    kills,
    seed: SEED,
    ...sandbox.peaks(),
    secondMinute: callsOfSecondMinute(sandbox),
    ...(await countEnds(database, accountId)),
  })
  return sandbox
}

function expectWithin(sandbox: Sandbox, limits: CallLimits): void {
  const { count429, ...peaks } = sandbox.peaks()
  expect(count429).toBe(0)
  expect(sandbox.violations()).toEqual([])
  for (const limit of ['concurrent', 'minute', 'hour'] as const) expect(peaks[limit]).toBeLessThanOrEqual(limits[limit])
  expect(sandbox.calls().every(({ status }) => status === 200 || status === null)).toBe(true)
}

/** In the first minute an empty window lets everything through at once; only the next one shows a pace. */
function callsOfSecondMinute(sandbox: Sandbox): number {
  const calls = sandbox.calls()
  const from = (calls[0]?.arrivedAt ?? 0) + MINUTE_MS
  return calls.filter(({ arrivedAt }) => arrivedAt >= from && arrivedAt < from + MINUTE_MS).length
}

const SHARE = shareOf(HELCIM_LIMITS, 'backfill')

/** More processes get a slower clock: on two cores they can make that many calls a second and no more. */
const FLEETS = isLong
  ? ([
      [1, 30],
      [4, 20],
      [8, 15],
    ] as const)
  : ([[4, 20]] as const)

it.each(FLEETS)(
  '%i processes use their share of the minute and never exceed a limit, also while a random one is killed each lease',
  async (processes, rate) => {
    const sandbox = await run({ processes, rate, kills: 3, durationMs: 2.1 * MINUTE_MS })
    expectWithin(sandbox, HELCIM_LIMITS)
    if (isLong) expect(callsOfSecondMinute(sandbox)).toBeGreaterThanOrEqual(0.9 * SHARE.minute)
  },
)

it('4 processes use their share of the hour and never exceed it', async () => {
  const limits = { concurrent: 5, minute: 100, hour: 300 }
  const rate = 20 * RATE
  const sandbox = await run({ processes: 4, rate, limits, durationMs: 2 * 60 * MINUTE_MS })
  expectWithin(sandbox, limits)
  const share = shareOf(limits, 'backfill').hour
  if (!isLong) return
  expect(sandbox.peaks().hour).toBeGreaterThanOrEqual(0.9 * share)
  // As the first calls leave the window others take their place.
  expect(sandbox.calls().length).toBeGreaterThanOrEqual(1.4 * share)
})
