setTimeout(() => { console.log("time is over"); process.exit(0) }, 150_000).unref()
import { openBenchDatabase } from './database.ts'
import { liveDays } from '../test/soak/merchant-days.ts'
const db = await openBenchDatabase(undefined)
const e = await db.createEmpty()
try {
  const s = await liveDays(e.url, { seed: 1, salesPerDay: 50000, subscriptions: 3000, warmUpHours: 1, hours: 1, backfill: { days: 2, afterHours: 1 }, realMsMax: 60_000, tell: (l) => console.log(l) })
  console.dir(s, { depth: 5 })
} catch (x) { console.error(x) } finally { await e.drop(); await db.remove() }
