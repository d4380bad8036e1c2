import { describe, expect, test } from 'vitest'
import { settleOne } from '../../src/jobs/settle/attempt.ts'
import type { Life } from '../kills/points/life.ts'
import { createPointQueue } from '../kills/points/point-queue.ts'
import { isLong } from '../support/long.ts'
import { brokenLaws } from './laws.ts'
import { CARD, SIDES, type Side } from './sides.ts'
import { withTill } from './till.ts'

const FROZEN_MS = 60_000

const MOMENTS = ['before the intent', 'before it takes the right to call', 'between that and the call'] as const
type Moment = (typeof MOMENTS)[number]

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

/** The context of a process that stands still once, at that moment. */
function frozenAt({ context }: Life, { rowsPath }: Side, moment: Moment, freeze: () => Promise<void>): Life['context'] {
  const { helcim, settling } = context
  let isOver = false
  const once = async (here: Moment) => {
    if (isOver || here !== moment) return
    isOver = true
    await freeze()
  }
  return {
    ...context,
    helcim: {
      ...helcim,
      async read(call, options) {
        const answer = await helcim.read(call, options)
        if (call.path === rowsPath) await once('before the intent')
        return answer
      },
    },
    settling: {
      ...settling,
      helcim: {
        ...settling.helcim,
        settle: (call, options) =>
          settling.helcim.settle(call, {
            ...options,
            async claim(leftMs) {
              await once('before it takes the right to call')
              const isClaimed = await options.claim(leftMs)
              await once('between that and the call')
              return isClaimed
            },
          }),
      },
    },
  }
}
