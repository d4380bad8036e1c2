import { pino } from 'pino'
import { z } from 'zod'
import { createSystemClock } from '../../src/domain/clock.ts'
import { defineJob } from '../../src/jobs/define-job.ts'
import { createQueue } from '../../src/jobs/queue/queue.ts'
import { createStoreLog } from '../../src/jobs/queue/store-log.ts'
import { openEffects } from './effects.ts'

/**
 * A worker in a process of its own, so that it can be killed. Its jobs take a moment and then write their effect; it
 * prints the key of each job it begins. Ends when its standard input does, and in order on SIGTERM.
 */
const argumentsSchema = z.object({
  store: z.object({ kind: z.enum(['postgres', 'redis']), url: z.string() }),
  name: z.string(),
  effectsUrl: z.string(),
  workMs: z.number(),
})
const CLOSE_DEADLINE_MS = 4_000
const { store, name, effectsUrl, workMs } = argumentsSchema.parse(JSON.parse(process.argv[2] ?? ''))

const effects = await openEffects(effectsUrl)
const key = defineJob()({
  name: 'key',
  decodePayload: (value) => z.object({ key: z.string() }).parse(value),
  async run(payload) {
    process.stdout.write(`${payload.key}\n`)
    await new Promise((resolve) => setTimeout(resolve, workMs))
    await effects.write(payload.key)
  },
})
const log = pino({ level: 'silent' })
const queue = await createQueue({
  store,
  storeLog: createStoreLog(log),
  name,
  clock: createSystemClock(),
  log,
  jobs: [key],
  contextFor: () => undefined,
  concurrency: 5,
})
queue.startWorker({ onDead: () => process.exit(1) })
process.stdin.resume()
process.stdin.once('close', () => process.exit(0))
process.once('SIGTERM', () => void queue.close({ deadlineMs: CLOSE_DEADLINE_MS }).then(() => process.exit(0)))
