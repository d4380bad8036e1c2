import { expect, onTestFinished, test } from 'vitest'
import type { AlertChannel } from '../../src/alerts/channel.ts'
import type { Services } from '../../src/context.ts'
import { beginChannels } from '../../src/db/alerts/outbox.ts'
import { createSystemClock } from '../../src/domain/clock.ts'
import { openJobs } from '../../src/jobs/index.ts'
import { migrateQueue } from '../../src/jobs/queue/postgres-store.ts'
import { createDatabase, silentLog, tellAll } from './support.ts'

/** A channel whose first send lasts until it is let go. */
function createSlowChannel() {
  let letGo = () => {}
  let noteBegun = () => {}
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const begun = new Promise<void>((resolve) => {
    noteBegun = resolve
  })
  const codes: string[] = []
  const listeners: (() => void)[] = []
  const channel: AlertChannel = {
    name: 'slow',
    async send({ body }) {
      noteBegun()
      await held
      codes.push(JSON.parse(body).data.code)
      for (const listener of listeners) listener()
      return { kind: 'taken' }
    },
  }
  const told = (code: string) =>
    new Promise<void>((resolve) => {
      listeners.push(() => codes.includes(code) && resolve())
    })
  return { channel, codes, begun, letGo, told }
}

test('news that come while a run of alerts is at work are told by the next one at once, with no sweep', async () => {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const book = await database.openBook()
  const { accountId } = book
  const slow = createSlowChannel()
  await beginChannels(database.db, { accountId, channels: ['slow'], now: book.clock.now() })
  await migrateQueue(database.url)
  const services = {
    db: database.db,
    account: { accountId, name: 'north' },
    clock: book.clock,
    alertChannels: [slow.channel],
    alertRules: tellAll(['slow']),
    settling: { zone: 'America/Edmonton' },
  } as unknown as Services
  const { queue, settleQueue, enqueue } = await openJobs({
    servicesOf: () => services,
    clock: createSystemClock(),
    store: { kind: 'postgres', url: database.url },
    log: silentLog,
  })
  onTestFinished(async () => {
    await Promise.all([queue.close({ deadlineMs: 1_000 }), settleQueue.close({ deadlineMs: 1_000 })])
  })
  queue.startWorker({ onDead: () => {} })
  await book.open({ code: 'record_changed' })
  await enqueue.alert({ accountId, after: '1' })
  await slow.begun

  await book.open({ code: 'value_unknown' })
  await enqueue.alert({ accountId, after: '2' })
  const isTold = slow.told('value_unknown')
  slow.letGo()
  await isTold
  expect(slow.codes).toEqual(['record_changed', 'value_unknown'])
})
