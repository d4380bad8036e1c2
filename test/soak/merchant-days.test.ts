import { expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { isLong } from '../support/long.ts'
import { sumOf } from './calls-formula.ts'
import { type Freshness, liveDays, POLL_MS } from './merchant-days.ts'

/** Can be made smaller on a machine that has other things to do; what was lived is told. */
const SETTINGS = {
  seed: Number(process.env.SEED ?? 1),
  salesPerDay: Number(process.env.SOAK_SALES ?? 50_000),
  customers: Number(process.env.SOAK_CUSTOMERS ?? 50_000),
  subscriptions: Number(process.env.SOAK_SUBSCRIPTIONS ?? 3_000),
  hours: Number(process.env.SOAK_HOURS ?? 72),
  warmUpHours: Number(process.env.SOAK_WARM_UP_HOURS ?? 6),
  realMsMax: Number(process.env.SOAK_MINUTES ?? 160) * 60_000,
  backfill: {
    // With these the list of batches never has a size at which servers like to cut.
    days: Number(process.env.SOAK_BACKFILL_DAYS ?? 19),
    afterHours: Number(process.env.SOAK_BACKFILL_AFTER ?? 26),
  },
}
/** What is measured of a backfill that never began. */
const NEVER: Freshness = { count: 0, p50Ms: Number.NaN, p99Ms: Number.NaN }
/** Over the formula. */
const SLACK = 1.1

test.skipIf(!isLong)(
  `three days of 50,000 sales and 3,000 subscriptions under true limits (seed ${SETTINGS.seed})`,
  async () => {
    const database = await createTestDatabase()
    try {
      const seen = await liveDays(database.url, { ...SETTINGS, tell: (line) => console.info(line) })
      const byDay = seen.hours.filter(({ isBackfilling, from }) => !isBackfilling && isByDay(from))
      const ratios = byDay.map(({ measured, formula }) => measured / sumOf(formula))
      const { hours, days, ...rest } = seen
      console.info({ ...SETTINGS, ...rest, ratios })
      console.info(
        [...hours, ...days]
          .map(({ from, measured, formula }) => `${from} ${measured} ${sumOf(formula)} ${JSON.stringify(formula)}`)
          .join('\n'),
      )
      expect(seen.count429).toBe(0)
      expect(seen.countMissed).toBe(0)
      expect(seen.hoursLived).toBe(SETTINGS.hours)
      expect(seen.backfill).toMatchObject({ outcome: 'complete' })
      expect(seen.backfill?.rows).toBeGreaterThanOrEqual(SETTINGS.backfill.days * SETTINGS.salesPerDay)
      for (const { count, p50Ms, p99Ms } of [seen.freshness, seen.freshnessWhileBackfilling ?? NEVER]) {
        expect(count).toBeGreaterThan(0)
        expect(p50Ms).toBeLessThanOrEqual(POLL_MS / 2 + 2_000)
        expect(p99Ms).toBeLessThanOrEqual(POLL_MS + 5_000)
      }
      expect(Math.max(...ratios)).toBeLessThanOrEqual(SLACK)
      expect(days).toHaveLength(Math.floor(SETTINGS.hours / 24))
      for (const { measured, formula } of days) expect(measured).toBeLessThanOrEqual(SLACK * sumOf(formula))
      // The control: that is no bound which anything would keep.
      expect(Math.min(...ratios)).toBeGreaterThan(0.5)
    } finally {
      await database.drop()
    }
  },
  3 * 3_600_000,
)

/** Nightly readings have their hours, 02:02 on. */
const isByDay = (local: string): boolean => Number(local.slice(11, 13)) >= 6
