import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deliverAlerts } from '../../src/alerts/deliver.ts'
import { INTERVAL_MS } from '../../src/alerts/settings.ts'
import { beginChannels } from '../../src/db/alerts/outbox.ts'
import { drain } from './routed.ts'
import {
  alertBodies,
  type Book,
  createDatabase,
  createReadableLog,
  createRecordingChannel,
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  namesOf,
  type RecordingChannel,
  silentLog,
  type TestDatabase,
  tellAll,
  toldIn,
} from './support.ts'

const seed = Number(process.env.TIEOUT_TEST_SEED ?? Date.now() % 2 ** 31)
console.info(`outbox seed ${seed}`)

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

const deliver = (
  book: Book,
  channels: readonly RecordingChannel[],
  log = silentLog,
  rules = tellAll(channels.map(({ name }) => name)),
) =>
  deliverAlerts(database.db, {
    accountId: book.accountId,
    channels,
    rules,
    zone: 'America/Edmonton',
    clock: book.clock,
    log,
    random: () => 0.5,
  })

const begin = (book: Book, channels: readonly string[]) =>
  beginChannels(database.db, { accountId: book.accountId, channels, now: book.clock.now() })

async function openBook(channels: readonly string[]): Promise<Book> {
  const book = await database.openBook()
  await begin(book, channels)
  return book
}

type Step =
  | { kind: 'open'; code: string; severity: string }
  | { kind: 'turn'; index: number }
  | { kind: 'advance'; minutes: number }
  | { kind: 'deliver'; mood: 'takes' | 'unheard' | 'fails'; isTwice: boolean }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('open' as const),
      code: fc.constantFrom('card_batch_total_differs', 'record_changed', 'value_unknown'),
      severity: fc.constantFrom('critical', 'high', 'medium', 'info'),
    }),
    fc.record({ kind: fc.constant('turn' as const), index: fc.nat(19) }),
    fc.record({ kind: fc.constant('advance' as const), minutes: fc.constantFrom(1, 7, 14, 15, 61) }),
    fc.record({
      kind: fc.constant('deliver' as const),
      mood: fc.constantFrom('takes' as const, 'unheard' as const, 'fails' as const),
      isTwice: fc.boolean(),
    }),
  ),
  { minLength: 20, maxLength: 50 },
)

describe('whatever happens in whatever order', () => {
  test('every transition is told once per channel, none is lost, and repeats come under the same id', async () => {
    let countTransitions = 0
    let countRepeats = 0
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const channels = [createRecordingChannel('log'), createRecordingChannel('webhook')] as const
        const [log, webhook] = channels
        const book = await openBook(['log', 'webhook'])
        const ids: string[] = []
        for (const step of list) {
          if (step.kind === 'open' && ids.length < 20) ids.push(await book.open(step))
          const turned = step.kind === 'turn' ? ids[step.index] : undefined
          if (turned) await book.turn(turned)
          if (step.kind === 'advance') book.clock.advance(step.minutes * MINUTE_MS)
          if (step.kind === 'deliver') {
            webhook.mood = step.mood
            await Promise.all([deliver(book, channels), ...(step.isTwice ? [deliver(book, channels)] : [])])
          }
        }
        webhook.mood = 'takes'
        await drain(database, book, channels, tellAll(channels.map(({ name }) => name)))

        const wanted = namesOf(book.transitions)
        const messages = await book.messages()
        for (const { name, received } of [log, webhook]) {
          const bodies = alertBodies(received)
          const told = [...bodies.values()]
          const reminded = told.filter(({ type }) => type === 'mismatches.reminded')
          expect(toldIn(told.filter((body) => !reminded.includes(body)))).toEqual(wanted)
          expect([...bodies.keys()].sort()).toEqual(
            messages
              .filter(({ channel }) => channel === name)
              .map(({ messageId }) => messageId)
              .sort(),
          )
          const sum = (type: string) =>
            told.filter((body) => body.type === type).reduce((total, { data }) => total + data.count, 0)
          expect(sum('mismatches.opened') + sum('mismatches.reopened') - sum('mismatches.resolved')).toBe(
            await book.countOpen(),
          )
          countRepeats += received.length - bodies.size
        }
        // The log takes each message at the first attempt, so no id comes there twice.
        expect(log.received.length).toBe(alertBodies(log.received).size)
        expect([...(await book.countItems()).values()].every((count) => count === 1)).toBe(true)
        expectIntervals(messages)
        countTransitions += book.transitions.length
      }),
      { seed, numRuns: 25, endOnFailure: true },
    )
    console.info(`outbox: ${countTransitions} transitions on 2 channels, ${countRepeats} repeats, lost 0, doubled 0`)
    expect(countTransitions).toBeGreaterThan(100)
    expect(countRepeats).toBeGreaterThan(0)
  })
})

