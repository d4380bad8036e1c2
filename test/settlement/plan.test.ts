import { describe, expect, test } from 'vitest'
import { planOf, showPlan } from '../../src/cli/settle-plan.ts'
import type { JobContext } from '../../src/context.ts'
import { blockEndpoint } from '../../src/db/accounts.ts'
import type { Db } from '../../src/db/client.ts'
import { abandonAttempt, listUnfinishedAttempts } from '../../src/db/settlement/attempts.ts'
import { HELCIM_ZONE } from '../../src/domain/helcim-time.ts'
import type { SettlementPolicy } from '../../src/domain/settlement-policy.ts'
import { SETTLEABLE } from '../../src/jobs/settle/batch-kinds.ts'
import { createPointQueue } from '../kills/points/point-queue.ts'
import { type Till, withTill } from './till.ts'

const SOON = '* * * * *'
const IN_HOURS = '30 16 * * *'

describe('the plan of an open batch says what would happen, and nothing else', () => {
  test('off is off, also by hand', () =>
    withMirrored(async (till) => {
      const { expected, text } = await planAt(till, { mode: 'off', cron: IN_HOURS })
      expect(expected).toEqual(['skip switched_off:skip'])
      expect(text).toMatch(/^ {2}SETTLE_MODE off: nothing is settled, by schedule or by hand\n/)
      expect(text).toMatch(/: left alone\n {4}- settling is off$/m)
      expect(text).not.toMatch(/SETTLE_CRON|to be settled/)
    }))

  test('a dry run settles nothing, and without a cut-off nobody has overruled anything yet', () =>
    withMirrored(async (till) => {
      const dry = await planAt(till, { mode: 'dry-run', cron: IN_HOURS })
      expect(dry.text).toMatch(/SETTLE_MODE dry-run, which calls nothing; next cut-off 2026-10-14, 16:30 /)
      expect(dry.text).toMatch(/: would be settled, if it ties out then$/m)
      const byHand = await planAt(till, { mode: 'on', cron: null, countMin: 99 })
      expect(byHand.expected).toEqual(['settle too_few:note'])
      expect(byHand.text).toMatch(/SETTLE_MODE on; by hand only \(no SETTLE_CRON\)/)
      expect(byHand.text).toMatch(/: to be settled when a person asks, if it ties out then$/m)
      expect(byHand.text).toMatch(/- to be overruled: it holds \d+ transactions/)
      expect(byHand.text).not.toMatch(/- overruled/)
      const planned = await planAt(till, { mode: 'on', cron: IN_HOURS, countMin: 99 })
      expect(planned.expected).toEqual(['skip too_few:skip'])
    }))

  test('a token that Helcim refused holds it at the next cut-off, and not where a person has it tried again', () =>
    withMirrored(async (till) => {
      await withDb(till, (db, { accountId, tokenFingerprint }) => {
        const { endpoint } = SETTLEABLE.card_batch
        return blockEndpoint(db, { accountId, tokenFingerprint, endpoint, words: 'No access permission' })
      })
      const planned = await planAt(till, { mode: 'on', cron: IN_HOURS })
      expect(planned.expected).toEqual(['hold not_permitted:hold'])
      expect(planned.text.replaceAll(/\s+/g, ' ')).toContain(
        'may not settle (Helcim: No access permission); it is tried again after',
      )
      expect((await planAt(till, { mode: 'on', cron: null })).expected).toEqual(['settle'])
    }))

  test('a call that may be under way now stands in the way only of who would call before it is over', () =>
    withTill({}, async (till) => {
      const batch = till.sell()
      till.sandbox.faults.add({ match: { method: 'POST' }, act: { kind: 'cut', when: 'before-effect' } })
      expect(await till.byHand(batch)).toBe('settle')
      expect((await planAt(till, { cron: IN_HOURS })).expected).toEqual(['hold attempt_unfinished:hold'])
      await withDb(till, async (db, { accountId }) => {
        for (const attempt of await listUnfinishedAttempts(db, accountId))
          expect(await abandonAttempt(db, attempt, { actor: 'Ines', now: till.world.clock.now() })).toBe(true)
      })
      const rest = await planAt(till, { cron: null })
      expect(rest.expected).toEqual(['hold attempt_recent:hold'])
      expect(await till.byHand(batch)).toBe('hold attempt_recent')
      // The call has 30 s, and Helcim ten more; the next minute begins in 54, and then in four.
      expect((await planAt(till, { cron: SOON })).expected).toEqual(['settle'])
      till.world.clock.advance(50_000)
      expect((await planAt(till, { cron: SOON })).expected).toEqual(['hold attempt_recent:hold'])
      expect((await planAt(till, { cron: IN_HOURS })).expected).toEqual(['settle'])
    }))
})

/** A shop with one open batch, which is mirrored. */
const withMirrored = (body: (till: Till) => Promise<void>) =>
  withTill({ settlePolicy: { mode: 'dry-run' } }, async (till) => {
    expect(await till.byHand(till.sell())).toBe('settle')
    await body(till)
  })

async function withDb<T>(till: Till, body: (db: Db, account: JobContext['account']) => Promise<T>): Promise<T> {
  const { context, end } = till.life(createPointQueue())
  return body(context.db, context.account).finally(end)
}

/** @returns `expected`: of each batch the verdict and the reasons with their weights */
const planAt = (till: Till, change: Partial<SettlementPolicy>) =>
  withDb(till, async (db, { accountId, tokenFingerprint }) => {
    const { settlePolicy, clock } = till.world
    const policy = { ...settlePolicy, ...change }
    const plan = await planOf(db, { accountId, tokenFingerprint, policy, zone: HELCIM_ZONE, clock })
    const expected = plan.batches.map(({ expected: { verdict, reasons } }) =>
      `${verdict} ${reasons.map(({ code, weight }) => `${code}:${weight}`).join(' ')}`.trim(),
    )
    return { expected, text: showPlan(plan) }
  })
