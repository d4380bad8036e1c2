import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { listAttemptsSince, listPassedBatches } from '../../src/db/settlement/since.ts'
import { type AchRow, isTiedAch, netOfAchRows, sumAchRows } from '../../src/domain/ach-tie-out.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { createPointQueue, type PointQueue } from '../kills/points/point-queue.ts'
import { brokenLaws } from './laws.ts'
import { ACH } from './sides.ts'
import { type Till, type TillShop, withTill } from './till.ts'

const HOUR_MS = 3_600_000
const ALWAYS = Number.POSITIVE_INFINITY
const withAch = <T>(shop: TillShop, body: (till: Till) => Promise<T>) => withTill({ ...shop, side: ACH }, body)
const recordsOf = (till: Till) => till.world.sandbox.state.merchant().records

describe('figures of an ACH batch and its rows', () => {
  const row = fc.record({
    type: fc.constantFrom('WITHDRAWAL', 'DEPOSIT', 'REFUND', 'REVERSE', 'SETTLE'),
    statusAuth: fc.constantFrom('APPROVED', 'APPROVED', 'CANCELLED'),
    amountMinor: fc.bigInt({ min: 1n, max: 1_000n }),
    originalType: fc.constantFrom('WITHDRAWAL', 'DEPOSIT'),
  })
  const rowsOf = (parts: readonly Omit<AchRow, 'id' | 'currency'>[]): AchRow[] =>
    parts.map((part, index) => ({ ...part, id: BigInt(index), currency: 'CAD' }))

  test('agree with whatever had joined by then, and never with a row less than was surely there', () => {
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 6 }),
        fc.array(row, { maxLength: 6 }),
        fc.nat(),
        (some, others, choice) => {
          const all = rowsOf([...some, ...others])
          const certain = all.slice(0, some.length)
          const later = all.slice(some.length)
          const joined = later.filter((_, index) => (choice & (1 << index)) !== 0)
          expect(isTiedAch(sumAchRows([...certain, ...joined]), certain, later)).toBe(true)
          const [lost, ...rest] = certain
          const counts = lost?.statusAuth === 'APPROVED' && lost.type !== 'SETTLE'
          if (counts) expect(isTiedAch(sumAchRows(rest), certain, [])).toBe(false)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('net: what refunds or reverses a payment goes the other way, and what cannot be told is not guessed', () => {
    const one = (type: string, amountMinor: bigint, originalType: string | null = null, currency = 'CAD') =>
      ({ id: 1n, type, statusAuth: 'APPROVED', amountMinor, currency, originalType }) as const
    const withdrawal = one('WITHDRAWAL', 1_000n)
    expect(netOfAchRows([withdrawal, one('DEPOSIT', 300n)])).toBe(700n)
    expect(netOfAchRows([withdrawal, one('REVERSE', 1_000n, 'WITHDRAWAL')])).toBe(0n)
    expect(netOfAchRows([one('DEPOSIT', 300n), one('REVERSE', 300n, 'DEPOSIT')])).toBe(0n)
    expect(netOfAchRows([withdrawal, one('REFUND', 400n, 'WITHDRAWAL')])).toBe(600n)
    expect(netOfAchRows([withdrawal, one('REFUND', 400n)])).toBeNull()
    expect(netOfAchRows([withdrawal, one('WITHDRAWAL', 5n, null, 'USD')])).toBeNull()
    expect(netOfAchRows([withdrawal, { ...one('SURPRISE', 5n), statusAuth: 'DECLINED' }])).toBe(1_000n)
  })
})

describe('the pre-flight of an ACH batch', () => {
  test('one which a payment joins between every two calls is settled at its first look', () =>
    withAch({}, async (till) => {
      const batch = till.sell()
      const sellOn = () => {
        if (!till.isClosed(batch)) till.sell()
        till.world.clock.advance(1_000)
        till.world.helcimClock.advance(1_000)
      }
      till.world.sandbox.faults.add({ match: { times: ALWAYS }, act: { kind: 'hook', after: sellOn } })
      await till.settle()
      expect(await till.attempts(batch)).toMatchObject([{ state: 'confirmed', outcome: 'taken', closed_by: 'tieout' }])
      expect((await till.decisions(batch)).map(({ verdict }) => verdict)).toEqual(['settle'])
      expect(till.posts(batch)).toHaveLength(1)
      expect(await brokenLaws(till)).toEqual([])
    }))

  test('what speaks against it is seen: totals, an unclear state, two currencies, a mismatch, a net that nobody can tell', () =>
    withAch({ settlePolicy: { mode: 'dry-run', netMinorMax: 5_000n } }, async (till) => {
      const batch = till.sell(4_000n)
      const { achBatches, achTransactions } = recordsOf(till)
      const row = () => achTransactions.by('batchId', String(batch)).find(({ type }) => type === 'WITHDRAWAL')
      const lie = (minor: bigint) => achBatches.alter(batch, { lie: { minor: { Withdrawals: minor }, count: {} } })
      const statusIs = (literal: string | undefined) => achBatches.disguise(batch, 'statusBatch', literal)
      const currencyIs = (currency: string) => achTransactions.alter(row()?.id ?? 0n, { currency })
      const decide = () => till.byHand(batch)
      expect(await decide()).toBe('settle')
      lie(1n)
      expect(await decide()).toBe('hold totals_differ')
      lie(0n)
      for (const literal of ['"1"', '"OPEN"', 'true', '3']) {
        statusIs(literal)
        expect([literal, await decide()]).toEqual([literal, 'hold not_strictly_open'])
      }
      statusIs(undefined)
      achBatches.disguise(batch, 'dateClosed', '"2026-10-13 16:00:00"')
      expect(await decide()).toBe('hold not_strictly_open')
      achBatches.disguise(batch, 'dateClosed', undefined)
      till.sell(10n)
      currencyIs('USD')
      expect(await decide()).toBe('hold currency_mixed')
      currencyIs('CAD')
      await till.query(`insert into recon.mismatches (account_id, code, subject_kind, subject_id, severity, summary, advice,
        evidence, first_seen_at, last_seen_at) select account_id, 'ach_batch_total_differs', 'ach_batch',
        '${batch}:withdrawals', 'critical', '', '', '[]', now(), now() from recon.accounts`)
      expect(await decide()).toBe('hold mismatch_open')
      await till.query(`delete from recon.mismatches`)
      till.sell(2_000n)
      // A person may overrule that; the schedule may not.
      expect(await decide()).toBe('settle net_too_high')
      const sold = row()
      if (!sold) throw new Error('no row')
      achTransactions.add((id) => ({ ...sold, id, type: 'REFUND', originalId: 1n, amountMinor: 100n }))
      expect(await decide()).toBe('settle net_unknown')
      expect(till.posts(batch)).toEqual([])
      const [last] = (await till.decisions(batch)).reverse()
      expect(last?.mode).toBe('dry-run')
    }))

  test('is held back too long: told as overdue, and no longer once it is gone', () =>
    withAch({}, async (till) => {
      const batch = till.sell()
      const { achBatches } = recordsOf(till)
      achBatches.alter(batch, { lie: { minor: {}, count: { Withdrawals: 1 } } })
      const { job } = await till.cutOff()
      await workOff(till, createPointQueue([job]))
      expect((await till.decisions(batch)).map(({ verdict, reasons }) => `${verdict} ${codesOf(reasons)}`)).toEqual([
        'hold totals_differ',
      ])
      await till.pass(HOUR_MS)
      await workOff(till, createPointQueue([job]))
      expect(await till.open(batch)).toEqual(['settlement_overdue'])
      achBatches.alter(batch, { lie: { minor: {}, count: {} } })
      await till.pass(6 * 60_000)
      await till.rest(createPointQueue([job]))
      expect(till.posts(batch)).toHaveLength(1)
      expect(await till.open(batch)).toEqual([])
      expect(await brokenLaws(till)).toEqual([])
    }))

  test.each([
    ['15:45', '2026-10-14T21:40:00Z'],
    ['17:00', '2026-10-14T22:58:00Z'],
  ] as const)('keeps clear of either hour at which Helcim may close by itself: %s', (achClosesAt, now) =>
    withAch({ now, switches: { achClosesAt } }, async (till) => {
      const batch = till.sell()
      await till.settle()
      expect((await till.decisions(batch)).map(({ verdict, reasons }) => `${verdict} ${codesOf(reasons)}`)).toEqual([
        'hold close_is_near',
        'skip closed',
      ])
      expect(till.isClosed(batch)).toBe(true)
      expect(till.posts(batch)).toEqual([])
      expect(await till.open(batch)).toEqual([])
    }),
  )

  test('races Helcim’s own close: one call, certain, and told apart', () =>
    withAch({ now: '2026-10-14T22:59:50Z', settlePolicy: { clearMs: 0 } }, async (till) => {
      // More than what may go out to customers in that batch.
      const batch = till.sell(50_000n)
      till.world.sandbox.faults.add({
        match: { method: 'GET', path: '/ach/transactions' },
        act: { kind: 'hook', after: () => void till.world.helcimClock.advance(25_000) },
      })
      await till.settle()
      expect(await till.attempts(batch)).toMatchObject([
        { state: 'confirmed', outcome: 'refused', closed_by: 'helcim' },
      ])
      expect(till.posts(batch)).toHaveLength(1)
      expect(await till.open(batch)).toEqual([])
    }))
})

describe('ACH is settled only by who was told to', () => {
  test('the schedule leaves it alone unless it is named, and does not even read it; a person may settle it', () =>
    withAch({ settlePolicy: { kinds: ['card_batch'] } }, async (till) => {
      const batch = till.sell()
      const before = till.world.sandbox.calls().length
      await till.settle()
      const calls = till.world.sandbox.calls().slice(before)
      expect(calls.filter(({ path }) => path.startsWith('/ach'))).toEqual([])
      expect(await till.decisions(batch)).toEqual([])
      expect(await till.byHand(batch)).toBe('settle kind_not_listed')
      expect(till.posts(batch)).toHaveLength(1)
      expect(till.isClosed(batch)).toBe(true)
    }))

  test('a permission taken away: one refusal, told at once, and no further call; both are in what a digest lists', () =>
    withAch({}, async (till) => {
      const { world } = till
      const settled = till.sell()
      await till.settle()
      world.sandbox.tokens.refuse('default', [ACH.endpoint])
      const batch = till.sell()
      await till.settle()
      expect(await till.attempts(batch)).toMatchObject([
        { state: 'refused', status: 403, words: 'No access permission' },
      ])
      expect(await till.open(batch)).toEqual(['settlement_refused'])
      await till.quieten()
      expect(await till.byHand(batch)).toBe('hold not_permitted')
      expect(till.posts(batch)).toHaveLength(1)
      const { context, end } = till.life(createPointQueue())
      const asked = { accountId: world.account.accountId, after: toInstant(0) }
      const attempts = await listAttemptsSince(context.db, { ...asked, without: [] })
      const passed = await listPassedBatches(context.db, asked)
      await end()
      const byId = attempts.toSorted((one, other) => Number(one.attemptId - other.attemptId))
      expect(byId).toMatchObject([
        { batch: till.batch(settled), state: 'confirmed', closedBy: 'tieout', currency: 'CAD', terminalId: null },
        { batch: till.batch(batch), state: 'refused', words: 'No access permission' },
      ])
      expect(byId[0]?.netMinor).toBeGreaterThan(0n)
      expect(passed).toMatchObject([
        { batch: till.batch(batch), verdict: 'hold', reasons: [{ code: 'not_permitted' }] },
      ])
    }))
})

/** What waits, once; what is to come back later does not. */
async function workOff(till: Till, queue: PointQueue): Promise<void> {
  const life = till.life(queue)
  for (let job = queue.take(); job !== null; job = queue.take()) {
    await life.run(job)
    queue.done()
  }
  await life.end()
}

const codesOf = (reasons: unknown): string => (reasons as { code: string }[]).map(({ code }) => code).join()
