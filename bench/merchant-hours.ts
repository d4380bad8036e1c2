import { sumOf } from '../test/soak/calls-formula.ts'
import { type Freshness, liveDays, POLL_MS } from '../test/soak/merchant-days.ts'
import type { BenchDatabase } from './database.ts'
import { type Line, round } from './line.ts'

/** A cut of `npm run soak -- test/soak/merchant-days`: a few hours of a merchant a tenth as large. */
const CUT = {
  seed: 1,
  salesPerDay: 5_000,
  customers: 5_000,
  subscriptions: 300,
  warmUpHours: 2,
  hours: 4,
  backfill: { days: 30, afterHours: 2 },
  realMsMax: 5 * 60_000,
}

/** Freshness, refusals and calls of simulated hours under true limits, a backfill in the second half. */
export async function measureMerchantHours(database: BenchDatabase): Promise<Line[]> {
  const empty = await database.createEmpty()
  try {
    const seen = await liveDays(empty.url, CUT)
    const calls = seen.hours.filter(({ isBackfilling }) => !isBackfilling)
    const measured = calls.reduce((sum, hour) => sum + hour.measured, 0)
    const formula = calls.reduce((sum, hour) => sum + sumOf(hour.formula), 0)
    const { concurrent, minute } = seen.peaks
    const detail = `${seen.hoursLived} h of ${CUT.salesPerDay} sales a day in ${round(seen.realMs / 1_000)} s`
    return [
      ...freshnessLines('freshness at a poll every five minutes', seen.freshness, detail),
      ...(seen.freshnessWhileBackfilling
        ? freshnessLines(
            'the same during a backfill',
            seen.freshnessWhileBackfilling,
            `${seen.backfill?.rows} rows filled in`,
          )
        : []),
      {
        what: 'self-inflicted 429s in these hours',
        measured: seen.count429,
        unit: '',
        target: { atMost: 0 },
        detail: `${seen.countCalls} calls; peaks ${minute} a minute, ${concurrent} at once`,
      },
      {
        what: 'calls of a steady hour ÷ formula',
        measured: measured / formula,
        unit: '×',
        target: { atMost: 1.1 },
        detail: `${measured} of ${formula} in ${calls.length} h without backfill; ${seen.countMissed} rows missed`,
      },
    ]
  } finally {
    await empty.drop()
  }
}

function freshnessLines(what: string, { count, p50Ms, p99Ms }: Freshness, detail: string): Line[] {
  const line = (name: string, measuredMs: number, atMostMs: number): Line => ({
    what: `${what}, ${name}`,
    measured: measuredMs / 1_000,
    unit: 's',
    target: { atMost: atMostMs / 1_000 },
    detail: `${count} rows; ${detail}`,
  })
  return [line('p50', p50Ms, POLL_MS / 2 + 2_000), line('p99', p99Ms, POLL_MS + 5_000)]
}