function expectIntervals(messages: readonly { channel: string; cause: string; createdAt: number }[]) {
  const last = new Map<string, number>()
  for (const { channel, cause, createdAt } of messages) {
    const key = `${channel} ${cause}`
    expect(createdAt - (last.get(key) ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(INTERVAL_MS)
    last.set(key, createdAt)
  }
}

describe('gathering', () => {
  test('the first message of a cause goes at once, what follows within the interval in one more', async () => {
    const channel = createRecordingChannel('webhook')
    const book = await openBook(['webhook'])
    await book.open()
    expect(await deliver(book, [channel])).toMatchObject({ countMessages: 1, countSent: 1 })
    for (let minute = 0; minute < 14; minute += 1) {
      book.clock.advance(MINUTE_MS)
      await book.open()
      expect(await deliver(book, [channel])).toMatchObject({ countMessages: 0, countSent: 0 })
    }
    await book.open({ code: 'record_changed' })
    expect(await deliver(book, [channel])).toMatchObject({ countMessages: 1 })
    book.clock.advance(MINUTE_MS)
    expect(await deliver(book, [channel])).toMatchObject({ countMessages: 1 })
    const counts = [...alertBodies(channel.received).values()].map(({ data }) => data.count)
    expect(counts).toEqual([1, 1, 14])
  })

  test('a clock that was set back holds nothing up', async () => {
    const channel = createRecordingChannel('webhook')
    const book = await openBook(['webhook'])
    await book.open()
    await deliver(book, [channel])
    book.clock.advance(-HOUR_MS)
    await book.open()
    expect(await deliver(book, [channel])).toMatchObject({ countMessages: 1, countSent: 1 })
  })

  test('more than twenty of one cause are one message that lists the worst and counts the rest', async () => {
    const channel = createRecordingChannel('webhook')
    const book = await openBook(['webhook'])
    for (let n = 1; n <= 57; n += 1) {
      const isUsd = n % 3 === 0
      await book.open({ expectedMinor: 0n, actualMinor: BigInt(-n), currency: isUsd ? 'USD' : 'CAD' })
    }
    await deliver(book, [channel])
    const [body] = alertBodies(channel.received).values()
    expect(body?.data.count).toBe(57)
    expect(body?.data.countOmitted).toBe(37)
    expect(body?.data.items.map(({ difference }) => difference)).toEqual(
      Array.from({ length: 20 }, (_, index) => `-0.${57 - index}`),
    )
    // 1 + … + 57 is 1653 cents, of which 3 × (1 + … + 19) are in USD.
    expect(body?.data.atStake).toEqual([
      { currency: 'CAD', amount: '10.83' },
      { currency: 'USD', amount: '5.70' },
    ])
    expect([...(await book.countItems()).values()]).toEqual(Array.from({ length: 57 }, () => 1))
  })
})

describe('a channel that is switched on', () => {
  test('is not told the past, and all that commits later', async () => {
    const book = await openBook(['log'])
    const old = await book.open()
    const [log, webhook] = [createRecordingChannel('log'), createRecordingChannel('webhook')]
    await deliver(book, [log])
    await begin(book, ['log', 'webhook'])
    await begin(book, ['log', 'webhook'])
    book.clock.advance(HOUR_MS)
    await book.turn(old)
    await deliver(book, [log, webhook])
    expect(toldIn(alertBodies(webhook.received).values())).toEqual(namesOf(book.transitions.slice(1)))
    expect(toldIn(alertBodies(log.received).values())).toEqual(namesOf(book.transitions))
  })

  test('is told of a run that was under way, though its events are older and numbered before', async () => {
    const book = await openBook([])
    const mismatchId = await book.open()
    const channel = createRecordingChannel('webhook')
    await database.db.transaction(async (tx) => {
      await tx.execute(sql`insert into recon.mismatch_events (account_id, mismatch_id, kind, at, actor, severity)
        values (${book.accountId}, ${mismatchId}, 'resolved', ${new Date(book.clock.now() - 5_000).toISOString()},
          'tieout', 'critical')`)
      await begin(book, ['webhook'])
    })
    await deliver(book, [channel])
    expect([...alertBodies(channel.received).values()].map(({ type }) => type)).toEqual(['mismatches.resolved'])
  })

  test('off for a while and on again, it is told what it missed', async () => {
    const book = await openBook(['log', 'webhook'])
    const [log, webhook] = [createRecordingChannel('log'), createRecordingChannel('webhook')]
    await book.open()
    await deliver(book, [log])
    book.clock.advance(DAY_MS)
    await begin(book, ['log', 'webhook'])
    await deliver(book, [log, webhook])
    expect(alertBodies(webhook.received).size).toBeGreaterThan(0)
    expect(toldIn(alertBodies(webhook.received).values())).toEqual(expect.arrayContaining(namesOf(book.transitions)))
  })
})

describe('attempts', () => {
  test('a message that nobody takes is tried for five days, then given up with a line at error', async () => {
    const { log, lines } = createReadableLog()
    const channel = createRecordingChannel('webhook')
    channel.mood = 'fails'
    const book = await openBook(['webhook'])
    await book.open({ severity: 'info' })
    let hours = 0
    while (!(await book.messages()).some(({ isGivenUp }) => isGivenUp) && hours < 300) {
      await deliver(book, [channel], log)
      book.clock.advance(HOUR_MS)
      hours += 1
    }
    const [message] = await book.messages()
    console.info(`given up after ${hours - 1} h and ${message?.attempts} attempts`)
    expect(hours - 1).toBeGreaterThanOrEqual(120)
    expect(hours - 1).toBeLessThanOrEqual(126)
    expect(message).toMatchObject({ isDelivered: false, lastError: 'no answer before the deadline' })
    expect(lines.filter(({ level }) => level === 'error').map(({ msg }) => msg)).toEqual(['alert.given_up'])
    book.clock.advance(DAY_MS)
    channel.mood = 'takes'
    await deliver(book, [channel], log)
    expect(channel.received).toEqual([])
  })

  test('a message that is refused is given up at once, and the next is sent', async () => {
    const channel = createRecordingChannel('webhook')
    const book = await openBook(['webhook'])
    await book.open()
    channel.mood = 'refuses'
    expect(await deliver(book, [channel])).toMatchObject({ countGivenUp: 1, countFailed: 0 })
    channel.mood = 'takes'
    await book.open({ code: 'record_changed' })
    expect(await deliver(book, [channel])).toMatchObject({ countSent: 1 })
  })

  test('a run sends at most ten messages, and none after a failure', async () => {
    const channel = createRecordingChannel('webhook')
    const book = await openBook(['webhook'])
    for (let n = 0; n < 13; n += 1) await book.open({ code: `code_${n}` })
    channel.mood = 'fails'
    expect(await deliver(book, [channel])).toMatchObject({ countMessages: 13, countFailed: 1, countSent: 0 })
    channel.mood = 'takes'
    expect(await deliver(book, [channel])).toMatchObject({ countSent: 10 })
    book.clock.advance(MINUTE_MS)
    expect(await deliver(book, [channel])).toMatchObject({ countSent: 3 })
  })
})

describe('reminders', () => {
  test.each([
    ['critical', 'open', [1, 3, 7, 14, 30]],
    ['high', 'open', [1, 3, 7, 14, 30]],
    ['medium', 'open', [7, 30]],
    ['low', 'open', []],
    ['critical', 'acknowledged', [7, 30]],
    ['medium', 'acknowledged', [7, 30]],
  ] as const)('%s and %s: after %j days', async (severity, state, days) => {
    const book = await openBook(['log'])
    const channel = createRecordingChannel('log')
    const id = await book.open({ severity })
    if (state === 'acknowledged') await book.acknowledge(id)
    const remindedAfter: number[] = []
    for (let day = 0; day <= 40; day += 1) {
      const { countReminded } = await deliver(book, [channel])
      if (countReminded > 0) remindedAfter.push(day)
      expect((await deliver(book, [channel])).countReminded).toBe(0)
      book.clock.advance(DAY_MS)
    }
    expect(remindedAfter).toEqual(days)
  })

  test('count anew from when it was last opened, and end when it is resolved', async () => {
    const book = await openBook(['log'])
    const id = await book.open()
    book.clock.advance(3 * DAY_MS)
    await deliver(book, [])
    await book.turn(id)
    book.clock.advance(30 * DAY_MS)
    expect((await deliver(book, [])).countReminded).toBe(0)
    await book.turn(id)
    expect((await deliver(book, [])).countReminded).toBe(0)
    book.clock.advance(DAY_MS)
    expect((await deliver(book, [])).countReminded).toBe(1)
    // Of the steps that a daemon slept through only the last is written.
    expect(await book.reminders(id)).toEqual([2, 1])
  })
})
