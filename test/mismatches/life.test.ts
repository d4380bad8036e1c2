import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listMismatchEvents } from '../../src/db/mismatches/history.ts'
import { applyFindings } from '../../src/db/mismatches.ts'
import { UsageError } from '../../src/domain/operating-error.ts'
import { createDatabase, EVERYTHING, hoursAfterStart, type TestDatabase, totalDiffers } from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

const NOTHING = { countOpened: 0, countReopened: 0, countResolved: 0 }

describe('a run', () => {
  it('writes one event for each transition, with both sides as they were, and none for a touch', async () => {
    const books = await database.openBooks()
    expect(await books.run([totalDiffers(1, 9_000)])).toEqual({ ...NOTHING, countOpened: 1 })
    const again = totalDiffers(1, 8_000, { severity: 'high' })
    expect(await books.run([again], { at: hoursAfterStart(1) })).toEqual(NOTHING)
    const louder = totalDiffers(1, 8_000)
    expect(await books.run([louder], { at: hoursAfterStart(2) })).toEqual(NOTHING)
    expect(await books.run([], { at: hoursAfterStart(3) })).toEqual({ ...NOTHING, countResolved: 1 })
    expect(await books.run([], { at: hoursAfterStart(4) })).toEqual(NOTHING)
    expect(await books.run([totalDiffers(1, 7_000)], { at: hoursAfterStart(5) })).toEqual({
      ...NOTHING,
      countReopened: 1,
    })
    const { accountId, mismatchId, lastSeenAt, countReopened, resolution, resolvedAt } = await books.only()
    expect({ lastSeenAt: lastSeenAt.getTime(), countReopened, resolution, resolvedAt }).toEqual({
      lastSeenAt: hoursAfterStart(5),
      countReopened: 1,
      resolution: null,
      resolvedAt: null,
    })
    const events = await listMismatchEvents(database.db, { accountId, mismatchId })
    expect(
      events.map((one) => [one.kind, one.at.getTime(), one.actor, one.expectedMinor, one.actualMinor, one.resolution]),
    ).toEqual([
      ['opened', hoursAfterStart(0), 'tieout', 10_000n, 9_000n, null],
      ['resolved', hoursAfterStart(3), 'tieout', 10_000n, 8_000n, 'automatic'],
      ['reopened', hoursAfterStart(5), 'tieout', 10_000n, 7_000n, null],
    ])
    expect(events.map(({ currency, severity }) => `${currency} ${severity}`)).toEqual(Array(3).fill('CAD critical'))
  })

  it('resolves only what it looked at, also when two runs have the same instant', async () => {
    const books = await database.openBooks()
    await books.run([totalDiffers(1, 9_000), totalDiffers(2, 9_000)])
    const examined = [{ codes: ['card_batch_total_differs' as const], subjectRoots: ['2'] }]
    expect(await books.run([], { examined })).toEqual({ ...NOTHING, countResolved: 1 })
    expect((await books.all()).map(({ subjectId, state }) => `${subjectId} ${state}`)).toEqual([
      '1:sales open',
      '2:sales resolved',
    ])
    expect(await books.run([], { examined: [] })).toEqual(NOTHING)
  })

  it('leaves no trace when its transaction is rolled back', async () => {
    const books = await database.openBooks()
    const killed = database.db.transaction(async (tx) => {
      const input = {
        accountId: books.accountId,
        findings: [totalDiffers(1, 1)],
        examined: [],
        now: hoursAfterStart(0),
      }
      expect(await applyFindings(tx, input)).toEqual({ ...NOTHING, countOpened: 1 })
      throw new Error('killed')
    })
    await expect(killed).rejects.toThrow('killed')
    expect(await books.all()).toEqual([])
    expect(await books.countEvents()).toBe(0)
  })
})

