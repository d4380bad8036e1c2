import fc from 'fast-check'
import { expect, it } from 'vitest'
import { CALL_CLASSES } from '../../src/domain/budget-class.ts'
import { type CallUsage, decideCall, foreignCalls, HELCIM_LIMITS, shareOf } from '../../src/domain/call-budget.ts'

const SEED = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.log({ seed: SEED })
const settings = { seed: SEED, numRuns: 2_000 }
const REAL_MINUTE_MS = 60_000

const callClass = fc.constantFrom(...CALL_CLASSES)
const limits = fc.oneof(
  fc.constant(HELCIM_LIMITS),
  fc.record({
    concurrent: fc.integer({ min: 1, max: 10 }),
    minute: fc.integer({ min: 1, max: 200 }),
    hour: fc.integer({ min: 1, max: 4_000 }),
  }),
)
const usage: fc.Arbitrary<CallUsage> = fc
  .record({
    running: fc.integer({ min: 0, max: 7 }),
    old: fc.integer({ min: 0, max: 7 }),
    minute: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 210 })),
    earlier: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 4_100 })),
    foreignMinute: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 120 })),
    foreignHour: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_500 })),
    meanDurationMs: fc.option(fc.double({ min: 0, max: 30_000, noNaN: true })),
    countRateLimited: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5 })),
    countUnauthorized: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3 })),
  })
  .map(({ earlier, old, ...rest }) => ({
    ...rest,
    hour: rest.minute + earlier,
    runningLong: Math.min(old, rest.running),
  }))

it('a permit never brings what is in use, by us and by others, above the share of its class', () => {
  fc.assert(
    fc.property(usage, limits, callClass, (used, max, kind) => {
      const share = shareOf(max, kind)
      for (const limit of ['concurrent', 'minute', 'hour'] as const)
        expect(share[limit]).toBeLessThanOrEqual(max[limit])
      if (decideCall(used, max, kind, REAL_MINUTE_MS).kind !== 'permit') return
      expect(used.running + 1).toBeLessThanOrEqual(share.concurrent)
      expect(used.minute + used.foreignMinute + 1).toBeLessThanOrEqual(share.minute)
      expect(used.hour + used.foreignHour + 1).toBeLessThanOrEqual(share.hour)
    }),
    settings,
  )
})

it('settle may use everything that is left', () => {
  fc.assert(
    fc.property(usage, limits, (used, max) => {
      const isRoom =
        used.running < max.concurrent &&
        used.minute + used.foreignMinute < max.minute &&
        used.hour + used.foreignHour < max.hour
      const sound = { ...used, countUnauthorized: 0 }
      expect(decideCall(sound, max, 'settle', REAL_MINUTE_MS).kind === 'permit').toBe(isRoom)
    }),
    settings,
  )
})

it('a less urgent class never may what a more urgent one may not', () => {
  fc.assert(
    fc.property(usage, limits, (used, max) => {
      const permitted = CALL_CLASSES.map((kind) => decideCall(used, max, kind, REAL_MINUTE_MS).kind === 'permit')
      expect(permitted).toEqual(permitted.toSorted((a, b) => Number(b) - Number(a)))
    }),
    settings,
  )
})

it('a refusal names a wait that ends: after finitely many of them there is a permit, unless strangers hold the rest', () => {
  fc.assert(
    fc.property(usage, limits, callClass, (start, max, kind) => {
      const share = shareOf(max, kind)
      let used = { ...start, countUnauthorized: 0 }
      for (let countWaits = 0; countWaits <= 3 + start.running; countWaits++) {
        const decision = decideCall(used, max, kind, REAL_MINUTE_MS)
        if (decision.kind === 'permit') return
        if (decision.kind === 'wait-slot') {
          expect(used.running).toBeGreaterThan(0)
          const running = used.running - 1
          used = { ...used, running, runningLong: Math.min(used.runningLong, running) }
          continue
        }
        const { window, expiring } = decision
        const foreign = window === 'minute' ? 'foreignMinute' : 'foreignHour'
        expect(expiring).toBeLessThanOrEqual(used[window])
        // Nothing of our own to wait for: what stands in the way is a stranger's, and observations of those expire.
        if (expiring === 0) expect(used[foreign]).toBeGreaterThanOrEqual(share[window])
        const own = used[window] - expiring
        used = { ...used, [window]: own, [foreign]: own === 0 ? 0 : used[foreign] }
      }
      expect.fail('it waits without an end')
    }),
    settings,
  )
})

it('a stranger is never blamed for calls of our own', () => {
  fc.assert(
    fc.property(fc.nat(100), fc.nat(100), fc.nat(30), (own, foreign, uncertain) => {
      const remaining = Math.max(0, HELCIM_LIMITS.minute - own - foreign)
      expect(foreignCalls(HELCIM_LIMITS.minute, remaining, own + uncertain)).toBeLessThanOrEqual(foreign)
    }),
    settings,
  )
})
