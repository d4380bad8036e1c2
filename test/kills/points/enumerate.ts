import { isDeepStrictEqual } from 'node:util'
import { INTERVAL_MS } from '../../../src/alerts/settings.ts'
import { listRunningPulls } from '../../../src/db/pulls.ts'
import { alert } from '../../../src/jobs/alert.ts'
import { createSchedule, type Schedule } from '../../../src/jobs/schedule/schedule.ts'
import type { Named } from '../../days/support.ts'
import { createLife, type Doom, type Life, type Step } from './life.ts'
import { createPointQueue, type PointQueue, type Queued } from './point-queue.ts'
import type { World } from './world.ts'

const SWEEP_MS = 60_000
/** Work that is not done after so many minutes is not going to be. */
const SWEEPS_MAX = 8
/** A cause that has had its message waits for the next interval, and one that fails again for its backoff. */
const INTERVALS_MAX = 3
/** Between these and what notes how it went, a message belongs to the process that claimed it, and to nobody if it dies. */
const CLAIMED_AFTER = /^(with waiting as materialized .* set claimed_until|told the )/

/** What becomes of the queue when the process dies: nothing, or it is emptied (a flushed Redis). */
export type QueueFate = 'kept' | 'lost'

export interface Kills {
  readonly countPoints: number
  /** Of these, kills that left something new behind; after the others all is as after the one before. */
  readonly countRecoveries: number
  /** One line each. */
  readonly violations: readonly string[]
  /** Calls beyond those of a process that lives. */
  readonly countExtraCalls: number
  readonly extraCallsMax: number
  /** Messages that were heard again, under their own id, because a process died before it noted that they were. */
  readonly countRepeats: number
  /** Points after which a claimed message waited for its lease, and was told again by the minute's sweep. */
  readonly countLapsed: number
  /**
   * Points after which anything else stood still until the minute's sweep; only a kept queue is expected to do without.
   */
  readonly sweptAt: readonly string[]
  /** Real milliseconds from the start of the next process until nothing is left to do. */
  readonly recoveryMs: readonly number[]
}

export interface Reference {
  readonly outcome: Record<string, unknown>
  /** Mismatches that stand at the end. */
  readonly found: readonly Named[]
  readonly jobs: readonly JobRecord[]
  readonly countCallsAtEnd: number
  readonly countRepeats: number
}

interface JobRecord {
  readonly job: Queued
  readonly steps: readonly Step[]
  /** Calls until it began. */
  readonly countCallsBefore: number
  /** Brings the moment back at which it was taken from the queue. */
  readonly restore: () => Promise<void>
  readonly waiting: readonly Queued[]
}

/** Works everything off without a disturbance, and remembers how to come back to the start of each job. */
export async function runUndisturbed(world: World, first: readonly Queued[]): Promise<Reference> {
  const queue = createPointQueue(first)
  const jobs: JobRecord[] = []
  const record = async (job: Queued, rest: readonly Queued[]) => {
    const restore = await world.save()
    const life = createLife(world, queue)
    const countCallsBefore = world.sandbox.calls().length
    await life.run(job)
    jobs.push({ job, steps: life.steps, countCallsBefore, restore, waiting: [job, ...rest] })
    await life.end()
  }
  for (let job = queue.take(); job !== null; job = queue.take()) {
    await record(job, queue.waiting())
    queue.done()
  }
  const life = createLife(world, queue)
  const { countSwept } = await comeToRest(world, life, queue)
  const outcome = await outcomeOf(world, life)
  await life.end()
  if (countSwept > 0) throw new Error('undisturbed work waits for the sweep')
  return {
    outcome,
    found: await world.found(),
    jobs,
    countCallsAtEnd: world.sandbox.calls().length,
    countRepeats: world.listeners.countRepeats(),
  }
}

/** What comes of undisturbed work after which `jobs` are done as well. */
export async function outcomeAfterwards(
  world: World,
  { jobs: [first] }: Reference,
  jobs: readonly Queued[],
): Promise<Record<string, unknown>> {
  await first?.restore()
  const queue = createPointQueue(first?.waiting)
  const life = createLife(world, queue)
  try {
    await comeToRest(world, life, queue)
    for (const job of jobs) queue.add(job)
    await comeToRest(world, life, queue)
    return await outcomeOf(world, life)
  } finally {
    await life.end()
  }
}

export interface Plan {
  readonly fate?: QueueFate
  /** Takes one in so many of the points that leave something behind, with those up to the next one; all unless said. */
  readonly oneIn?: number
  /** Only commits that are under way when the process dies, and take effect while the next one is at work. */
  readonly isLate?: boolean
  readonly isTornOut?: Doom['isTornOut']
  /** Shapes of jobs that have had their kills; a job that sends word for word what one before it sent is left out. */
  readonly shapes?: Set<string>
  /** The same of jobs that tell, for which it is all one in which scenario they are. */
  readonly alertShapes?: Set<string>
  /** What happens once the next process is at rest, and what must have come of it all; the outcome undisturbed if nothing. */
  readonly afterwards?: { readonly jobs: readonly Queued[]; readonly outcome: Record<string, unknown> }
}

