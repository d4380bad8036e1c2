import { expect, test } from 'vitest'
import { addDays, createZone } from '../../src/sandbox/zone.ts'
import { createJumpingClock } from '../days/jumping-clock.ts'
import { lookAt } from '../days/look-at.ts'
import { type Look, withRuntime } from '../days/support.ts'
import { isLong } from '../support/long.ts'

const zone = createZone('America/Edmonton')
const TODAY = '2026-10-14'
const HISTORY_DAYS = 2
const POLL_MS = 5 * 60_000
/** After the instant of a poll, so that it is due. */
const A_MOMENT_MS = 1_000
const HOURS = { from: '11:00', to: '12:00' }
const ROWS_PER_PAGE = 1_000
const SUBSCRIPTIONS_PER_PAGE = 100
/** A long list is read so rarely that its calls are so far apart. */
const CALL_EVERY_MS = 90_000
/** What the formula leaves out: a customer or an invoice that is new. */
const SLACK = 1.1

const MERCHANT = { salesPerDay: 1_000, subscriptions: 300 }

/** Calls of a steady hour by what they read: the formula of docs/calls.md, from what the sandbox holds. */
function callsPerHour(look: Look, { fromAt, toAt }: { fromAt: number; toAt: number }): Record<string, number> {
  const merchant = look.sandbox.state.merchant()
  const hours = (toAt - fromAt) / 3_600_000
  const pages = (rows: number, limit: number) => Math.max(1, Math.ceil(rows / limit))
  const polls = Array.from({ length: (toAt - fromAt) / POLL_MS }, (_, index) => fromAt + (index + 1) * POLL_MS)
  const rowsOf = new Map<string, number[]>()
  for (const { batchId, createdAt } of merchant.transactions()) {
    const key = String(batchId)
    const times = rowsOf.get(key)
    if (times) times.push(createdAt)
    else rowsOf.set(key, [createdAt])
  }
  let ofBatches = 0
  for (const at of polls) {
    for (const times of rowsOf.values()) {
      const isChanged = times.some((time) => time > at - POLL_MS && time <= at)
      if (isChanged) ofBatches += pages(times.filter((time) => time <= at).length, ROWS_PER_PAGE)
    }
  }
  const recent = merchant.transactions().filter(({ createdAt }) => createdAt <= toAt).length
  const lists = pages(merchant.records.subscriptions.all().length, SUBSCRIPTIONS_PER_PAGE)
  const details = merchant.records.subscriptions
    .all()
    .flatMap(({ payments }) => payments)
    .filter(({ processedAt }) => processedAt !== null && processedAt > fromAt && processedAt <= toAt).length
  return {
    'card batches, each poll': polls.length / hours,
    'rows of changed batches': ofBatches / hours,
    'three days, each hour': pages(recent, ROWS_PER_PAGE),
    subscriptions: Math.min(3_600_000 / CALL_EVERY_MS, lists),
    'subscriptions that were billed': details / hours,
  }
}

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
      const measured = sumOf([...counts.values()])
      const parts = callsPerHour(look, { fromAt, toAt })
      const formula = sumOf(Object.values(parts))
      console.info({ ...MERCHANT, measured, paths: Object.fromEntries(counts), formula, parts })
      expect(measured).toBeLessThanOrEqual(SLACK * formula)
      // The control: that is no bound which anything would keep.
      expect(measured).toBeGreaterThan(formula / 2)
    })
  },
  900_000,
)

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0)
