import { describe, expect, test } from 'vitest'
import type { FaultAct } from '../../src/sandbox/faults/acts.ts'
import type { Doom, Step } from '../kills/points/life.ts'
import { createPointQueue, type Queued } from '../kills/points/point-queue.ts'
import { isLong } from '../support/long.ts'
import { brokenLaws } from './laws.ts'
import { ACH, CARD, type Side } from './sides.ts'
import { type Till, withTill } from './till.ts'

/** Minutes of a daemon's sweeps until all is certain: an intent nobody acted on lapses, and a fresh look settles. */
const MINUTES_MAX = 4
/** A sample of the points in the usual run, from another one on in each case; `npm run soak -- test/settlement/kills` takes them all. */
const ONE_IN = isLong ? 1 : 8
const OFFSET_BETWEEN_CASES = 2

describe('killed after any step of a settlement, a process leaves nothing that the next one does not make certain', () => {
  const cases: readonly (readonly [title: string, side: Side, act: FaultAct | null, countPosts: number])[] = [
    ['Helcim answers', CARD, null, 1],
    ['the call is cut off after it took effect', CARD, { kind: 'cut', when: 'after-effect' }, 1],
    ['the call is cut off before it took effect', CARD, { kind: 'cut', when: 'before-effect' }, 2],
    ['ACH: Helcim answers', ACH, null, 1],
    ['ACH: the call is cut off after it took effect', ACH, { kind: 'cut', when: 'after-effect' }, 1],
    ['ACH: the call is cut off before it took effect', ACH, { kind: 'cut', when: 'before-effect' }, 2],
  ]
  test.each(cases.map((one, place) => [...one, place] as const))(
    '%s',
    (title, side, act, countPosts, place) =>
      withTill({ side }, async (till) => {
        const strike = () => {
          if (act) till.world.sandbox.faults.add({ match: { method: side.method }, act })
        }
        till.sell()
        strike()
        const { steps, waiting } = await run(till, {})
        await till.rest(createPointQueue(waiting))
        // A step that only reads leaves what the one before it left. Until the intent all three are the same.
        const intentAt = steps.findIndex(({ label }) => /insert into "recon"\."(ach_)?settlement_attempts"/.test(label))
        const calledAt = steps.findIndex(({ label }) => label.startsWith(`Helcim answered ${side.method}`))
        expect(intentAt).toBeGreaterThan(0)
        const points = steps.flatMap(({ isLasting }, at) =>
          isLasting && (act === null || at > intentAt) ? [at + 1] : [],
        )
        const chosen = points.filter((_, index) => index % ONE_IN === (place * OFFSET_BETWEEN_CASES) % ONE_IN)
        const minutes: number[] = []
        for (const dieAfter of chosen) {
          till.world.sandbox.faults.clear()
          const batch = till.sell()
          strike()
          const killed = await run(till, { dieAfter })
          minutes.push(await till.rest(createPointQueue(killed.waiting)))
          const point = `${dieAfter} ${steps[dieAfter - 1]?.label.slice(0, 80)}`
          const count = till.posts(batch).length
          // Whoever dies before the call leaves it to the next one, which meets the same fault.
          expect({ point, isClosed: till.isClosed(batch), count }).toEqual({ point, isClosed: true, count: countPosts })
        }
        expect(await brokenLaws(till)).toEqual([])
        expect(Math.max(...minutes)).toBeLessThanOrEqual(MINUTES_MAX)
        expect(points.filter((point) => point > calledAt).length).toBeGreaterThan(3)
        const most = Math.max(...minutes)
        console.info(`${title}: ${steps.length} steps, ${chosen.length} kills, certain after ${most} min at most`)
      }),
    300_000,
  )

  test('the laws see a call that nobody wrote down (control)', async () => {
    await withTill({}, async (till) => {
      const batch = till.sell()
      await till.settle()
      expect(await brokenLaws(till)).toEqual([])
      const { url, token } = till.world.sandbox
      await fetch(`${url}/card-batches/${batch}/settle`, { method: 'POST', headers: { 'api-token': token } })
      expect(await brokenLaws(till)).toEqual([`card_batch ${batch} was called more often than attempts say`])
    })
  })
})

/** Works off a cut-off until the process dies after so many steps, if it does. @returns what waits then */
async function run(till: Till, doom: Doom): Promise<{ steps: readonly Step[]; waiting: readonly Queued[] }> {
  const { job } = await till.cutOff()
  const queue = createPointQueue([job])
  const life = till.life(queue, doom)
  // Judging and telling have enumerations of their own.
  const others: Queued[] = []
  let isAlive = true
  try {
    for (let next = queue.take(); next !== null; next = isAlive ? queue.take() : null) {
      if (/^(reconcile|alert)/.test(next.key)) others.push(next)
      // What is not certain is thrown, to be asked for again.
      else isAlive = (await life.run(next).catch(() => 'ended')) !== 'died'
      if (isAlive) queue.done()
      else queue.stall()
    }
    return { steps: life.steps, waiting: [...queue.waiting(), ...others] }
  } finally {
    await life.end()
  }
}
