import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, onTestFinished, test, vi } from 'vitest'
import { claimDue, finishDue, insertDue } from '../../src/db/due-work.ts'
import { createSystemClock, toInstant } from '../../src/domain/clock.ts'
import { OperatingError } from '../../src/domain/operating-error.ts'
import { defineJob } from '../../src/jobs/define-job.ts'
import { createQueue } from '../../src/jobs/queue/queue.ts'
import { REDIS_PREFIX } from '../../src/jobs/queue/settings.ts'
import { createStoreLog } from '../../src/jobs/queue/store-log.ts'
import { startRedisServer } from '../queue/redis-server.ts'
import { createScheduleDatabase, createTestLog, type ScheduleDatabase } from './support.ts'

let database: ScheduleDatabase
beforeAll(async () => {
  database = await createScheduleDatabase()
})
afterAll(() => database.drop())

/** All that an eviction can leave of a queue: everything but one key, or one key alone; the job waiting, or running. */
interface Case {
  readonly name: string
  readonly state: 'waiting' | 'running'
  readonly isLost: (key: string) => boolean
}

const tryAgain = new OperatingError('TEST', 'to be tried again', { retry: { kind: 'backoff' } })
const PLANNED_AT = toInstant(Date.parse('2026-06-01T01:00:00Z'))

test.skipIf(inject('redisUrl') === null)(
  'a Redis that evicts any key of the queue, or all but any, while a job waits or runs: its due row is done all the same',
  async () => {
    const redis = await startRedisServer()
    onTestFinished(() => redis.stop())
    const client = new Redis(redis.url)
    onTestFinished(() => client.disconnect())
    const { db } = database.open()
    const clock = createSystemClock()
    const { log, named } = createTestLog()

    /** @returns the keys that were there to be lost, without the queue's name, and how often the job was asked for */
    async function suffer({ name, state, isLost }: Case): Promise<{ keys: string[]; countAsked: number }> {
      const due = { accountId: 1, kind: name, plannedAt: PLANNED_AT }
      await insertDue(db, { ...due, plannedAts: [PLANNED_AT] })
      let open = () => {}
      const gate = new Promise<void>((resolve) => {
        open = resolve
      })
      let countBegun = 0
      const job = defineJob<undefined>()({
        name: 'due',
        decodePayload: Number,
        async run() {
          countBegun++
          const claim = await claimDue(db, due, clock.now())
          await gate
          // What was running has to be run again: its queue must still know how.
          if (state === 'running' && countBegun === 1) throw tryAgain
          if (claim !== null) await finishDue(db, due, { claim, outcome: 'done', now: clock.now() })
        },
      })
      const queue = await createQueue<undefined>({
        store: { kind: 'redis', url: redis.url },
        storeLog: createStoreLog(log),
        name,
        clock,
        log,
        jobs: [job],
        contextFor: () => undefined,
        concurrency: 2,
      })
      onTestFinished(() => queue.close({ deadlineMs: 500 }))
      const ask = () => queue.enqueue(job, PLANNED_AT, { callClass: 'fresh', jobId: 'due', isForgotten: true })
      await ask()
      if (state === 'running') {
        queue.startWorker({ onDead: () => {} })
        await vi.waitFor(() => expect(countBegun).toBe(1), { timeout: 20_000, interval: 20 })
      }
      const prefix = `${REDIS_PREFIX}:${name}:`
      const keys = (await client.keys(`${prefix}*`)).map((key) => key.slice(prefix.length)).sort()
      const lost = keys.filter(isLost)
      if (lost.length > 0) await client.del(...lost.map((key) => `${prefix}${key}`))
      open()
      if (state === 'waiting') queue.startWorker({ onDead: () => {} })
      let countAsked = 1
      await vi.waitFor(
        async () => {
          const [row] = await database.rows(name)
          if (row?.outcome === 'done') return
          countAsked++
          await ask()
          throw new Error(`${name} is not done`)
        },
        { timeout: 40_000, interval: 500 },
      )
      return { keys, countAsked }
    }

    const states = ['waiting', 'running'] as const
    const none = () => false
    const seen = await Promise.all(
      states.map(async (state) => ({ state, ...(await suffer({ name: `${state}-none`, state, isLost: none })) })),
    )
    // The control: of an untouched queue nothing has to be asked for again.
    expect(seen.map(({ countAsked }) => countAsked).every((count) => count <= 6)).toBe(true)
    const cases = seen.flatMap(({ state, keys }) =>
      keys.flatMap((kept): Case[] => [
        { name: `${state}-lost-${kept.replaceAll(':', '-')}`, state, isLost: (key) => key === kept },
        { name: `${state}-kept-${kept.replaceAll(':', '-')}`, state, isLost: (key) => key !== kept },
      ]),
    )
    expect(cases.length).toBeGreaterThan(20)
    await Promise.all(cases.map(suffer))
    expect(named('job.unknown_to_this_version')).toEqual([])
    console.info(
      `evicted: ${cases.length} cases (${seen.map(({ keys }) => keys.join(' ')).join(' | ')}), due rows lost 0`,
    )
  },
)
