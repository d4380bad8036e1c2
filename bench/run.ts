import { loadavg } from 'node:os'
import { measureBackfill } from './backfill.ts'
import { measureCatalogue, measureCatalogueLarge } from './catalogue.ts'
import { openBenchDatabase } from './database.ts'
import { measureEventLoop } from './event-loop.ts'
import { measureExport } from './export.ts'
import { measureIngest } from './ingest.ts'
import { formatLine } from './line.ts'
import { measureMerchantHours } from './merchant-hours.ts'
import { measureSettleWait } from './settle-wait.ts'
import { measureTieOut } from './tie-out.ts'

/**
 * Measures what we hold ourselves to, side by side in one run, on a database of its own that is removed afterwards: an
 * embedded one, or one on the server that DATABASE_URL names. A line that misses its target does not fail the run.
 * Arguments name the subjects to measure; without any it is all of them but the long ones.
 */
const SUBJECTS = {
  ingest: measureIngest,
  'event-loop': measureEventLoop,
  'tie-out': measureTieOut,
  catalogue: measureCatalogue,
  'catalogue-10m': measureCatalogueLarge,
  export: measureExport,
  'settle-wait': measureSettleWait,
  backfill: measureBackfill,
  'merchant-hours': measureMerchantHours,
}

/** Measured only when they are asked for. */
const LONG = ['catalogue-10m']

const asked = process.argv.slice(2)
const unknown = asked.find((name) => !Object.hasOwn(SUBJECTS, name))
if (unknown !== undefined) {
  console.error(`there is no subject ${unknown}; there are ${Object.keys(SUBJECTS).join(', ')}`)
  process.exit(2)
}

const startedAt = performance.now()
const database = await openBenchDatabase(process.env.DATABASE_URL)
// Neither Ctrl-C nor a reader that has seen enough (`| head`) may leave the server behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void database.remove().finally(() => process.exit(130)))
}
process.stdout.on('error', () => {})
try {
  for (const [name, measure] of Object.entries(SUBJECTS)) {
    if (asked.length > 0 ? !asked.includes(name) : LONG.includes(name)) continue
    for (const line of await measure(database)) console.log(formatLine(line))
  }
} finally {
  await database.remove()
}
const seconds = Math.round((performance.now() - startedAt) / 1000)
const load = loadavg().map((value) => Math.round(value * 10) / 10)
console.log(`\n${seconds} s; load of the machine over 1, 5 and 15 minutes: ${load.join(', ')}`)
