import pino from 'pino'
import { expect, inject, onTestFinished, test } from 'vitest'
import type { Services } from '../../src/context.ts'
import { listUnfinishedAttempts } from '../../src/db/settlement/attempts.ts'
import { SETTLE_KIND } from '../../src/domain/settlement-cut-offs.ts'
import type { HelcimClient } from '../../src/helcim/client.ts'
import { openJobs } from '../../src/jobs/index.ts'
import { createPointQueue } from '../kills/points/point-queue.ts'
import { startRedisServer } from '../queue/redis-server.ts'
import { createGate, until } from '../queue/support.ts'
import { isLong } from '../support/long.ts'
import { frozenAt, MOMENTS, type Moment } from './frozen-at.ts'
import { brokenLaws } from './laws.ts'
import { CARD } from './sides.ts'
import { withTill } from './till.ts'

const FROZEN_MS = 40_000
const SETTLED_MS_MAX = 180_000
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const onDead = (reason: string) => {
  throw new Error(reason)
}

/**
 * The queue gives a job to a second worker while the first one still has it in hand, at any moment of a settlement. That
 * two processes at once make one call is shown in the usual run without a queue; here it is a real one.
 */
test.skipIf(inject('redisUrl') === null || !isLong).each<Moment>(MOMENTS)(
  `Redis frozen for ${FROZEN_MS} ms, a settlement doubled %s: side effects doubled 0 (fault 7)`,
  (moment) =>
    withTill({}, async (till) => {
      const { world } = till
      const redis = await startRedisServer()
      onTestFinished(() => redis.stop())
      const gate = createGate()
      let countHeld = 0
      const hold = () => {
        countHeld += 1
        return gate.opened
      }
      const open = async (isHeld: boolean) => {
        const life = till.life(createPointQueue())
        const { db, account, helcim, settling, clock, settings, alertChannels, alertRules, books, exporting } = isHeld
          ? frozenAt(life, CARD, moment, hold)
          : life.context
        let countReads = 0
        const counting: HelcimClient = {
          ...helcim,
          read(...asked) {
            countReads += 1
            return helcim.read(...asked)
          },
        }
        const services: Services = {
          db,
          account,
          helcim: counting,
          settling,
          clock,
          settings,
          alertChannels,
          alertRules,
          books,
          exporting,
        }
        const jobs = await openJobs({
          servicesOf: () => services,
          clock: world.clock,
          store: { kind: 'redis', url: redis.url },
          log: pino({ level: 'silent' }),
        })
        onTestFinished(async () => {
          await Promise.all([jobs.queue, jobs.settleQueue].map((queue) => queue.close({ deadlineMs: 2_000 })))
          await life.end()
        })
        return { ...jobs, services, countReads: () => countReads }
      }
      const [one, two] = [await open(true), await open(false)]
      const batch = till.sell()
      const { plannedAt } = await till.cutOff()
      const due = { accountId: world.account.accountId, kind: SETTLE_KIND, plannedAt }
      await one.enqueue.due(due)
      one.settleQueue.startWorker({ onDead })
      await until(() => countHeld === 1)
      redis.signal('SIGSTOP')
      two.settleQueue.startWorker({ onDead })
      await pause(FROZEN_MS)
      redis.signal('SIGCONT')
      // The second worker has taken what the first still works on, and does with it what may be done.
      await until(() => two.countReads() > 0, 60_000)
      await pause(2_000)
      gate.open()
      const startedAt = performance.now()
      await until(async () => {
        const { db } = two.services
        await pause(500)
        // As each minute's sweep does.
        await two.enqueue.due(due)
        for (const attempt of await listUnfinishedAttempts(db, due.accountId))
          await two.enqueue.confirmAttempt({ attempt, delayMs: 0 })
        return till.isClosed(batch) && (await listUnfinishedAttempts(db, due.accountId)).length === 0
      }, SETTLED_MS_MAX)
      expect(till.posts(batch)).toHaveLength(1)
      expect(await brokenLaws(till)).toEqual([])
      const made = (await till.attempts(batch)).map(({ state, outcome }) => `${state} ${outcome}`)
      const ms = Math.round(performance.now() - startedAt)
      console.info(`${moment}: attempts ${made.join(', ')}; one call; certain ${ms} ms after the first went on`)
    }),
  400_000,
)
