import { afterEach, expect, test } from 'vitest'
import { insertDue } from '../../../src/db/due-work.ts'
import type { DueKind } from '../../../src/jobs/due.ts'
import { createRandom, type Random } from '../../../src/sandbox/random.ts'
import { readableTotals } from '../shop.ts'
import { type Kills, killEverywhere, outcomeAfterwards, runUndisturbed } from './enumerate.ts'
import { createLife } from './life.ts'
import { createPointQueue, type Queued } from './point-queue.ts'
import { dueNow, laterPoll, readEverything } from './scenarios.ts'
import { createWorld, type World } from './world.ts'

const SEED = Number(process.env.SEED ?? 2)
const POLL_MS = 5 * 60_000
const POLLS = 12
const SALES_PER_POLL = 2
/** Steps that a process lives: some see a poll through, most do not. */
const STEPS = { min: 5, max: 250 }

const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

async function open(): Promise<World> {
  const world = await createWorld({ switches: { pageSizeMax: 10 } })
  worlds.push(world)
  return world
}

/** Sales of Helcim's present, which stands still in these worlds. */
function sell(world: World, amountsMinor: readonly bigint[]): void {
  const { state } = world.sandbox
  const [customer] = state.customers
  const at = state.merchant().transactions().at(-1)?.createdAt
  if (!customer || at === undefined) throw new Error('the shop sold nothing yet')
  for (const amountMinor of amountsMinor) state.payments.purchase({ at, customer, amountMinor, isExact: true })
}

function planned(world: World, kind: DueKind): Queued {
  const key = { accountId: world.account.accountId, kind, plannedAt: world.clock.now() }
  return {
    key: `planned ${kind} ${key.plannedAt}`,
    async run({ db, enqueue }) {
      await insertDue(db, { ...key, plannedAts: [key.plannedAt] })
      await enqueue.due(key)
    },
  }
}

/** An hour of polls, an hourly reading and sales; with `random`, processes that die at any step, one after the other. */
async function liveAnHour(random: Random | null): Promise<{ world: World; countKills: number; countCalls: number }> {
  const world = await open()
  let countKills = 0
  const queue = createPointQueue([planned(world, 'recent')])
  for (let poll = 0; poll < POLLS; poll += 1) {
    sell(
      world,
      Array.from({ length: SALES_PER_POLL }, (_, sale) => BigInt(1_000 + poll * 10 + sale)),
    )
    queue.add(planned(world, 'poll'))
    for (let isDone = false; !isDone; ) {
      const life = createLife(world, queue, random ? { dieAfter: random.integer(STEPS.min, STEPS.max) } : {})
      let end: 'ended' | 'died' = 'ended'
      for (let job = queue.take(); job !== null && end === 'ended'; job = end === 'ended' ? queue.take() : job) {
        end = await life.run(job)
        if (end === 'ended') queue.done()
      }
      if (end === 'died') {
        countKills += 1
        queue.stall()
      }
      isDone = end === 'ended'
      await life.end()
    }
    world.clock.advance(POLL_MS)
  }
  return { world, countKills, countCalls: world.sandbox.calls().length }
}

test(`fault 2: kills at random steps for a simulated hour lose no row and double none, and cost a call each at most (seed ${SEED})`, async () => {
  const undisturbed = await liveAnHour(null)
  const killed = await liveAnHour(createRandom(SEED, 'deaths'))
  const [calm, torn] = [await undisturbed.world.outcome(), await killed.world.outcome()]
  const countExtra = killed.countCalls - undisturbed.countCalls
  console.info(
    `fault 2, seed ${SEED}: ${killed.countKills} kills in a simulated hour; ${undisturbed.countCalls} calls undisturbed, ` +
      `${countExtra} more; rows ${JSON.stringify(torn.totals)}`,
  )
  expect(torn.totals).toMatchObject(readableTotals(killed.world.sandbox))
  for (const name of ['totals', 'batches', 'covered', 'checks', 'mismatches'])
    expect(torn[name], name).toEqual(calm[name])
  expect(countExtra).toBeLessThanOrEqual(killed.countKills)
  // The controls: they died often, and the hour brought rows that were not there at its begin.
  expect(killed.countKills).toBeGreaterThan(POLLS)
  expect(undisturbed.countKills).toBe(0)
  const sold = undisturbed.world.sandbox.state.merchant().transactions().length
  expect(sold).toBeGreaterThan(POLLS * SALES_PER_POLL)
})

test('killed anywhere on the first of the pages that bring the new rows of a batch, nothing is missed', async () => {
  const world = await open()
  await readEverything(world)
  sell(
    world,
    Array.from({ length: 24 }, (_, sale) => BigInt(2_000 + sale)),
  )
  const whole = await runUndisturbed(world, [await dueNow(world, 'poll')])
  expect(whole.outcome).toMatchObject({ totals: readableTotals(world.sandbox) })
  const keys = new Set(whole.jobs.map(({ job }) => job.key))
  const firsts = whole.jobs.filter(({ job: { key } }) => / 1 1$/.test(key) && keys.has(key.replace(/1$/, '2')))
  // The control: there was a first page with more behind it.
  expect(firsts).toHaveLength(1)
  const reference = { ...whole, jobs: firsts }
  const kept = await killEverywhere(world, reference)
  const jobs = [laterPoll(world)]
  const { pulls: _, ...outcome } = await outcomeAfterwards(world, reference, jobs)
  const lost = await killEverywhere(world, reference, { fate: 'lost', afterwards: { jobs, outcome } })
  const countOf = ({ countPoints, violations }: Kills) => `${countPoints} points, ${violations.length} violations`
  console.info(`killed on the first of several pages: ${countOf(kept)}; its queue lost as well: ${countOf(lost)}`)
  expect(kept.violations).toEqual([])
  expect(lost.violations).toEqual([])
})
