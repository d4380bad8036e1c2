import { monitorEventLoopDelay } from 'node:perf_hooks'
import { copyTransaction } from '../src/db/client.ts'
import { cardTransactionMirror } from '../src/db/mirror/card-transactions.ts'
import { storeRecords } from '../src/db/mirror/store-records.ts'
import { toInstant } from '../src/domain/clock.ts'
import { type BenchDatabase, TODAY } from './database.ts'
import { type Line, round } from './line.ts'
import { createBodies, decode, ROWS_PER_PAGE } from './pages.ts'

const COUNT_PAGES = 100
/** What a backfill runs at once. */
const CONCURRENCY = 3

/** How long the event loop keeps others waiting while pages are decoded and stored as fast as that goes. */
export async function measureEventLoop({ db, addAccount }: BenchDatabase): Promise<Line[]> {
  const accountId = await addAccount()
  const bodies = createBodies(COUNT_PAGES)
  const observedAt = toInstant(Date.parse(`${TODAY}T06:00:00Z`))
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const startedAt = performance.now()
  delay.enable()
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (let body = bodies.pop(); body; body = bodies.pop()) {
        const records = await decode(body)
        const page = { accountId, observedAt, storedAt: observedAt, records }
        await copyTransaction(db, (tx) => storeRecords(tx, cardTransactionMirror, page))
      }
    }),
  )
  delay.disable()
  const seconds = (performance.now() - startedAt) / 1000
  const ms = (nanoseconds: number) => nanoseconds / 1e6
  return [
    {
      what: 'event-loop delay while decoding and storing, p99',
      measured: ms(delay.percentile(99)),
      unit: 'ms',
      target: { atMost: 20 },
      detail: `p50 ${round(ms(delay.percentile(50)))}, max ${round(ms(delay.max))} ms at ${round((COUNT_PAGES * ROWS_PER_PAGE) / seconds)} rows/s`,
    },
  ]
}
