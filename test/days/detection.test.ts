import { afterAll, describe, expect, it } from 'vitest'
import { CHANGE_DEFECTS } from '../../src/sandbox/defects/catalogue.ts'
import { isLong } from '../support/long.ts'
import { allDefects, shopUntil, switchesOf } from './scenarios.ts'
import { AGREED, compare, createTally, type Look, nameTruth, withRuntime } from './support.ts'

/**
 * Not 17: its only verifications lie in batches that a defect spoils, so that nothing tells whether they are counted.
 */
const ALL_SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 25]
const SEEDS = isLong ? ALL_SEEDS : ALL_SEEDS.slice(0, 2)
/** Ordinary days, and the two Sundays on which the clocks change, within and at the end of the history. */
const LAST_DAYS = ['2026-10-14', '2026-11-07', '2026-11-01', '2026-03-14', '2026-07-20']
const lastDayOf = (seed: number) => LAST_DAYS[seed % LAST_DAYS.length] ?? '2026-10-14'

const oneLook = createTally()
const twoLooks = createTally()

afterAll(() => {
  oneLook.print('One look')
  twoLooks.print('Two looks')
})

async function expectTruth(look: Look, tally: ReturnType<typeof createTally>) {
  const truth = nameTruth(look.sandbox.truth().defects)
  const found = await look.found()
  const comparison = compare(truth, found)
  tally.add(truth, found, comparison)
  expect(comparison).toEqual(AGREED)
  return { truth, found }
}

async function expectNothingMoves(look: Look) {
  const { countOpened, countReopened, countResolved, countWaiting } = await look.reconcileFully()
  expect({ countOpened, countReopened, countResolved, countWaiting }).toEqual({
    countOpened: 0,
    countReopened: 0,
    countResolved: 0,
    countWaiting: 0,
  })
}

describe.concurrent('one look finds every defect and nothing else', () => {
  it.each(SEEDS)('seed %i', async (seed) => {
    const lastDay = lastDayOf(seed)
    const shop = shopUntil(lastDay, allDefects(seed, lastDay))
    await withRuntime({ seed, ...shop, switches: switchesOf(seed) }, async (look) => {
      await look.pullMissing()
      const { truth, found } = await expectTruth(look, oneLook)
      await expectNothingMoves(look)
      // What the truth does not hold is told as extra, what is not found as missed: the comparison can fail.
      expect(compare(truth.slice(1), found).extra).toHaveLength(1)
      expect(compare(truth, found.slice(1)).missed).toHaveLength(1)
    })
  })
})

describe.concurrent('nothing is found where nothing is wrong', () => {
  it.each(isLong ? [21, 22, 23] : [21])('seed %i', async (seed) => {
    await withRuntime({ seed, ...shopUntil(lastDayOf(seed)), switches: switchesOf(seed) }, async (look) => {
      await look.pullMissing()
      await expectNothingMoves(look)
      expect(await look.found()).toEqual([])
      expect(look.sandbox.truth().defects).toEqual([])
      await look.pullAgain()
      await expectNothingMoves(look)
      expect(await look.found()).toEqual([])
      expect(await look.query('select resource, record_id from helcim.record_versions')).toEqual([])
    })
  })

  it('nor in the last hour of the day that has 25', async () => {
    const shop = { ...shopUntil('2026-11-01'), now: '2026-11-01T23:55:00Z' }
    await withRuntime({ seed: 24, ...shop }, async (look) => {
      await look.pullMissing()
      const open = look.sandbox.state.merchant().openBatch(54181n)
      expect(look.runtime.services.clock.now() - (open?.createdAt ?? 0)).toBeGreaterThan(24 * 3_600_000)
      await expectNothingMoves(look)
      expect(await look.found()).toEqual([])
    })
  })
})

describe.concurrent('two looks find what changed between them', () => {
  it.each(CHANGE_DEFECTS)('%s', async (name) => {
    const seed = 30 + CHANGE_DEFECTS.indexOf(name)
    await withRuntime({ seed, ...shopUntil(lastDayOf(seed)), switches: switchesOf(seed) }, async (look) => {
      await look.pullMissing()
      expect(await look.found()).toEqual([])
      look.sandbox.state.apply(name)
      await look.pullAgain()
      await expectTruth(look, twoLooks)
      await expectNothingMoves(look)
      // Both sides are amounts or both are texts: of an amount against nothing, no sum of money at stake would know.
      const sides = `(expected_minor is null) <> (actual_minor is null) or (expected_minor is null) = (expected_text is null)`
      expect(await look.query(`select code, subject_id from recon.mismatches where ${sides}`)).toEqual([])
    })
  })
})