describe('what a person resolved', () => {
  it.each(['accepted', 'adjusted'] as const)(
    'as %s stays so while its sides do, and reopens when they change',
    async (as) => {
      const books = await database.openBooks()
      await books.run([totalDiffers(1, 9_000)])
      const { mismatchId } = await books.only()
      await books.act([mismatchId], { kind: 'assign', to: 'ben' })
      await books.act([mismatchId], { kind: 'resolve', as }, { note: 'known', at: hoursAfterStart(1) })
      expect(await books.run([totalDiffers(1, 9_000, { severity: 'high' })], { at: hoursAfterStart(2) })).toEqual(
        NOTHING,
      )
      const touched = await books.only()
      expect(touched).toMatchObject({ state: 'resolved', resolution: as })
      expect(touched.lastSeenAt.getTime()).toBe(hoursAfterStart(2))

      expect(await books.run([totalDiffers(1, 8_999)], { at: hoursAfterStart(3) })).toMatchObject({ countReopened: 1 })
      expect(await books.only()).toMatchObject({
        mismatchId,
        state: 'open',
        resolution: null,
        acknowledgedAt: null,
        assignedTo: 'ben',
      })
    },
  )

  it('reopens with the same sides once it had gone in between', async () => {
    const books = await database.openBooks()
    await books.run([totalDiffers(1, 9_000)])
    const { mismatchId } = await books.only()
    await books.act([mismatchId], { kind: 'resolve', as: 'accepted' }, { note: 'known', at: hoursAfterStart(1) })
    expect(await books.run([], { at: hoursAfterStart(2) })).toEqual(NOTHING)
    const gone = await books.only()
    expect(gone).toMatchObject({ state: 'resolved', resolution: 'automatic' })
    expect(gone.resolvedAt?.getTime()).toBe(hoursAfterStart(1))
    expect(await books.run([totalDiffers(1, 9_000)], { at: hoursAfterStart(3) })).toMatchObject({ countReopened: 1 })
    expect(await books.events()).toEqual(
      new Map([[mismatchId, ['opened by tieout', 'resolved by anna', 'reopened by tieout']]]),
    )
  })

  it('is not reopened by time that passes, but by the severity that time brings', async () => {
    const books = await database.openBooks()
    const openFor = (hours: number, severity: 'medium' | 'high') =>
      totalDiffers(1, 0, {
        code: 'card_batch_open_too_long',
        severity,
        currency: null,
        expectedMinor: null,
        actualMinor: null,
        expectedText: 'closed within 24 h',
        actualText: `open for ${hours} h`,
      })
    await books.run([openFor(25, 'medium')])
    const { mismatchId } = await books.only()
    await books.act([mismatchId], { kind: 'resolve', as: 'accepted' }, { note: 'a holiday' })
    expect(await books.run([openFor(26, 'medium')], { at: hoursAfterStart(1) })).toEqual(NOTHING)
    expect(await books.run([openFor(49, 'high')], { at: hoursAfterStart(24) })).toMatchObject({ countReopened: 1 })
  })
})

