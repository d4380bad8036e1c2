import { afterAll, beforeAll, expect, it } from 'vitest'
import { HELCIM_LIMITS, shareOf } from '../../src/domain/call-budget.ts'
import type { CallPermits } from '../../src/domain/permits.ts'
import { createRandom } from '../../src/sandbox/random.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { isLong } from '../support/long.ts'
import { callUntil } from './caller.ts'
import {
  createDatabase,
  ended,
  openBudget,
  quantile,
  RATE,
  request,
  startClock,
  startLimits,
  type TestDatabase,
} from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

const MINUTE_MS = 60_000
const SHARE = shareOf(HELCIM_LIMITS, 'backfill')

const count429 = (sandbox: Sandbox) => sandbox.calls().filter(({ status }) => status === 429).length

it('a client without a budget exceeds every limit: the sandbox does count', async () => {
  const limits = { concurrent: 5, minute: 100, hour: 150 }
  const clock = startClock()
  const sandbox = await startLimits(clock, { limits })
  const permits: CallPermits = {
    take: ({ deadlineMs }) =>
      Promise.resolve({ deadlineAt: performance.now() + deadlineMs, release: () => Promise.resolve() }),
  }
  const stop = new AbortController()
  // A client opens five connections at most, so it takes two to be too many at once.
  const options = { baseUrl: sandbox.url, token: sandbox.token, permits, clock, deadlineMs: 5_000, concurrency: 5 }
  const calling = Promise.all([callUntil(stop.signal, options), callUntil(stop.signal, options)])
  await clock.sleep(3 * MINUTE_MS)
  stop.abort()
  await calling
  const peaks = sandbox.peaks()
  for (const limit of ['concurrent', 'minute', 'hour'] as const) expect(peaks[limit]).toBeGreaterThan(limits[limit])
  expect(peaks.count429).toBeGreaterThan(0)
})

it('a stranger who takes half of the minute costs one 429 at most per change, and what he leaves is used', async () => {
  const clock = startClock(RATE / 2)
  const sandbox = await startLimits(clock)
  const permits = openBudget(database, { accountId: await database.addAccount(), clock })
  const stop = new AbortController()
  const calling = callUntil(stop.signal, {
    baseUrl: sandbox.url,
    token: sandbox.token,
    permits,
    clock,
    deadlineMs: 5_000,
    concurrency: 4,
  })
  while (sandbox.calls().length < 20) await clock.sleep(100)
  expect(count429(sandbox)).toBe(0)

  // At one blow, and he holds it: each of his calls is followed by another a minute later.
  const uses = [{ at: clock.now(), count: sandbox.foreign.use(50) }]
  const leaves = new AbortController()
  const stranger = (async () => {
    while (!leaves.signal.aborted) {
      const now = clock.now()
      const held = uses.filter(({ at }) => at >= now - MINUTE_MS).reduce((sum, { count }) => sum + count, 0)
      const count = sandbox.foreign.use(50 - held)
      if (count > 0) uses.push({ at: now, count })
      await clock.sleep(500, leaves.signal)
    }
  })()
  await clock.sleep(0.8 * MINUTE_MS)
  const countOnComing = count429(sandbox)
  const from = clock.now()
  await clock.sleep(2 * MINUTE_MS)
  const used = sandbox.calls().filter(({ arrivedAt }) => arrivedAt >= from).length / 2
  const strangers = uses.filter(({ at }) => at >= from).reduce((sum, { count }) => sum + count, 0) / 2
  leaves.abort()
  await stranger
  await clock.sleep(1.2 * MINUTE_MS)
  const countInAll = count429(sandbox)
  stop.abort()
  await calling
  console.log({ countOnComing, countInAll, used, strangers, left: SHARE.minute - 50 })
  expect(uses[0]?.count).toBe(50)
  expect(countOnComing).toBeLessThanOrEqual(1)
  expect(countInAll - countOnComing).toBeLessThanOrEqual(1)
  expect(strangers).toBeGreaterThanOrEqual(45)
  expect(used).toBeGreaterThanOrEqual(0.8 * (SHARE.minute - 50))
})

