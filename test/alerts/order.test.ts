import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deliverAlerts } from '../../src/alerts/deliver.ts'
import { INTERVAL_MS } from '../../src/alerts/settings.ts'
import { beginChannels } from '../../src/db/alerts/outbox.ts'
import {
  alertBodies,
  type Book,
  createDatabase,
  createRecordingChannel,
  HOUR_MS,
  MINUTE_MS,
  type RecordingChannel,
  silentLog,
  type TestDatabase,
  tellAll,
} from './support.ts'

const seed = Number(process.env.TIEOUT_TEST_SEED ?? Date.now() % 2 ** 31)
console.info(`order seed ${seed}`)

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

async function openBook(): Promise<Book> {
  const book = await database.openBook()
  await beginChannels(database.db, { accountId: book.accountId, channels: ['webhook'], now: book.clock.now() })
  return book
}

const deliver = (book: Book, channel: RecordingChannel) =>
  deliverAlerts(database.db, {
    accountId: book.accountId,
    channels: [channel],
    rules: tellAll(['webhook']),
    zone: 'America/Edmonton',
    clock: book.clock,
    log: silentLog,
    random: () => 0.5,
  })

/** By mismatch, what happened to it, in order. */
async function happened({ accountId }: Book): Promise<Map<string, string[]>> {
  const { rows } = await database.db.execute<{ id: string; what: string }>(sql`
    select mismatch_id as id, kind || ' ' || to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as what
    from recon.mismatch_events where account_id = ${accountId} order by event_id`)
  return byMismatch(rows)
}

/** By mismatch, what the other side heard of it for the first time, in order; one message tells as things happened. */
function heard({ received }: RecordingChannel): Map<string, string[]> {
  const told = [...alertBodies(received).values()].flatMap(({ type, data }) =>
    [...data.items]
      .sort((a, b) => a.at.localeCompare(b.at))
      .map(({ id, at }) => ({ id, what: `${type.replace('mismatches.', '')} ${at}` })),
  )
  return byMismatch(told)
}

function byMismatch(list: readonly { readonly id: string; readonly what: string }[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { id, what } of list) found.set(id, [...(found.get(id) ?? []), what])
  return found
}

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('open' as const), code: fc.constantFrom('record_changed', 'value_unknown') }),
    fc.record({ kind: fc.constant('turn' as const), index: fc.nat(9) }),
    fc.record({ kind: fc.constant('turn' as const), index: fc.nat(2) }),
    fc.record({ kind: fc.constant('advance' as const), minutes: fc.constantFrom(1, 7, 15, 61, 1_500) }),
    fc.record({
      kind: fc.constant('deliver' as const),
      mood: fc.constantFrom('takes' as const, 'unheard' as const, 'fails' as const),
      isTwice: fc.boolean(),
    }),
  ),
  { minLength: 20, maxLength: 60 },
)

describe('of one mismatch', () => {
  test('each transition is heard once and in the order in which they happened, through outages and by two at once', async () => {
    let countHeard = 0
    let countWaited = 0
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const webhook = createRecordingChannel('webhook')
        const book = await openBook()
        const ids: string[] = []
        for (const step of list) {
          book.clock.advance(1_000)
          if (step.kind === 'open' && ids.length < 10) ids.push(await book.open(step))
          const turned = step.kind === 'turn' ? ids[step.index] : undefined
          if (turned) await book.turn(turned)
          if (step.kind === 'advance') book.clock.advance(step.minutes * MINUTE_MS)
          if (step.kind === 'deliver') {
            webhook.mood = step.mood
            await Promise.all([deliver(book, webhook), ...(step.isTwice ? [deliver(book, webhook)] : [])])
          }
        }
        webhook.mood = 'takes'
        await drain(book, webhook)
        const wanted = await happened(book)
        expect(heard(webhook)).toEqual(wanted)
        countHeard += [...wanted.values()].flat().length
        countWaited += (await book.messages()).filter(({ attempts }) => attempts > 1).length
      }),
      { seed, numRuns: 60 },
    )
    console.info(`order: ${countHeard} transitions, ${countWaited} messages sent more than once`)
    expect(countWaited).toBeGreaterThan(0)
  }, 60_000)

  test('what was resolved while the target was away is heard after what was opened, as soon as the target answers', async () => {
    const webhook = createRecordingChannel('webhook')
    const book = await openBook()
    const first = await book.open({ code: 'record_changed' })
    webhook.mood = 'fails'
    for (let hour = 0; hour < 14; hour += 1) {
      await deliver(book, webhook)
      book.clock.advance(HOUR_MS)
    }
    await deliver(book, webhook)
    await book.turn(first)
    const other = await book.open({ code: 'value_unknown' })
    webhook.mood = 'takes'
    // The retry of the first is hours away; the other mismatch is heard at once, and with that everything.
    await deliver(book, webhook)
    const names = [...alertBodies(webhook.received).values()].map(({ type, data }) => [type, data.items[0]?.id])
    expect(names).toEqual([
      ['mismatches.opened', other],
      ['mismatches.opened', first],
      ['mismatches.resolved', first],
    ])
  })

  test('one that is given up holds nothing back', async () => {
    const webhook = createRecordingChannel('webhook')
    const book = await openBook()
    const id = await book.open()
    webhook.mood = 'refuses'
    await deliver(book, webhook)
    await book.turn(id)
    webhook.mood = 'takes'
    await deliver(book, webhook)
    expect([...alertBodies(webhook.received).values()].map(({ type }) => type)).toEqual(['mismatches.resolved'])
  })

  test('the control: an order that was turned round is seen', () => {
    const item = (at: string) => ({ id: 'one', at })
    const message = (id: string, type: string, at: string) => ({
      messageId: id,
      body: JSON.stringify({ type, data: { count: 1, countOmitted: 0, items: [item(at)] } }),
    })
    const webhook = createRecordingChannel('webhook')
    webhook.received.push(message('a', 'mismatches.resolved', '2'), message('b', 'mismatches.opened', '1'))
    expect(heard(webhook)).not.toEqual(new Map([['one', ['opened 1', 'resolved 2']]]))
  })
})

async function drain(book: Book, channel: RecordingChannel): Promise<void> {
  for (let runs = 0; runs < 100; runs += 1) {
    book.clock.advance(INTERVAL_MS)
    const { countSent, countMessages } = await deliver(book, channel)
    const isWaiting = (await book.messages()).some(({ isDelivered, isGivenUp }) => !isDelivered && !isGivenUp)
    if (countSent + countMessages === 0 && !isWaiting) return
  }
  throw new Error('the outbox does not run dry')
}