/**
 * Kills a process after each step of each job, lets the next one recover, and compares with the undisturbed work. Where
 * the step left nothing behind, because it only read or its transaction was rolled back, that is what is looked at: then
 * the recovery is that from the point before.
 */
export async function killEverywhere(world: World, reference: Reference, plan: Plan = {}): Promise<Kills> {
  const tally = { countPoints: 0, countRecoveries: 0, countExtraCalls: 0, extraCallsMax: 0 }
  const alerts = { countRepeats: 0, countLapsed: 0 }
  const violations: string[] = []
  const sweptAt: string[] = []
  const recoveryMs: number[] = []
  const { shapes = new Set(), alertShapes = shapes, oneIn = 1 } = plan
  let countLasting = 0
  for (const [index, record] of reference.jobs.entries()) {
    const shape = record.steps.map(({ label }) => label.replaceAll(/\d+/g, '')).join()
    const known = record.job.key === 'alert' ? alertShapes : shapes
    if (known.has(shape)) continue
    known.add(shape)
    let leftBefore: Record<string, unknown> = {}
    for (const { dieAfter, isLasting } of pointsOf(record, plan)) {
      if (isLasting) countLasting += 1
      if (countLasting % oneIn !== 0) continue
      const place = `job ${index + 1} (${record.job.key}), step ${dieAfter}: ${record.steps[dieAfter - 1]?.label ?? 'none'}`
      tally.countPoints += 1
      try {
        const killed = await killAt(world, record, { dieAfter, isRecovered: isLasting }, plan)
        if (!killed.recovery) {
          for (const difference of differencesOf(leftBefore, killed.left))
            violations.push(`${place.slice(0, 120)}: something stayed: ${difference}`)
          continue
        }
        const { outcome, countCalls, countSwept, countLapsed, countRepeats, isClaimed, ms } = killed.recovery
        leftBefore = killed.left
        tally.countRecoveries += 1
        const countExtra = countCalls - (reference.countCallsAtEnd - record.countCallsBefore)
        tally.countExtraCalls += Math.max(0, countExtra)
        tally.extraCallsMax = Math.max(tally.extraCallsMax, countExtra)
        alerts.countRepeats += countRepeats - reference.countRepeats
        alerts.countLapsed += countLapsed
        if (isClaimed && !CLAIMED_AFTER.test(record.steps[dieAfter - 1]?.label ?? ''))
          violations.push(`${place.slice(0, 120)}: a message stays claimed`)
        if (countLapsed > Number(isClaimed)) violations.push(`${place.slice(0, 120)}: waited for another lease`)
        recoveryMs.push(ms)
        if (countSwept > 0) sweptAt.push(place.slice(0, 120))
        const expected = plan.afterwards?.outcome ?? reference.outcome
        for (const difference of differencesOf(expected, outcome))
          violations.push(`${place.slice(0, 120)}: ${difference}`)
      } catch (error) {
        violations.push(`${place.slice(0, 120)}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
  return { ...tally, ...alerts, violations, sweptAt, recoveryMs }
}

/** After the last step of a job is before the first of the next one, but that the job is still in its worker's hand. */
function pointsOf({ steps }: JobRecord, { fate, isLate, isTornOut }: Plan): { dieAfter: number; isLasting: boolean }[] {
  const points = steps.map(({ label, isLasting }, at) => ({ dieAfter: at + 1, isLasting, label }))
  if (isLate) return points.filter(({ label }) => label === 'commit')
  if (fate === 'lost') return points.filter(({ isLasting }) => isLasting)
  if (isTornOut) return points.map((point) => ({ ...point, isLasting: true }))
  return [{ dieAfter: 0, isLasting: true }, ...points]
}

async function killAt(
  world: World,
  record: JobRecord,
  { dieAfter, isRecovered }: { dieAfter: number; isRecovered: boolean },
  { fate = 'kept', isLate = false, isTornOut, afterwards }: Plan,
) {
  await record.restore()
  const countCallsBefore = world.sandbox.calls().length
  const queue = createPointQueue(record.waiting)
  const job = queue.take()
  if (job === null) throw new Error('no job')
  const doomed = createLife(world, queue, { dieAfter, isLate, ...(isTornOut ? { isTornOut } : {}) })
  let next: Life | null = null
  try {
    if ((await doomed.run(job)) !== 'died') throw new Error('outlived its kill point')
    const isAnotherWay = doomed.steps.some(({ label }, at) => label !== record.steps[at]?.label)
    if (isAnotherWay && !isTornOut) throw new Error(`went another way: ${doomed.steps.at(-1)?.label}`)
    const left = { ...(await world.contents()), waiting: queue.waiting().map(({ key }) => key) }
    if (!isRecovered) return { left, recovery: null }
    const isClaimed = (await world.untold()).claimed > 0
    const startedAt = performance.now()
    const successors = fate === 'kept' ? queue : createPointQueue()
    if (fate === 'kept') queue.stall()
    next = createLife(world, successors)
    landWhenWanted(doomed, next)
    const { countSwept, countLapsed } = await comeToRest(world, next, successors, () => doomed.late?.land())
    const ms = performance.now() - startedAt
    const countCalls = world.sandbox.calls().length - countCallsBefore
    if (afterwards) {
      for (const job of afterwards.jobs) successors.add(job)
      await comeToRest(world, next, successors)
    }
    const outcome = await outcomeOf(world, next)
    const countRepeats = world.listeners.countRepeats()
    return { left, recovery: { outcome, countCalls, countSwept, countLapsed, countRepeats, isClaimed, ms } }
  } finally {
    await doomed.end()
    await next?.end()
  }
}

/** A late commit takes effect when the next process first sends what may have to wait for it. */
function landWhenWanted(doomed: Life, next: Life): void {
  next.onStatement((text) => {
    if (doomed.late?.texts.includes(text)) doomed.late.land()
  })
}

/**
 * Works the queue off; then, minute after minute, does what a process does then: puts running pulls and unfinished due
 * work back into the queue and asks for alerts, until there is nothing left to do. Alerts that wait for a time of their
 * own are left to `outcomeOf`.
 */
async function comeToRest(
  world: World,
  life: Life,
  queue: PointQueue,
  afterFirst: () => void = () => {},
): Promise<{ countSwept: number; countLapsed: number }> {
  const { context } = life
  const { accountId } = context.account
  const known = await world.query('select distinct kind from recon.due_work')
  const schedule = scheduleOf(
    world,
    context,
    known.map(({ kind }) => String(kind)),
  )
  const counts = { countSwept: 0, countLapsed: 0 }
  for (let minute = 0; minute <= SWEEPS_MAX; minute += 1) {
    for (let job = queue.take(); job !== null; job = queue.take()) {
      await life.run(job)
      queue.done()
      afterFirst()
    }
    afterFirst()
    const { ready, claimed } = await world.untold()
    world.clock.advance(SWEEP_MS)
    for (const pull of await listRunningPulls(context.db, accountId)) await context.enqueue.pullPage(pull)
    await schedule.tick()
    const isSwept = queue.waiting().length > 0 || ready > 0
    // The sweep asks each minute; where nobody is to be told anything, it finds that out and no more.
    if (ready + claimed > 0) await context.enqueue.alert({ accountId })
    if (queue.waiting().length === 0) return counts
    counts.countSwept += Number(isSwept)
    counts.countLapsed += Number(claimed > 0)
  }
  throw new Error(`not at rest after ${SWEEPS_MAX} minutes`)
}

/** What came of it all, once the times of the alerts that wait for theirs have passed. */
async function outcomeOf(world: World, { context }: Life): Promise<Record<string, unknown>> {
  for (let interval = 0; interval < INTERVALS_MAX; interval += 1) {
    const { ready, claimed, later } = await world.untold()
    if (ready + claimed + later === 0) break
    world.clock.advance(INTERVAL_MS)
    await alert.run({ accountId: context.account.accountId }, context)
  }
  return world.outcome()
}

/** The real schedule, with kinds none of which comes due by itself within the hour. */
export function scheduleOf(
  { account: { accountId }, clock }: World,
  { db, enqueue, log }: Life['context'],
  kinds: readonly string[],
  startsAt = clock.now(),
): Schedule {
  const entries = kinds.map((kind) => ({ kind, cron: '0 * * * *', zone: 'UTC' }))
  return createSchedule({ db, clock, accountId, entries, enqueue: enqueue.due, log, startsAt })
}

function differencesOf(expected: Record<string, unknown>, actual: Record<string, unknown>): string[] {
  const keys = Object.keys(expected).filter((key) => !isDeepStrictEqual(expected[key], actual[key]))
  return keys.map((key) => `${key} ${differenceOf(expected[key], actual[key])}`)
}

function differenceOf(expected: unknown, actual: unknown): string {
  if (!Array.isArray(expected) || !Array.isArray(actual))
    return `${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`
  const without = (some: unknown[], others: unknown[]) =>
    some.filter((one) => !others.some((other) => isDeepStrictEqual(one, other))).map((one) => JSON.stringify(one))
  return `lacks [${without(expected, actual)}], has [${without(actual, expected)}]`
}
