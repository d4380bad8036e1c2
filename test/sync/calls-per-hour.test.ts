import { expect, test } from 'vitest'
import { addDays, createZone } from '../../src/sandbox/zone.ts'
import { createJumpingClock } from '../days/jumping-clock.ts'
import { lookAt } from '../days/look-at.ts'
import { withRuntime } from '../days/support.ts'
import { callsOfHour, sumOf } from '../soak/calls-formula.ts'
import { isLong } from '../support/long.ts'

const zone = createZone('America/Edmonton')
const TODAY = '2026-10-14'
const HISTORY_DAYS = 2
const POLL_MS = 5 * 60_000
/** After the instant of a poll, so that it is due. */
const A_MOMENT_MS = 1_000
const HOURS = { from: '11:00', to: '12:00' }
/** What the formula leaves out: a customer or an invoice that is new. */
const SLACK = 1.1

const MERCHANT = { salesPerDay: 1_000, subscriptions: 300 }

test.skipIf(!isLong)(
  'calls of a steady hour: 1,000 sales a day and 300 subscriptions',
  async () => {
    const startsAt = zone.at(TODAY, '10:00')
    const clock = createJumpingClock(startsAt)
    const scenario = {
      startsOn: addDays(TODAY, -HISTORY_DAYS),
      customers: MERCHANT.subscriptions,
      salesPerDay: MERCHANT.salesPerDay,
      billing: { subscriptions: MERCHANT.subscriptions },
    }
    const now = new Date(startsAt).toISOString()
    await withRuntime({ seed: 1, now, historyDays: HISTORY_DAYS, scenario, clock }, async (look) => {
      await look.pullMissing()
      await look.runtime.schedule()
      const [fromAt, toAt] = [zone.at(TODAY, HOURS.from), zone.at(TODAY, HOURS.to)]
      // An hour first, in which everything finds its rhythm.
      for (let at = startsAt + POLL_MS; at <= fromAt; at += POLL_MS) await lookAt(look, clock, at + A_MOMENT_MS)
      const countBefore = look.sandbox.calls().length
      for (let at = fromAt + POLL_MS; at <= toAt; at += POLL_MS) await lookAt(look, clock, at + A_MOMENT_MS)
      const hours = (toAt - fromAt) / 3_600_000
      const counts = new Map<string, number>()
      for (const { path } of look.sandbox.calls().slice(countBefore)) {
        const [, kind = ''] = /(\/(?!v2)[a-z-]+)/.exec(String(path)) ?? []
        counts.set(kind, (counts.get(kind) ?? 0) + 1 / hours)
      }
      const measured = sumOf(Object.fromEntries(counts))
      const parts = callsOfHour(look.sandbox.state.merchant(), { from: fromAt, pollMs: POLL_MS, zone })
      const formula = sumOf(parts)
      console.info({ ...MERCHANT, measured, paths: Object.fromEntries(counts), formula, parts })
      expect(measured).toBeLessThanOrEqual(SLACK * formula)
      // The control: that is no bound which anything would keep.
      expect(measured).toBeGreaterThan(formula / 2)
    })
  },
  900_000,
)