describe('a person', () => {
  it('acknowledges, and that holds while the mismatch is touched, until it reopens', async () => {
    const books = await database.openBooks()
    await books.run([totalDiffers(1, 9_000)])
    const { mismatchId } = await books.only()
    await books.act([mismatchId], { kind: 'acknowledge' }, { at: hoursAfterStart(1) })
    await books.run([totalDiffers(1, 8_000)], { at: hoursAfterStart(2) })
    const seen = await books.only()
    expect(seen.state).toBe('acknowledged')
    expect(seen.acknowledgedAt?.getTime()).toBe(hoursAfterStart(1))
    await books.run([], { at: hoursAfterStart(3) })
    await books.run([totalDiffers(1, 8_000)], { at: hoursAfterStart(4) })
    expect(await books.only()).toMatchObject({ state: 'open', acknowledgedAt: null })
  })

  it('acts twice with one effect, and is told so', async () => {
    const books = await database.openBooks()
    await books.run([totalDiffers(1, 9_000)])
    const { mismatchId } = await books.only()
    const twice = [
      [{ kind: 'acknowledge' }, 'is already acknowledged'],
      [{ kind: 'assign', to: 'ben' }, 'is already assigned to ben'],
      [{ kind: 'assign', to: null }, 'is already assigned to nobody'],
      [{ kind: 'resolve', as: 'adjusted' }, 'is already resolved (adjusted)'],
      [{ kind: 'reopen' }, 'is not resolved (open)'],
    ] as const
    for (const [action, words] of twice) {
      const countBefore = await books.countEvents()
      expect((await books.act([mismatchId], action)).map(({ unchanged }) => unchanged)).toEqual([null])
      const after = await books.only()
      expect((await books.act([mismatchId], action)).map(({ unchanged }) => unchanged)).toEqual([words])
      expect(await books.only()).toEqual(after)
      expect(await books.countEvents()).toBe(countBefore + 1)
    }
  })

  it('does to many what he does to one, or to none where one id is unknown, ambiguous or none', async () => {
    const books = await database.openBooks()
    await books.run([totalDiffers(1, 9_000), totalDiffers(2, 9_000)])
    const ids = (await books.all()).map(({ mismatchId }) => mismatchId)
    const [first = ''] = ids
    await database.pool.query(
      `insert into recon.mismatches select (m).* from (select json_populate_record(m, json_build_object(
        'mismatch_id', left(mismatch_id::text, 35) || case right(mismatch_id::text, 1) when 'f' then '0' else 'f' end,
        'subject_id', 'twin')) as m from recon.mismatches m where mismatch_id = $1) twin`,
      [first],
    )
    for (const [bad, words] of [
      ['ffffffff-ffff-4fff-8fff-ffffffffffff', /there is no mismatch with this id/],
      ['12345', /is no id of a mismatch: give at least 6 hex digits/],
      ["' or 1=1", /is no id of a mismatch/],
      [first.slice(0, 8), /2 mismatches begin so \(.*\); give more digits/],
    ] as const) {
      const refused = books.act([...ids, bad], { kind: 'acknowledge' })
      await expect(refused, bad).rejects.toThrow(words)
      await expect(refused, bad).rejects.toThrow(UsageError)
    }
    expect(new Set((await books.all()).map(({ state }) => state))).toEqual(new Set(['open']))
    const done = await books.act([first.toUpperCase(), ids[1]?.slice(0, 8) ?? '', first], { kind: 'acknowledge' })
    expect(done.map(({ mismatch }) => mismatch.mismatchId)).toEqual(ids)
    expect((await books.all()).map(({ state }) => state).sort()).toEqual(['acknowledged', 'acknowledged', 'open'])
  })

  it('accepts only with a note, which the history keeps with the name', async () => {
    const books = await database.openBooks()
    await books.run([totalDiffers(1, 9_000)])
    const { accountId, mismatchId } = await books.only()
    await expect(books.act([mismatchId], { kind: 'resolve', as: 'accepted' })).rejects.toThrow(/^--note: /)
    await expect(books.act([mismatchId], { kind: 'note' })).rejects.toThrow(/^--note: /)
    expect(await books.countEvents()).toBe(1)
    await books.act([mismatchId], { kind: 'note' }, { note: 'asked Helcim' })
    await books.act([mismatchId], { kind: 'resolve', as: 'accepted' }, { note: 'a tip by hand', actor: 'carla' })
    const events = await listMismatchEvents(database.db, { accountId, mismatchId })
    expect(events.map(({ kind, actor, note, resolution }) => ({ kind, actor, note, resolution }))).toEqual([
      { kind: 'opened', actor: 'tieout', note: null, resolution: null },
      { kind: 'noted', actor: 'anna', note: 'asked Helcim', resolution: null },
      { kind: 'resolved', actor: 'carla', note: 'a tip by hand', resolution: 'accepted' },
    ])
  })

  it('waits for a run that is being written, and acts on what it leaves', async () => {
    const books = await database.openBooks()
    await books.run([totalDiffers(1, 9_000)])
    const { mismatchId } = await books.only()
    let acting: ReturnType<typeof books.act> | undefined
    await database.db.transaction(async (tx) => {
      const input = { accountId: books.accountId, findings: [], examined: EVERYTHING, now: hoursAfterStart(1) }
      await applyFindings(tx, input)
      acting = books.act([mismatchId], { kind: 'acknowledge' }, { at: hoursAfterStart(1) })
      await untilSomebodyWaits()
    })
    expect((await acting)?.map(({ unchanged }) => unchanged)).toEqual([
      'is resolved (automatic): nothing is left to acknowledge',
    ])
    expect(await books.events()).toEqual(new Map([[mismatchId, ['opened by tieout', 'resolved by tieout']]]))
  })
})

async function untilSomebodyWaits(): Promise<void> {
  const statement = `select count(*)::int as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and wait_event = 'advisory'`
  while ((await database.pool.query(statement)).rows[0]?.count === 0)
    await new Promise((resolve) => setTimeout(resolve, 5))
}
