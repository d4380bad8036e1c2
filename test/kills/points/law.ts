import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { AGREED, compare, nameTruth } from '../../days/support.ts'
import { isLong } from '../../support/long.ts'
import { readableTotals } from '../shop.ts'
import { type Kills, killEverywhere, outcomeAfterwards, type Reference, runUndisturbed } from './enumerate.ts'
import { laterPoll, type Scenario } from './scenarios.ts'
import { createWorld, type World } from './world.ts'

/** A page that was fetched in vain is fetched again, and no more than that. */
const EXTRA_CALLS_MAX = 1
/** The queue gives a dead worker's job to another one within 15 s (`jobs/queue/settings.ts`); then this passes at most. */
const RECOVERY_MS_MAX = 15_000

/** A sample of the points in the usual run; `npm run soak -- test/kills/points` takes them all. */
export const oneIn = isLong ? 1 : 16
const TOLD_ONE_IN = 4

const worlds: World[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

/** A world prepared for a scenario, and what comes of its work undisturbed. It is closed after the test. */
export async function open({ shop = {}, prepare, does }: Scenario): Promise<{ world: World; reference: Reference }> {
  const world = await createWorld(shop)
  worlds.push(world)
  const reference = await runUndisturbed(world, await prepare(world))
  const labels = reference.jobs.flatMap(({ steps }) => steps.map(({ label }) => label))
  // The control: it did what its title says, and came to its end.
  expect(labels.filter((label) => does.test(label))).not.toEqual([])
  expect(reference.outcome).toMatchObject({ rest: [{ marks: '0', pages: '0' }] })
  return { world, reference }
}

/** The law for each of these scenarios; jobs that do word for word the same in several of them are killed in the first. */
export function describeKills(scenarios: readonly Scenario[]): void {
  const all: Kills[] = []
  const shapesLost = new Set<string>()
  const alertShapes = { kept: new Set<string>(), late: new Set<string>() }
  describe('killed after any step of its work, a process leaves nothing that the next one does not put right', () => {
    test.each(scenarios.map((scenario) => [scenario.title, scenario] as const))(
      '%s',
      async (title, scenario) => {
        const { world, reference } = await open(scenario)
        if (scenario.isWhole) expect(reference.outcome).toMatchObject({ totals: readableTotals(world.sandbox) })

        if (scenario.isWhole) expect(compare(nameTruth(world.sandbox.truth().defects), reference.found)).toEqual(AGREED)

        // Few of the steps are between a message that was sent and the note of it: a wide sample may miss all of them.
        const often = scenario.isTold ? Math.min(oneIn, TOLD_ONE_IN) : oneIn
        const kills = await killEverywhere(world, reference, { oneIn: often, alertShapes: alertShapes.kept })
        report(title, kills)
        expect(kills.violations).toEqual([])
        // What a dead process had claimed is the one thing that waits for it, and may be heard twice.
        if (scenario.isTold) {
          const alerts = reference.jobs.filter(({ job }) => job.key === 'alert')
          expect(alerts.flatMap(({ steps }) => steps).length).toBeGreaterThan(40)
          expect(kills.countLapsed).toBeGreaterThan(0)
          expect(kills.countRepeats).toBeGreaterThan(0)
        }
        // With its queue no work waits for the minute's sweep, which would take longer than a process may stand still.
        expect(kills.sweptAt).toEqual([])
        expect(kills.extraCallsMax).toBeLessThanOrEqual(EXTRA_CALLS_MAX)
        expect(Math.max(...kills.recoveryMs)).toBeLessThan(RECOVERY_MS_MAX)

        const late = await killEverywhere(world, reference, { oneIn, isLate: true, alertShapes: alertShapes.late })
        report(`  its last commit lands while the next one works`, late)
        expect(late.violations).toEqual([])

        // The queue may have taken a tick with it: the schedule of the next process looks again at what is due.
        const ticks = reference.jobs.flatMap(({ job }) => (job.key.startsWith('tick ') ? [job] : []))
        const jobs = [...ticks, laterPoll(world)]
        const { pulls: _, ...outcome } = await outcomeAfterwards(world, reference, jobs)
        const lost = await killEverywhere(world, reference, {
          oneIn,
          fate: 'lost',
          shapes: shapesLost,
          afterwards: { jobs, outcome },
        })
        report(`  the queue is lost as well, until the next poll`, lost)
        expect(lost.violations).toEqual([])
        all.push(kills, late, lost)
      },
      // A guard against standing still, not a bound: hundreds of processes die in one test.
      600_000,
    )

    afterAll(() => report('in all', sumOf(all)))
  })
}

const sumOf = (all: readonly Kills[]): Kills => ({
  countPoints: all.reduce((sum, { countPoints }) => sum + countPoints, 0),
  countRecoveries: all.reduce((sum, { countRecoveries }) => sum + countRecoveries, 0),
  countExtraCalls: all.reduce((sum, { countExtraCalls }) => sum + countExtraCalls, 0),
  countRepeats: all.reduce((sum, { countRepeats }) => sum + countRepeats, 0),
  countLapsed: all.reduce((sum, { countLapsed }) => sum + countLapsed, 0),
  extraCallsMax: Math.max(0, ...all.map(({ extraCallsMax }) => extraCallsMax)),
  violations: all.flatMap(({ violations }) => violations),
  sweptAt: all.flatMap(({ sweptAt }) => sweptAt),
  recoveryMs: all.flatMap(({ recoveryMs }) => recoveryMs),
})

/** Prints the figures of an enumeration. */
export function report(
  title: string,
  { countPoints, countRecoveries, countRepeats, countLapsed, violations, sweptAt, recoveryMs, ...calls }: Kills,
): void {
  const sorted = [...recoveryMs].sort((a, b) => a - b)
  const quantile = (q: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0)
  console.info(
    `${title}: ${countPoints} points, ${countRecoveries} recoveries, ${violations.length} violations, ` +
      `${calls.countExtraCalls} calls more (${calls.extraCallsMax} at most), ${sweptAt.length} waited for the sweep, ` +
      `${countRepeats} messages heard again under their id, ${countLapsed} after a lease, ` +
      `all done after p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`,
  )
}
