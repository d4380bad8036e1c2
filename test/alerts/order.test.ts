import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeDigests } from '../../src/alerts/write-digests.ts'
import { beginChannels } from '../../src/db/alerts/outbox.ts'
import { businessDateOf } from '../../src/domain/calendar.ts'
import { deliver as deliverRouted, drain, ZONE } from './routed.ts'
import {
  alertBodies,
  type Book,
  createDatabase,
  createRecordingChannel,
  digestBodies,
  HOUR_MS,
  MINUTE_MS,
  type RecordingChannel,
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

const RULES = tellAll(['webhook'])
const deliver = (book: Book, channel: RecordingChannel) => deliverRouted(database, book, [channel], RULES)

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

/** What makes a message wait, in the statement that takes one. */
const CONDITION = 'and message_id not in (select message_id from places where place > 1)'

/** @throws when something was not heard once and in order */
async function checkOrder(): Promise<{ countHeard: number; countWaited: number }> {
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
      await drain(database, book, [webhook], RULES)
      const wanted = await happened(book)
      expect(heard(webhook)).toEqual(wanted)
      countHeard += [...wanted.values()].flat().length
      countWaited += (await book.messages()).filter(({ attempts }) => attempts > 1).length
    }),
    { seed, numRuns: 60, endOnFailure: true },
  )
  return { countHeard, countWaited }
}

describe('of one mismatch', () => {
  test('each transition is heard once and in the order in which they happened, through outages and by two at once', async () => {
    const { countHeard, countWaited } = await checkOrder()
    console.info(`order: ${countHeard} transitions, ${countWaited} messages sent more than once`)
    expect(countWaited).toBeGreaterThan(0)
  })

  test('what was resolved while the target was away is heard after what was opened, as soon as the target answers', async () => {
    const webhook = createRecordingChannel('webhook')
    const book = await openBook()
    const first = await book.open({ code: 'record_changed' })
    webhook.mood = 'fails'
    for (let hour = 0; hour < 14; hour += 1) {
      await deliver(book, webhook)
      book.clock.advance(HOUR_MS)
    }
    await book.turn(first)
    await deliver(book, webhook)
    webhook.mood = 'takes'
    expect(await deliver(book, webhook)).toMatchObject({ countSent: 0, countFailed: 0 })
    const other = await book.open({ code: 'value_unknown' })
    // The retry of the first is hours away; the other mismatch is heard at once, and with that everything.
    await deliver(book, webhook)
    const names = [...alertBodies(webhook.received).values()].map(({ type, data }) => [type, data.items[0]?.id])
    expect(names).toEqual([
      ['mismatches.opened', other],
      ['mismatches.opened', first],
      ['mismatches.resolved', first],
    ])
  })

  test('news asks for what it waits behind, however far back, and however far off the retry was', async () => {
    const webhook = createRecordingChannel('webhook')
    const book = await openBook()
    webhook.mood = 'fails'
    const first = await book.open()
    for (const isTurn of [false, true]) {
      if (isTurn) await book.turn(first)
      for (let hour = 0; hour < 14; hour += 1) {
        await deliver(book, webhook)
        book.clock.advance(HOUR_MS)
      }
    }
    await deliver(book, webhook)
    webhook.mood = 'takes'
    expect(await deliver(book, webhook)).toMatchObject({ countSent: 0, countFailed: 0 })
    // No other mismatch finds out that the target is back.
    await book.turn(first)
    await deliver(book, webhook)
    expect([...alertBodies(webhook.received).values()].map(({ type }) => type)).toEqual([
      'mismatches.opened',
      'mismatches.resolved',
      'mismatches.reopened',
    ])
  })

  test('a digest is heard after the one before', async () => {
    const webhook = createRecordingChannel('webhook')
    const book = await openBook()
    const { accountId, clock } = book
    const days: string[] = []
    for (const mood of ['fails', 'fails', 'takes'] as const) {
      webhook.mood = mood
      await writeDigests(database.db, {
        accountId,
        account: 'north',
        plannedAt: clock.now(),
        rules: { ...RULES, digest: { at: '07:30', to: ['webhook'] } },
        zone: ZONE,
        now: clock.now(),
      })
      days.push(businessDateOf(clock.now(), ZONE))
      await deliver(book, webhook)
      // The retries of the first are hours apart by then.
      for (let hour = 0; mood === 'fails' && hour < 24; hour += 1) {
        clock.advance(HOUR_MS)
        await deliver(book, webhook)
      }
    }
    expect([...digestBodies(webhook.received).values()].map(({ data }) => data.day)).toEqual(days)
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

  test('the control: without the condition that makes a message wait, the order is broken', async () => {
    const { pool } = database
    const query: (...args: unknown[]) => unknown = pool.query.bind(pool)
    let countClaims = 0
    Reflect.set(pool, 'query', ({ text, ...statement }: { text: string }, ...rest: unknown[]) => {
      if (text.includes(CONDITION)) countClaims += 1
      return query({ ...statement, text: text.replace(CONDITION, '') }, ...rest)
    })
    try {
      await expect(checkOrder()).rejects.toMatchObject({ cause: { message: expect.stringContaining('deeply equal') } })
      expect(countClaims).toBeGreaterThan(0)
    } finally {
      Reflect.deleteProperty(pool, 'query')
    }
  })
})
