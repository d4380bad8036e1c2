import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, onTestFinished, test, vi } from 'vitest'
import { claimDue, finishDue } from '../../src/db/due-work.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { defineJob } from '../../src/jobs/define-job.ts'
import { createQueue } from '../../src/jobs/queue/queue.ts'
import { createStoreLog } from '../../src/jobs/queue/store-log.ts'
import { createSchedule } from '../../src/jobs/schedule/schedule.ts'
import { startRedisServer } from '../queue/redis-server.ts'
import { createHandClock, createScheduleDatabase, createTestLog, type ScheduleDatabase } from './support.ts'

const HOUR_MS = 3_600_000

let database: ScheduleDatabase
beforeAll(async () => {
  database = await createScheduleDatabase()
})
afterAll(() => database.drop())

test.skipIf(inject('redisUrl') === null)(
  'twelve hours in which Redis is flushed again and again, before and while jobs run: no due work is missed',
  async () => {
    const redis = await startRedisServer()
    onTestFinished(() => redis.stop())
    const admin = new Redis(redis.url)
    onTestFinished(() => admin.disconnect())
    const { db } = database.open()
    const { log } = createTestLog()
    const clock = createHandClock('2026-06-01T00:30:00Z')
    const runs: number[] = []
    let gate = Promise.resolve()
    const due = defineJob<undefined>()({
      name: 'due',
      decodePayload: (value) => toInstant(Number(value)),
      async run(plannedAt) {
        const key = { accountId: 1, kind: 'flushed', plannedAt }
        const claim = await claimDue(db, key, clock.now())
        if (claim === null) return
        await gate
        if (await finishDue(db, key, { claim, outcome: 'done', now: clock.now() })) runs.push(plannedAt)
      },
    })
    const queue = await createQueue<undefined>({
      store: { kind: 'redis', url: redis.url },
      storeLog: createStoreLog(log),
      name: 'flushed',
      clock: { ...clock, realMs: (durationMs) => durationMs },
      log,
      jobs: [due],
      contextFor: () => undefined,
      concurrency: 2,
    })
    onTestFinished(() => queue.close({ deadlineMs: 1_000 }))
    queue.startWorker({ onDead: () => {} })
    let isEnqueued = true
    const schedule = createSchedule({
      db,
      clock,
      log,
      accountId: 1,
      entries: [{ kind: 'flushed', cron: '0 * * * *', zone: 'UTC' }],
      async enqueue({ plannedAt }) {
        // A job that is lost before any worker saw it: written, then flushed, with nothing to show for it.
        if (!isEnqueued) return
        await queue.enqueue(due, plannedAt, { callClass: 'fresh', jobId: `due-${plannedAt}`, isForgotten: true })
      },
    })
    onTestFinished(() => schedule.stop())

    for (let hour = 1; hour <= 12; hour++) {
      clock.move(HOUR_MS)
      let open = () => {}
      gate = new Promise((resolve) => {
        open = resolve
      })
      isEnqueued = hour % 3 !== 0
      await schedule.tick()
      if (hour % 2 === 0) await admin.flushall()
      isEnqueued = true
      open()
      await vi.waitFor(
        async () => {
          // The sweep of the minute.
          await schedule.tick()
          expect(runs).toHaveLength(hour)
        },
        { timeout: 10_000, interval: 200 },
      )
    }
    const planned = Array.from({ length: 12 }, (_, index) => Date.parse('2026-06-01T01:00:00Z') + index * HOUR_MS)
    expect(runs).toEqual(planned)
    expect((await database.rows('flushed')).map(({ outcome }) => outcome)).toEqual(planned.map(() => 'done'))
  },
)
