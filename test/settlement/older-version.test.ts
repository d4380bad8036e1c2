import pino from 'pino'
import { expect, test } from 'vitest'
import {
  abandonAttempt,
  beginAttempt,
  databaseTime,
  listAttempts,
  listUnfinishedAttempts,
  loadAttempt,
} from '../../src/db/settlement/attempts.ts'
import { type BatchKey, batchSlug } from '../../src/domain/batch-key.ts'
import { businessDateOf } from '../../src/domain/calendar.ts'
import { HELCIM_ZONE } from '../../src/domain/helcim-time.ts'
import { SETTLE_KIND } from '../../src/domain/settlement-cut-offs.ts'
import { openJobs } from '../../src/jobs/index.ts'
import { migrateQueue } from '../../src/jobs/queue/postgres-store.ts'
import { createPointQueue } from '../kills/points/point-queue.ts'
import { ACH, CARD } from './sides.ts'
import { type Till, withTill } from './till.ts'

/** As versions from before ACH was settled name them. */
const KNOWN_JOBS = ['confirm-attempt', 'settle-batch']
const ID = 4_711n

test('a version from before ACH was settled meets nothing of it: no row in its tables, and no job by a name it knows', () =>
  withTill({ side: ACH }, async (till) => {
    const batch = till.sell()
    await till.settle()
    const countOf = async (table: string) => (await till.query(`select from ${table}`)).length
    expect(await countOf(ACH.attempts)).toBe(1)
    expect(await countOf(ACH.decisions)).toBe(1)
    expect(await countOf(CARD.attempts)).toBe(0)
    expect(await countOf(CARD.decisions)).toBe(0)
    expect((await jobsAskedFor(till, till.batch(batch))).filter((name) => KNOWN_JOBS.includes(name))).toEqual([])
    // The control: those of cards it knows.
    expect(await jobsAskedFor(till, { kind: 'card_batch', id: batch })).toEqual(KNOWN_JOBS)
  }))

test('one number names one attempt, of whatever kind, and a batch of the same id as one of the other kind is another', () =>
  withTill({}, async (till) => {
    const { accountId } = till.world.account
    const { context, end } = till.life(createPointQueue())
    const { db } = context
    const begin = async (batch: BatchKey) => {
      const now = till.world.clock.now()
      const businessDate = businessDateOf(now, HELCIM_ZONE)
      const money = { currency: null, netMinor: null, countTotal: null }
      const ofKind =
        batch.kind === 'card_batch'
          ? { terminalId: 54_181n, idempotencyKey: null }
          : { terminalId: null, idempotencyKey: `key ${now}` }
      const about = { accountId, batch, businessDate, plannedAt: null, actor: 'Ines', now, ...money, ...ofKind }
      return beginAttempt(db, { ...about, readFrom: await databaseTime(db) })
    }
    const [card, ach] = [
      { kind: 'card_batch', id: ID },
      { kind: 'ach_batch', id: ID },
    ] as const
    const begun = [await begin(card), await begin(ach)]
    expect(begun).toMatchObject([{ batch: card }, { batch: ach, idempotencyKey: expect.stringContaining('key') }])
    // One that is unfinished lets no other begin, of its own kind.
    expect([await begin(card), await begin(ach)]).toEqual([null, null])
    const [first, second] = begun.map((attempt) => attempt?.attemptId ?? 0n)
    expect((await listUnfinishedAttempts(db, accountId)).map(({ attemptId }) => attemptId)).toEqual([first, second])
    expect((await listAttempts(db, { accountId, limit: 5 })).map(({ attemptId }) => attemptId)).toEqual([second, first])
    expect(await listAttempts(db, { accountId, batch: ach, limit: 5 })).toEqual([begun[1]])

    const named = await loadAttempt(db, { accountId, attemptId: second ?? 0n })
    expect(named).toEqual(begun[1])
    if (named) expect(await abandonAttempt(db, named, { actor: 'Ines', now: till.world.clock.now() })).toBe(true)
    const states = (await listAttempts(db, { accountId, limit: 5 })).map(({ batch, state }) => [
      batchSlug(batch),
      state,
    ])
    expect(states).toEqual([
      [`ach-${ID}`, 'abandoned'],
      [String(ID), 'intended'],
    ])
    await end()
  }))

/** The names under which the queue keeps what is asked for about a batch. */
async function jobsAskedFor({ world }: Till, batch: BatchKey): Promise<string[]> {
  await migrateQueue(world.url)
  const { queue, settleQueue, enqueue } = await openJobs({
    servicesOf: () => null,
    clock: world.clock,
    store: { kind: 'postgres', url: world.url },
    log: pino({ level: 'silent' }),
  })
  const { accountId } = world.account
  await enqueue.settleBatch({ accountId, kind: SETTLE_KIND, batch, plannedAt: world.clock.now() })
  await enqueue.confirmAttempt({ attempt: { accountId, attemptId: ID, batch }, delayMs: 0 })
  const rows = await world.query('select name from bullmq.job order by 1')
  await world.query('delete from bullmq.job')
  await Promise.all([queue, settleQueue].map((one) => one.close({ deadlineMs: 2_000 })))
  return rows.map(({ name }) => String(name))
}
