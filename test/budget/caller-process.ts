import { once } from 'node:events'
import { z } from 'zod'
import { createCallBudget } from '../../src/db/call-budget.ts'
import { openDatabase } from '../../src/db/client.ts'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { callUntil } from './caller.ts'

/** One worker of a fleet. Prints `ready`, begins with the first line of its standard input and stops at its end. */
const settings = z
  .object({
    databaseUrl: z.string(),
    accountId: z.number(),
    baseUrl: z.string(),
    token: z.string(),
    limits: z.object({ concurrent: z.number(), minute: z.number(), hour: z.number() }),
    rate: z.number(),
    deadlineMs: z.number(),
    drainMs: z.number(),
    concurrency: z.number(),
  })
  .parse(JSON.parse(process.argv[2] ?? ''))

const clock = createSimulatedClock(toInstant(0), settings.rate)
const database = openDatabase(settings.databaseUrl, { maxConnections: settings.concurrency, onError: () => {} })
await database.pool.query('select 1')

const stop = new AbortController()
process.stdin.once('end', () => stop.abort())
process.stdout.write('ready\n')
await once(process.stdin, 'data')
await callUntil(stop.signal, {
  ...settings,
  clock,
  permits: createCallBudget({ ...settings, db: database.db, holder: String(process.pid), clock }),
})
await database.close()