/** Who takes nine tenths leaves nothing to what can wait, and little to what is fresh. */
it('fault 12: a stranger who takes 90 % of the minute at one blow costs one 429 at most per change, and what he leaves is used', async () => {
  const HELD = 90
  const left = shareOf(HELCIM_LIMITS, 'fresh').minute - HELD
  const clock = startClock(RATE / 2)
  const sandbox = await startLimits(clock)
  const stop = new AbortController()
  const calling = callUntil(stop.signal, {
    baseUrl: sandbox.url,
    token: sandbox.token,
    permits: openBudget(database, { accountId: await database.addAccount(), clock }),
    clock,
    deadlineMs: 5_000,
    concurrency: 1,
    callClass: 'fresh',
  })
  while (sandbox.calls().length < left / 2) await clock.sleep(20)
  let uses = [{ at: clock.now(), count: sandbox.foreign.use(HELD) }]
  const first = uses[0]?.count
  // He holds it: each of his calls is followed by another a minute later.
  const leaves = new AbortController()
  const stranger = (async () => {
    while (!leaves.signal.aborted) {
      const now = clock.now()
      uses = uses.filter(({ at }) => at >= now - MINUTE_MS)
      const count = sandbox.foreign.use(HELD - uses.reduce((sum, use) => sum + use.count, 0))
      if (count > 0) uses.push({ at: now, count })
      await clock.sleep(60, leaves.signal)
    }
  })()
  await clock.sleep(3.9 * MINUTE_MS)
  const countOnComing = count429(sandbox)
  const usedPerMinute = sandbox.calls().filter(({ status }) => status !== 429).length / 4
  leaves.abort()
  await stranger
  await clock.sleep(MINUTE_MS)
  const countOnLeaving = count429(sandbox) - countOnComing
  stop.abort()
  await calling
  console.info(
    `fault 12: a stranger with 90 % at one blow (fresh): own 429s ${countOnComing} when he came, ${countOnLeaving} when ` +
      `he left; ${usedPerMinute} of ${left} calls a minute used (${(usedPerMinute / left).toFixed(2)})`,
  )
  expect(first).toBe(HELD)
  expect(countOnComing).toBeLessThanOrEqual(1)
  expect(countOnLeaving).toBeLessThanOrEqual(1)
  if (isLong) expect(usedPerMinute).toBeGreaterThanOrEqual(0.9 * left)
})

/** `seed` is of the random source: when he comes, and how long Helcim works on our calls meanwhile. */
interface Trial {
  readonly seed: number
  /** Calls a minute that the stranger holds on to. */
  readonly held: number
}

const SEEDS = process.env.TEST_SEED ? [Number(process.env.TEST_SEED)] : isLong ? [1, 2] : [1]
const TRIALS: readonly Trial[] = [
  ...SEEDS.map((seed) => ({ seed, held: 50 })),
  ...(isLong
    ? [
        { seed: 5, held: 30 },
        { seed: 6, held: 60 },
      ]
    : []),
]

it(`fault 12: a stranger who comes at a full window and takes each freed call until he has 30, 50 or 60 % costs one 429 at most, and what he leaves is used (seeds ${SEEDS})`, async () => {
  const outcomes = await Promise.all(TRIALS.map(strikeAtFullWindow))
  for (const { held, seed, left, ownAtStrike, heldMost, countOnComing, countInAll, usedPerMinute } of outcomes) {
    console.info(
      `fault 12: a stranger with ${held} % at a full window (seed ${seed}): own 429s ${countInAll}; ` +
        `${usedPerMinute} of ${left} calls a minute used (${(usedPerMinute / left).toFixed(2)})`,
    )
    // The control: the window was as full as our class may make it, and he did get his part out of what we left.
    expect(ownAtStrike).toBeGreaterThanOrEqual(FULL)
    expect(heldMost).toBe(held)
    expect(countOnComing).toBeLessThanOrEqual(1)
    expect(countInAll).toBe(countOnComing)
    if (isLong) expect(usedPerMinute).toBeGreaterThanOrEqual(0.9 * left)
  }
  expect(Math.max(...outcomes.map(({ countOnComing }) => countOnComing))).toBe(1)
})

/** Calls of ours in the last minute, as the sandbox counts, at which we count our share as all but used up. */
const FULL = Math.ceil(0.95 * SHARE.minute)

