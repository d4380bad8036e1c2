import { describe, expect, test } from 'vitest'
import { settleOne } from '../../src/jobs/settle/attempt.ts'
import { createPointQueue } from '../kills/points/point-queue.ts'
import { isLong } from '../support/long.ts'
import { frozenAt, MOMENTS, type Moment } from './frozen-at.ts'
import { brokenLaws } from './laws.ts'
import { CARD, SIDES, type Side } from './sides.ts'
import { withTill } from './till.ts'

const FROZEN_MS = 60_000

/** The attempt is the same for both: of ACH the usual run asks for the moment that matters most. */
const momentsOf = (side: Side): readonly Moment[] => (side === CARD || isLong ? MOMENTS : MOMENTS.slice(-1))

describe('a process that is frozen for a minute and wakes up calls nothing that another one may have called (fault 4)', () => {
  test.each(SIDES.flatMap(([name, side]) => momentsOf(side).map((moment) => [name, moment, side] as const)))(
    '%s: %s',
    (_, moment, side) =>
      withTill({ side }, async (till) => {
        const batch = till.sell()
        const { plannedAt, job } = await till.cutOff()
        const life = till.life(createPointQueue())
        let isThawed = false
        const context = frozenAt(life, side, moment, async () => {
          await till.pass(FROZEN_MS)
          // Meanwhile another process does all there is to do.
          await till.rest(createPointQueue([job]))
          expect(till.isClosed(batch)).toBe(true)
          isThawed = true
        })
        const settlement = await settleOne(context, { batch: till.batch(batch), plannedAt, actor: null })
        await life.end()
        expect(isThawed).toBe(true)
        expect(settlement.attempt?.state ?? 'none').toBe(moment === 'before the intent' ? 'none' : 'not_taken')
        expect(till.posts(batch)).toHaveLength(1)
        const states = (await till.attempts(batch)).map(({ state }) => state)
        expect(states.filter((state) => state === 'confirmed')).toHaveLength(1)
        expect(await brokenLaws(till)).toEqual([])
      }),
    60_000,
  )

  test.each(SIDES)('%s: two processes at once, and a doubled job: one call', (_, side) =>
    withTill({ side }, async (till) => {
      const batch = till.sell()
      const { plannedAt } = await till.cutOff()
      const lives = [1, 2, 3].map(() => till.life(createPointQueue()))
      const settlements = await Promise.all(
        lives.map(({ context }) => settleOne(context, { batch: till.batch(batch), plannedAt, actor: null })),
      )
      for (const life of lives) await life.end()
      expect(settlements.filter(({ attempt }) => attempt?.state === 'confirmed')).toHaveLength(1)
      expect(till.posts(batch)).toHaveLength(1)
      await till.rest()
      expect(await brokenLaws(till)).toEqual([])
    }),
  )

  test('a process that does not look at the clock would call (control)', () =>
    withTill({}, async (till) => {
      const batch = till.sell()
      const { plannedAt } = await till.cutOff()
      const life = till.life(createPointQueue())
      const { context } = life
      const { helcim } = context.settling
      const careless = frozenAt(life, CARD, 'between that and the call', () => till.pass(FROZEN_MS))
      const settling = {
        ...context.settling,
        helcim: {
          ...helcim,
          settle: (call: Parameters<typeof helcim.settle>[0], options: Parameters<typeof helcim.settle>[1]) =>
            careless.settling.helcim.settle(call, { ...options, mayBeSent: () => true }),
        },
      }
      await settleOne({ ...context, settling }, { batch: till.batch(batch), plannedAt, actor: null })
      await life.end()
      expect(till.posts(batch)).toHaveLength(1)
    }))
})
