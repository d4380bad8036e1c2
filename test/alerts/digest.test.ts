import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DigestBody, SettlementItem } from '../../src/alerts/digest-message.ts'
import { writeDigests } from '../../src/alerts/write-digests.ts'
import { loadHistoryFrom } from '../../src/db/accounts.ts'
import { beginChannels } from '../../src/db/alerts/outbox.ts'
import { noteDead, reviveTargets } from '../../src/db/alerts/targets.ts'
import { coverDays } from '../../src/db/coverage.ts'
import { addDays } from '../../src/domain/calendar.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { helcimDate } from '../../src/domain/helcim-time.ts'
import { alertsOf, drain, NAMES, openChannels, openRoutedBook, RULES, ZONE } from './routed.ts'
import {
  type Book,
  createDatabase,
  DAY_MS,
  digestBodies,
  HOUR_MS,
  type RecordingChannel,
  START,
  type TestDatabase,
} from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

const digestsOf = ({ received }: RecordingChannel): DigestBody[] => [...digestBodies(received).values()]

describe('the digest of a morning', () => {
  const write = (book: Book, plannedAt: number, rules = RULES) =>
    writeDigests(database.db, {
      accountId: book.accountId,
      account: 'north',
      plannedAt: toInstant(plannedAt),
      rules,
      zone: ZONE,
      now: book.clock.now(),
    })

  test('is written once per channel and day, however many ask at once', async () => {
    const book = await openRoutedBook(database)
    await book.open()
    const all = await Promise.all([write(book, START), write(book, START), write(book, START + HOUR_MS)])
    expect(all.reduce((sum, { countDigests }) => sum + countDigests, 0)).toBe(NAMES.length)
    expect(await write(book, START)).toEqual({ countDigests: 0 })
    expect(await write(book, START + DAY_MS)).toEqual({ countDigests: NAMES.length })
  })

  test('counts each movement in one digest, also where some were left out: open = opened + reopened − resolved of all', async () => {
    const book = await openRoutedBook(database)
    const channels = openChannels()
    const ids: string[] = []
    for (let day = 0; day < 8; day += 1) {
      for (let n = 0; n <= day % 3; n += 1) ids.push(await book.open({ severity: n === 2 ? 'info' : 'high' }))
      const turned = ids[(day * 5) % ids.length]
      if (turned && day % 2 === 1) await book.turn(turned)
      book.clock.advance(DAY_MS)
      // A daemon that was away on the third and fourth day.
      if (day !== 2 && day !== 3) await write(book, book.clock.now())
      await drain(database, book, channels)
      book.clock.advance(-(book.clock.now() - START) + (day + 1) * DAY_MS)
    }
    const [log, slack] = channels as [RecordingChannel, RecordingChannel]
    const digests = digestsOf(log).sort((a, b) => a.timestamp.localeCompare(b.timestamp))
    expect(digests).toHaveLength(6)
    const sum = (of: 'countOpened' | 'countReopened' | 'countResolved') =>
      digests.reduce((total, { data }) => total + data[of], 0)
    expect(sum('countOpened')).toBe(ids.length)
    expect(sum('countOpened') + sum('countReopened') - sum('countResolved')).toBe(await book.countOpen())
    expect(digests.at(-1)?.data.countOpen).toBe(await book.countOpen())
    // What is not told singly stands there as well.
    expect(digests.at(-1)?.data.open.map(({ severity }) => severity)).toContain('info')
    expect(alertsOf(log).some(({ data }) => data.severity === 'info')).toBe(false)
    expect(digestsOf(slack).map(({ data }) => data.day)).toEqual(digestsOf(log).map(({ data }) => data.day))
  })

  test('tells each settlement once, and why a batch is held', async () => {
    const book = await openRoutedBook(database)
    const [channel] = openChannels() as [RecordingChannel]
    const { accountId, clock } = book
    const rules = { ...RULES, digest: { at: '07:30', to: ['log'] } }
    const settle = async (batch: number, state: string, at: number, words: string | null = null) =>
      database.db.execute(sql`
        insert into recon.settlement_attempts (account_id, card_batch_id, terminal_id, business_date, state, intended_at,
          finished_at, currency, net_minor, closed_by, status, words)
        values (${accountId}, ${batch}, 7, '2026-10-01', ${state}, ${new Date(at).toISOString()},
          ${new Date(at).toISOString()}, 'CAD', ${batch * 100}, ${state === 'confirmed' ? 'tieout' : null},
          ${words === null ? null : 422}, ${words})`)
    const settleAch = async (batch: number, state: string, at: number) =>
      database.db.execute(sql`
        insert into recon.ach_settlement_attempts (account_id, ach_batch_id, business_date, state, intended_at, finished_at,
          currency, net_minor, closed_by, idempotency_key)
        values (${accountId}, ${batch}, '2026-10-01', ${state}, ${new Date(at).toISOString()},
          ${state === 'unknown' ? null : new Date(at).toISOString()}, 'CAD', ${batch * 100},
          ${state === 'confirmed' ? 'helcim' : null}, ${`key of ${batch}`})`)
    await database.db.execute(sql`
      insert into helcim.card_batches (account_id, card_batch_id, terminal_id, batch_number, is_closed, is_strictly_open,
        created_at_text, updated_at_text, closed_at_text, raw, content_hash, observed_at, first_seen_at)
      values (${accountId}, 3, 7, 3, false, true, '', '', '', '{}', gen_random_uuid(), now(), now())`)
    await database.db.execute(sql`
      insert into recon.settlement_decisions (account_id, card_batch_id, terminal_id, business_date, mode, verdict, reasons,
        first_at, last_at, currency, net_minor)
      values (${accountId}, 3, 7, '2026-10-01', 'on', 'hold',
        ${JSON.stringify([{ code: 'net_too_high', weight: 'hold', text: 'The net is above 20000.00.' }])}::json,
        ${new Date(START).toISOString()}, ${new Date(START).toISOString()}, 'CAD', 2500000)`)
    await settle(1, 'confirmed', START - 10_000)
    await settle(2, 'refused', START, 'Batch is <empty>')
    await settleAch(1, 'confirmed', START)
    await settleAch(6, 'unknown', START)
    await write(book, START, rules)
    // One that commits after the digest was written, though it bears an earlier instant.
    await settle(4, 'confirmed', START - 5_000)
    clock.advance(DAY_MS)
    await settle(5, 'confirmed', clock.now())
    await write(book, clock.now(), rules)
    clock.advance(DAY_MS)
    await write(book, clock.now(), rules)
    await drain(database, book, [channel])
    const digests = digestsOf(channel).sort((a, b) => a.timestamp.localeCompare(b.timestamp))
    const namesOf = (items: readonly SettlementItem[]) => items.map(({ batch: { kind, id } }) => `${kind} ${id}`)
    expect(digests.map(({ data }) => namesOf(data.settlements.settled))).toEqual([
      ['card_batch 1', 'ach_batch 1'],
      ['card_batch 5', 'card_batch 4'],
      [],
    ])
    // What is not known stands in every digest until it is.
    expect(digests.map(({ data }) => namesOf(data.settlements.refused))).toEqual([
      ['ach_batch 6', 'card_batch 2'],
      ['ach_batch 6'],
      ['ach_batch 6'],
    ])
    expect(digests[0]?.data.settlements).toMatchObject({
      settled: [{ words: 'closed by tieout' }, { terminalId: null, net: '1.00', words: 'closed by Helcim itself' }],
      refused: [
        { words: 'called, and not known yet what came of it' },
        { terminalId: '7', net: '2.00', words: 'refused 422 Batch is <empty>' },
      ],
      held: [{ batch: { kind: 'card_batch', id: '3' }, words: 'The net is above 20000.00.' }],
    })
    expect(digests[0]?.data.title).toBe(
      'Digest of 2026-10-01: nothing open; 2 settled; 2 not settled; 1 held; not read completely',
    )
  })

  test('never says that all is well while days are unread or a channel is dead, and says what to do', async () => {
    const book = await openRoutedBook(database)
    const [channel] = openChannels() as [RecordingChannel]
    const { accountId, clock } = book
    const rules = { ...RULES, digest: { at: '07:30', to: ['log'] } }
    const from = await loadHistoryFrom(database.db, accountId)
    const yesterday = addDays(helcimDate(clock.now()), -1)
    await write(book, clock.now(), rules)
    clock.advance(DAY_MS)
    const days = { accountId, resource: 'card_transaction', pullId: 1n }
    // The last day was still going on when it was read.
    await coverDays(database.db, { ...days, from, to: addDays(yesterday, 1), readAt: toInstant(clock.now() - DAY_MS) })
    const [dead = ''] = NAMES.filter((name) => name !== 'log')
    await noteDead(database.db, { accountId, channel: dead, now: clock.now(), words: 'answered 404 no_service' })
    await beginChannels(database.db, { accountId, now: clock.now(), channels: NAMES })
    await write(book, clock.now(), rules)
    clock.advance(DAY_MS)
    await coverDays(database.db, { ...days, from, to: addDays(yesterday, 2), readAt: clock.now() })
    await reviveTargets(database.db, accountId)
    await write(book, clock.now(), rules)
    await drain(database, book, [channel])
    const digests = digestsOf(channel).sort((a, b) => a.timestamp.localeCompare(b.timestamp))
    expect(digests.map(({ data }) => [data.title, data.problems, data.deadChannels])).toEqual([
      [
        'Digest of 2026-10-01: nothing open; not read completely',
        [`Card transactions of ${from} to ${yesterday} were not read since these days were over.`],
        [],
      ],
      [
        'Digest of 2026-10-02: nothing open; not read completely; not everybody is told',
        [`Card transactions of ${addDays(yesterday, 1)} were not read since these days were over.`],
        [
          expect.stringMatching(
            new RegExp(`^Nothing is sent to ${dead} since 2026-10-02 \\(answered 404 no_service\\)`),
          ),
        ],
      ],
      ['Digest of 2026-10-03: nothing open', [], []],
    ])
    const isCalm = digests.map(({ data }) => /Everything .* agrees|nothing to do/.test(data.text))
    expect(isCalm).toEqual([false, false, true])
    expect(digests[1]?.data.text).toContain(
      '"tieout status" says what is not read. "tieout doctor" says who is not told.',
    )
  })
})