async function strikeAtFullWindow({ seed, held }: Trial) {
  const left = SHARE.minute - held
  const random = createRandom(seed, 'stranger')
  const clock = startClock(RATE / 4)
  const sandbox = await startLimits(clock, { seed, serviceTimeMs: { min: 2, max: random.integer(5, 60) } })
  const stop = new AbortController()
  const calling = callUntil(stop.signal, {
    baseUrl: sandbox.url,
    token: sandbox.token,
    permits: openBudget(database, { accountId: await database.addAccount(), clock }),
    clock,
    deadlineMs: 5_000,
    concurrency: 4,
  })
  const countSince = (from: number) => sandbox.calls().filter(({ arrivedAt }) => arrivedAt >= from).length
  const isFull = () => countSince(clock.now() - MINUTE_MS) >= FULL
  await clock.sleep(MINUTE_MS + random.integer(0, MINUTE_MS))
  while (!isFull()) await clock.sleep(100)

  const struckAt = clock.now()
  const ownAtStrike = countSince(struckAt - MINUTE_MS)
  const leaves = new AbortController()
  let uses: { at: number; count: number }[] = []
  const heldNow = () => uses.reduce((sum, { count }) => sum + count, 0)
  let heldMost = 0
  const stranger = (async () => {
    while (!leaves.signal.aborted) {
      const now = clock.now()
      uses = uses.filter(({ at }) => at >= now - MINUTE_MS)
      const count = sandbox.foreign.use(held - heldNow())
      if (count > 0) uses.push({ at: now, count })
      heldMost = Math.max(heldMost, heldNow())
      await clock.sleep(60, leaves.signal)
    }
  })()
  await clock.sleep(2 * MINUTE_MS)
  const countOnComing = count429(sandbox)
  await clock.sleep(2 * MINUTE_MS)
  leaves.abort()
  stop.abort()
  await Promise.all([stranger, calling])
  // Calls come in rounds, one a window: two rounds are counted from the beginning of one, after the longest pause.
  const arrivals = sandbox.calls().map(({ arrivedAt }) => arrivedAt)
  const pauses = arrivals.flatMap((at, index) => {
    const lengthMs = at - (arrivals[index - 1] ?? at)
    return at > struckAt && at < struckAt + 2 * MINUTE_MS ? [{ endsAt: at, lengthMs }] : []
  })
  const from = pauses.toSorted((a, b) => b.lengthMs - a.lengthMs)[0]?.endsAt ?? struckAt
  const usedPerMinute = arrivals.filter((at) => at >= from && at < from + 2 * MINUTE_MS).length / 2
  return {
    seed,
    held,
    left,
    ownAtStrike,
    heldMost,
    countOnComing,
    countInAll: count429(sandbox),
    usedPerMinute,
  }
}

const NO_LIMIT_HEADERS = { 'minute-limit-remaining': '', 'hour-limit-remaining': '' }

it.each([
  // Nothing is known but that something is full: the shortest pause of the minute's.
  ['without any header', NO_LIMIT_HEADERS, 3_000],
  ['with retry-after', { ...NO_LIMIT_HEADERS, 'retry-after': '20' }, 20_000],
])('a 429 %s closes the account for everybody, and it opens by itself', async (_, headers, pauseMs) => {
  const clock = startClock(RATE / 2)
  const sandbox = await startLimits(clock)
  sandbox.faults.add({ act: { kind: 'answer', status: 429, headers } })
  const accountId = await database.addAccount()
  const permits = openBudget(database, { accountId, clock })
  const stop = new AbortController()
  const calling = callUntil(stop.signal, {
    baseUrl: sandbox.url,
    token: sandbox.token,
    permits,
    clock,
    deadlineMs: 5_000,
    concurrency: 1,
  })
  await clock.sleep(2.5 * MINUTE_MS)
  stop.abort()
  await calling
  const calls = sandbox.calls()
  const [refused, next] = calls
  expect(refused?.status).toBe(429)
  expect(count429(sandbox)).toBe(1)
  expect((next?.arrivedAt ?? 0) - (refused?.answeredAt ?? 0)).toBeGreaterThanOrEqual(pauseMs)
  // After a minute at most in which it takes the window for full, its share is used again.
  expect(calls.length).toBeGreaterThanOrEqual(0.5 * SHARE.minute)
})

it.skipIf(!isLong)('settle waits less than a backfill that uses up its share', async () => {
  const clock = startClock(RATE / 2)
  const accountId = await database.addAccount()
  const open = () => openBudget(database, { accountId, clock, patienceMs: 10_000 })
  const stop = new AbortController()
  const waitsMs = { backfill: [] as number[], settle: [] as number[] }
  const call = async (budget: CallPermits, callClass: 'backfill' | 'settle') => {
    const askedAt = performance.now()
    const permit = await budget.take(request({ callClass }))
    waitsMs[callClass].push(performance.now() - askedAt)
    await clock.sleep(clock.rate * 10)
    await permit.release(ended({ durationMs: 10 }))
  }
  const backfills = Array.from({ length: 6 }, async () => {
    const budget = open()
    while (!stop.signal.aborted) await call(budget, 'backfill')
  })
  const settling = open()
  await clock.sleep(MINUTE_MS / 2)
  for (let count = 0; count < 15; count++) {
    await clock.sleep(MINUTE_MS / 9)
    await call(settling, 'settle')
  }
  stop.abort()
  await Promise.all(backfills)
  const figures = {
    settleP99Ms: quantile(waitsMs.settle, 0.99),
    backfillMeanMs: waitsMs.backfill.reduce((sum, waitMs) => sum + waitMs, 0) / waitsMs.backfill.length,
    backfillP99Ms: quantile(waitsMs.backfill, 0.99),
  }
  console.log(figures)
  expect(figures.settleP99Ms).toBeLessThan(figures.backfillMeanMs)
})
