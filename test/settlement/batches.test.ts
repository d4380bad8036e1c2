import { describe, expect, test } from 'vitest'
import { ensureAccount } from '../../src/db/accounts.ts'
import { helcimDate } from '../../src/domain/helcim-time.ts'
import { settleBatch } from '../../src/jobs/settle/jobs.ts'
import { FAULT_ANSWERS } from '../../src/sandbox/faults/acts.ts'
import { createPointQueue, jobOf } from '../kills/points/point-queue.ts'
import { HISTORY_DAYS } from '../kills/points/world.ts'
import { brokenLaws } from './laws.ts'
import { ACH, SIDES } from './sides.ts'
import { withTill } from './till.ts'

const HOUR_MS = 3_600_000
const ALWAYS = Number.POSITIVE_INFINITY

describe('the pre-flight', () => {
  test('a batch on which a sale falls between every two calls is settled at its first look', () =>
    withTill({}, async (till) => {
      const batch = till.sell()
      const sellOn = () => {
        if (!till.isClosed(batch)) till.sell()
        till.world.clock.advance(1_000)
        till.world.helcimClock.advance(1_000)
      }
      till.world.sandbox.faults.add({ match: { times: ALWAYS }, act: { kind: 'hook', after: sellOn } })
      await till.settle()
      expect(await till.attempts(batch)).toMatchObject([{ state: 'confirmed' }])
      expect((await till.decisions(batch)).map(({ verdict }) => verdict)).toEqual(['settle'])
      expect(till.posts(batch)).toHaveLength(1)
      expect(await brokenLaws(till)).toEqual([])
    }))

  test('totals that disagree hold a batch, are told as overdue after an hour, and once healed it is settled', () =>
    withTill({}, async (till) => {
      const batch = till.sell()
      const { state } = till.world.sandbox
      const strike = state.apply('card_batch_total_differs:sales')
      if (strike === null) throw new Error('nothing was struck')
      await expect(till.settle()).rejects.toThrow('not at rest')
      expect((await till.decisions(batch)).map(({ verdict, reasons }) => `${verdict} ${codesOf(reasons)}`)).toEqual([
        'hold totals_differ',
        // Once it is judged, the mismatch holds it as well, before any row is read.
        'hold mismatch_open',
      ])
      expect(till.posts(batch)).toEqual([])
      expect(await till.open(batch)).not.toContain('settlement_overdue')
      await till.pass(HOUR_MS)
      await expect(till.rest()).rejects.toThrow('not at rest')
      expect(await till.open(batch)).toContain('settlement_overdue')
      state.heal(strike)
      await till.pass(6 * 60_000)
      await till.rest()
      expect(till.posts(batch)).toHaveLength(1)
      expect(await till.open(batch)).toEqual([])
      expect(await brokenLaws(till)).toEqual([])
    }))

  test.each(SIDES)('%s: a batch that cannot be read is held, told after an hour, and settled once it can', (_, side) =>
    withTill({ side }, async (till) => {
      const batch = till.sell()
      // Of ACH one list tells which batches are open, and then each of them.
      const path = side === ACH ? { path: '/ach/batches', nth: 2 } : { path: `/card-batches/${batch}` }
      const fault = till.world.sandbox.faults.add({
        match: { method: 'GET', times: ALWAYS, ...path },
        act: { kind: 'answer', status: 503, body: '{"errors":"Down for maintenance"}' },
      })
      await expect(till.settle()).rejects.toThrow('not at rest')
      const countStruck = fault.countStruck()
      expect(countStruck).toBeGreaterThan(5)
      const [held, ...others] = await till.decisions(batch)
      expect(others).toEqual([])
      expect(held).toMatchObject({
        verdict: 'hold',
        mode: 'on',
        reasons: [
          { code: 'unreadable', weight: 'hold', text: expect.stringMatching(/\(503\): Down for maintenance$/) },
        ],
      })
      expect(await till.open(batch)).not.toContain('settlement_overdue')
      await till.pass(HOUR_MS)
      await expect(till.rest()).rejects.toThrow('not at rest')
      expect(fault.countStruck()).toBeGreaterThan(countStruck)
      expect(await till.open(batch)).toContain('settlement_overdue')
      fault.remove()
      await till.rest()
      expect((await till.decisions(batch)).map(({ verdict }) => verdict)).toEqual(['hold', 'settle'])
      expect(till.posts(batch)).toHaveLength(1)
      expect(await till.open(batch)).toEqual([])
      expect(await brokenLaws(till)).toEqual([])
    }),
  )

  test('what the policy does not want, whatever a reading shows, is not held for want of one', () =>
    withTill({ settlePolicy: { terminals: [1n] } }, async (till) => {
      const batch = till.sell()
      const match = { method: 'GET', path: `/card-batches/${batch}`, times: ALWAYS }
      const fault = till.world.sandbox.faults.add({ match, act: FAULT_ANSWERS['error-503'] })
      await till.settle()
      expect(fault.countStruck()).toBe(1)
      expect((await till.decisions(batch)).map(({ verdict, reasons }) => `${verdict} ${codesOf(reasons)}`)).toEqual([
        'skip terminal_not_listed,unreadable',
      ])
    }))

  test.each([['card_batch_currency_mixed'], ['card_batch_currency_mixed:declined']] as const)(
    '%s: no sum of its rows means anything, and nobody need have judged it to say so',
    (defect) =>
      withTill({}, async (till) => {
        const batch = till.sell()
        expect(till.world.sandbox.state.apply(defect)).not.toBeNull()
        expect(await till.byHand(batch)).toBe('hold currency_mixed')
        expect(till.posts(batch)).toEqual([])
      }),
  )

  test('what is held where a person asked is not overdue, nor is it counted towards the hour of its cut-off', () =>
    withTill({}, async (till) => {
      const batch = till.sell()
      till.world.sandbox.state.apply('card_batch_total_differs:sales')
      expect(await till.byHand(batch)).toBe('hold totals_differ')
      await till.pass(2 * HOUR_MS)
      await till.judge()
      expect(await till.open(batch)).not.toContain('settlement_overdue')
      await expect(till.settle()).rejects.toThrow('not at rest')
      expect(await till.open(batch)).not.toContain('settlement_overdue')
      await till.pass(HOUR_MS)
      // He asks again, and is told the same: the cut-off is overdue all the same.
      expect(await till.byHand(batch)).toMatch(/^hold /)
      await till.judge()
      expect(await till.open(batch)).toContain('settlement_overdue')
    }))

  test.each([
    ['dry-run', 'settle'],
    ['off', null],
  ] as const)('%s calls nothing', (mode, verdict) =>
    withTill({ settlePolicy: { mode } }, async (till) => {
      const batch = till.sell()
      await till.settle()
      expect((await till.decisions(batch)).map((one) => one.verdict)).toEqual(verdict === null ? [] : [verdict])
      expect(await till.attempts(batch)).toEqual([])
      expect(till.world.sandbox.calls().filter(({ method }) => method === 'POST')).toEqual([])
    }),
  )

  test('what the policy leaves alone is left alone, with its reasons; a batch opened after the cut-off is not looked at', () =>
    withTill({ settlePolicy: { countMin: 3, netMinorMin: 1_000_000n } }, async (till) => {
      const batch = till.sell()
      await till.settle()
      expect((await till.decisions(batch)).map(({ verdict, reasons }) => `${verdict} ${codesOf(reasons)}`)).toEqual([
        'skip too_few,net_too_low',
      ])
      till.world.sandbox.state.merchant().closeBatch(batch, till.world.helcimClock.now())
      const { plannedAt } = await till.cutOff()
      await till.pass(5_000)
      const later = till.sell()
      await till.rest()
      expect(plannedAt).toBeGreaterThan(0)
      expect(await till.decisions(later)).toEqual([])
      expect(till.posts(later)).toEqual([])
    }))

  test('a cut-off that has ended, as by a change of the schedule, is nobody’s wish: a job of before looks at nothing', () =>
    withTill({}, async (till) => {
      const batch = till.sell()
      const { plannedAt } = await till.cutOff()
      await till.query(`update recon.due_work set finished_at = now(), outcome = 'superseded' where kind = 'settle'`)
      const { accountId } = till.world.account
      const payload = { accountId, cardBatchId: String(batch), plannedAt }
      await till.rest(createPointQueue([jobOf(settleBatch, 'of before', payload)]))
      expect(await till.decisions(batch)).toEqual([])
      expect(till.posts(batch)).toEqual([])
    }))
})

describe('Helcim’s own close at 17:00 Mountain Time', () => {
  test('is kept clear of: what it takes is settled without a call and without an alarm', () =>
    withTill({ now: '2026-10-14T22:58:00Z' }, async (till) => {
      const batch = till.sell()
      await till.settle()
      expect((await till.decisions(batch)).map(({ verdict, reasons }) => `${verdict} ${codesOf(reasons)}`)).toEqual([
        'hold close_is_near',
        'skip closed',
      ])
      expect(till.isClosed(batch)).toBe(true)
      expect(till.posts(batch)).toEqual([])
      expect(await till.open(batch)).toEqual([])
    }))

  test('races our call: one call, certain, and told apart', () =>
    withTill({ now: '2026-10-14T22:59:50Z', settlePolicy: { clearMs: 0 } }, async (till) => {
      const batch = till.sell()
      till.world.sandbox.faults.add({
        match: { method: 'GET', path: '/card-transactions' },
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

describe('permission and credentials (fault 23)', () => {
  test(
    'a permission taken away in mid-run: one refusal, told at once, and no further call until somebody acts as he is told',
    () =>
      withTill({}, async (till) => {
        const { account, clock, sandbox } = till.world
        const { tokens } = sandbox
        const batch = till.sell()
        tokens.refuse('default', ['/card-batches/:cardBatchId/settle'])
        await till.settle()
        expect(await till.attempts(batch)).toMatchObject([
          { state: 'refused', status: 403, words: 'No access permission' },
        ])
        expect(await till.open(batch)).toEqual(['settlement_refused'])
        await expect(till.settle()).rejects.toThrow('not at rest')
        expect(till.posts(batch)).toHaveLength(1)
        expect((await till.decisions(batch)).map(({ reasons }) => codesOf(reasons)).at(-1)).toBe('not_permitted')
        const [told] = await till.query("select advice from recon.mismatches where code = 'settlement_refused'")
        expect(told?.advice).toContain(`"tieout settle --batch ${batch}", or "tieout doctor"`)
        tokens.refuse('default', [])
        await till.pass(HOUR_MS)
        await expect(till.settle()).rejects.toThrow('not at rest')
        expect(till.posts(batch)).toHaveLength(1)
        // What the doctor does, and each start.
        const { context, end } = till.life(createPointQueue())
        const { name, tokenFingerprint } = account
        const owner = { name, tokenFingerprint, baseUrl: sandbox.url }
        await ensureAccount(context.db, { ...owner, today: helcimDate(clock.now()), historyDays: HISTORY_DAYS })
        await end()
        await till.settle()
        expect((await till.attempts(batch)).map(({ state }) => state)).toEqual(['refused', 'confirmed'])
        expect(await till.open(batch)).toEqual([])
      }),
    60_000,
  )

  test(
    'a token revoked in mid-run: at most three calls after the first 401, the outcome stays open until it is read',
    () =>
      withTill({}, async (till) => {
        const batch = till.sell()
        const { sandbox } = till.world
        sandbox.faults.add({
          match: { method: 'GET', path: '/card-transactions' },
          act: { kind: 'hook', after: () => sandbox.tokens.revoke('default') },
        })
        await expect(till.settle()).rejects.toThrow('not at rest')
        expect(sandbox.calls().filter(({ status }) => status === 401).length).toBeLessThanOrEqual(4)
        expect(await till.attempts(batch)).toMatchObject([{ state: 'unknown', outcome: 'refused', status: 401 }])
        await till.pass(20 * 60_000)
        await expect(till.rest()).rejects.toThrow('not at rest')
        expect(await till.open(batch)).toContain('settlement_unconfirmed')
      }),
    60_000,
  )

  test(
    'calls that are never taken end after three, and a person is told',
    () =>
      withTill({}, async (till) => {
        const batch = till.sell()
        const lost = { kind: 'cut', when: 'before-effect' } as const
        till.world.sandbox.faults.add({ match: { method: 'POST', times: ALWAYS }, act: lost })
        await expect(till.settle()).rejects.toThrow('not at rest')
        expect((await till.attempts(batch)).map(({ state }) => state)).toEqual(['not_taken', 'not_taken', 'not_taken'])
        expect(till.posts(batch)).toHaveLength(3)
        await till.pass(HOUR_MS)
        await expect(till.rest()).rejects.toThrow('not at rest')
        expect(till.posts(batch)).toHaveLength(3)
        expect(await till.open(batch)).toContain('settlement_overdue')
        expect(await brokenLaws(till)).toEqual([])
      }),
    120_000,
  )

  test('a reading that fails is made again, and then it settles', () =>
    withTill({}, async (till) => {
      const batch = till.sell()
      till.world.sandbox.faults.add({ match: { method: 'GET', nth: 2 }, act: FAULT_ANSWERS['error-503'] })
      await till.settle()
      expect(await till.attempts(batch)).toMatchObject([{ state: 'confirmed' }])
    }))
})

const codesOf = (reasons: unknown): string =>
  (reasons as { code: string; weight: string }[]).map(({ code }) => code).join()
