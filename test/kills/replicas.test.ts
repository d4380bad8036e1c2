import { Redis } from 'ioredis'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { TOLD_KINDS } from '../../src/domain/alert-routing.ts'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { createRandom, type Random } from '../../src/sandbox/random.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'
import { alertBodies, distinctBodies, toldIn } from '../alerts/support.ts'
import { openReceiver } from '../days/receiver.ts'
import { AGREED, compare, nameTruth } from '../days/support.ts'
import { NO_LIMITS } from '../sandbox/support.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { isLong } from '../support/long.ts'
import { type CliProcess, runCli, startCli, until } from './cli-process.ts'
import { outcomeOf } from './database.ts'
import { EVENTS_TOLD, untoldQuery } from './points/listeners.ts'
import { sharedClock } from './shared-clock.ts'
import { readableTotals } from './shop.ts'

const SEED = Number(process.env.SEED ?? 5)
/**
 * Clock seconds in a real one. What the machine measures stays real: a dead worker's job is another's after 10 to 15 s,
 * which is three to four hours of this clock, and what a dead process was telling is told again after 30 s. What is
 * unfinished is asked for again each minute of the clock, that is many times a real second: on a day shorter than two
 * cores can do its work in, this is most of what they do. `REPLICAS_RATE` gives a longer one.
 */
const RATE = Number(process.env.REPLICAS_RATE ?? 1_000)
const REPLICAS = 3
/** As far as the week of a night looks back at least. */
const HISTORY_DAYS = 7
const SHOP_DAYS = 3
const DAY = '2026-10-14'
const zone = createZone('America/Edmonton')
const STARTS_AT = zone.at(DAY, '06:00')
const ENDS_AT = zone.at(addDays(DAY, 1), '06:00')
/** All are away when the week is due for the first time. */
const OUTAGE = { from: zone.at(addDays(DAY, 1), '01:30'), to: zone.at(addDays(DAY, 1), '02:50') }
/** Later there are days that the other history does not know, and another night, whose work supersedes this one's. */
const REST_ENDS_AT = zone.at(addDays(DAY, 2), '00:00')

const redisUrl = inject('redisUrl')
const processes: CliProcess[] = []
const databases: TestDatabase[] = []

afterAll(async () => {
  for (const { kill, ended } of processes) {
    kill('SIGKILL')
    await ended
  }
  for (const database of databases) await database.drop()
})

describe.skipIf(redisUrl === null || !isLong)(`${REPLICAS} daemons on one PostgreSQL and one Redis`, () => {
  test(`started and killed at random for a day they miss no due work and do none twice (seed ${SEED})`, async () => {
    const random = createRandom(SEED, 'replicas')
    const clock = createSimulatedClock(STARTS_AT, RATE)
    const beganAt = performance.timeOrigin + performance.now()
    const sandbox = await openShop(clock)
    const receiver = await openReceiver({ seed: SEED, failing: 0.15, unheard: 0.1 })
    const database = await open()
    const redis = await emptyRedis()
    const env = {
      ...envOf(sandbox),
      ...receiver.env,
      DATABASE_URL: database.url,
      REDIS_URL: redis,
      NODE_OPTIONS: `--import ${sharedClock({ startsAt: STARTS_AT, rate: RATE, beganAt })}`,
    }
    const rows = async (statement: string) => database.rows(statement)
    try {
      await runCli(['migrate'], { env })
      const lived = await liveADay(() => startCli(['start'], { env }), { random, now: clock.now })
      receiver.recover()
      const restMs = await until(
        'all is done and told',
        () => isDone(rows, clock.now()),
        (REST_ENDS_AT - ENDS_AT) / RATE,
      )
      const doneAt = clock.now()
      const isStarted = (daemon: CliProcess) => daemon.stdout().includes('daemon.started')
      await until('the last one has started', () => lived.running.every(isStarted), 30_000)
      for (const daemon of lived.running) daemon.kill('SIGTERM')
      for (const daemon of lived.running) expect(await daemon.ended).toMatchObject({ code: 0 })

      const due = await rows(`select kind, extract(epoch from planned_at) * 1000 as at, outcome, reason
        from recon.due_work where planned_at < to_timestamp(${ENDS_AT / 1_000})`)
      const ends = due.map(({ kind, at, outcome, reason }) => ({
        name: `${kind} ${new Date(Number(at)).toISOString()}`,
        isEnded: outcome === 'done' || (reason !== null && (outcome === 'superseded' || outcome === 'failed')),
        outcome: String(outcome),
      }))
      const [account] = await rows('select extract(epoch from created_at) * 1000 as at from recon.accounts')
      // Each instant of the calendar since the first of them ran has its row, and no row stands for anything else.
      expect(ends.map(({ name }) => name).sort()).toEqual(plannedSince(Number(account?.at)).sort())
      expect(ends.filter(({ isEnded }) => !isEnded)).toEqual([])
      const outcomesOf = (kind: string) =>
        ends.filter(({ name }) => name.startsWith(kind)).map(({ outcome }) => outcome)
      for (const kind of ['poll', 'recent', 'lists']) expect(outcomesOf(kind), kind).toContain('done')
      // The night is once, whoever did its work.
      for (const kind of ['week', 'full', 'retention']) expect(outcomesOf(kind), kind).toEqual(['done'])
      expect(await rows(DOUBLED_PULLS)).toEqual([])

      const outcome = await outcomeOf(database)
      const undisturbed = await readOnce(sandbox, doneAt)
      expect(effectsOf(outcome)).toEqual(effectsOf(undisturbed))
      expect(outcome.totals).toMatchObject(readableTotals(sandbox))
      const found = await rows(`select code, subject_kind || ' ' || subject_id as key from recon.mismatches
        where state <> 'resolved'`)
      const named = found.map(({ code, key }) => ({ code: String(code), key: String(key), minors: null }))
      expect(compare(nameTruth(sandbox.truth().defects), named)).toEqual(AGREED)

      const events = (await rows(EVENTS_TOLD)).map(({ event }) => String(event)).sort()
      expect(toldIn(alertBodies(receiver.taken).values())).toEqual(events)
      expect(new Set(events).size).toBe(events.length)
      expect((await rows(BROKEN_LIVES)).map(({ told }) => told)).toEqual([])
      expect(receiver.forged).toEqual([])
      expect(sandbox.violations()).toEqual([])
      const countOutcomes = (name: string) => ends.filter(({ outcome }) => outcome === name).length
      const countRepeats = receiver.taken.length - distinctBodies(receiver.taken).size
      const countStalled = processes.reduce((sum, { stdout }) => sum + stdout().split('job.stalled').length - 1, 0)
      console.info(
        `seed ${SEED}, a day in ${Math.round((ENDS_AT - STARTS_AT) / RATE / 1_000)} s: ${lived.kills} kills, at most ` +
          `${lived.runningMax} and at least ${lived.runningMin} running; ${ends.length} due: ${countOutcomes('done')} done, ` +
          `${countOutcomes('superseded')} superseded, ${countOutcomes('failed')} failed, ${countStalled} jobs of the dead taken over; ` +
          `${events.length} transitions in ${distinctBodies(receiver.taken).size} messages, ${countRepeats} heard again; ` +
          `${sandbox.calls().length} calls; all done ${Math.round(restMs)} ms after the day`,
      )
      // The controls: they died, all of them at once too, and there was something to tell.
      expect(lived.kills).toBeGreaterThan(REPLICAS)
      expect(lived.runningMin).toBe(0)
      expect(lived.runningMax).toBe(REPLICAS)
      expect(events.length).toBeGreaterThan(0)
    } finally {
      for (const { kill, ended } of processes.splice(0)) {
        kill('SIGKILL')
        await ended
      }
      await receiver.close()
      await sandbox.close()
    }
  }, 600_000)
})

/** A shop that sells until early afternoon and in which defects strike all the while. */
function openShop(clock: ReturnType<typeof createSimulatedClock>): Promise<Sandbox> {
  const at = (time: string) => toInstant(zone.at(DAY, time))
  return startSandbox({
    clock,
    seed: SEED,
    scenario: {
      startsOn: addDays(DAY, -SHOP_DAYS),
      endsAt: at('15:00'),
      customers: 40,
      salesPerDay: 25,
      defects: [
        { name: 'card_batch_total_differs:sales', at: toInstant(zone.at(addDays(DAY, -1), '13:00')) },
        { name: 'value_unknown:status', at: at('08:30') },
        { name: 'record_undecodable', at: at('11:00') },
        { name: 'card_batch_count_differs', at: at('13:00'), terminalId: 54182 },
      ],
    },
    switches: { pageSizeMax: 100 },
    limits: NO_LIMITS,
    serviceTimeMs: { min: 5, max: 40 },
  })
}

const envOf = (sandbox: Sandbox) => ({
  HELCIM_BASE_URL: sandbox.url,
  HELCIM_API_TOKEN: sandbox.token,
  HELCIM_LIMITS: Object.entries(NO_LIMITS)
    .map((limit) => limit.join('='))
    .join(','),
  TIEOUT_HISTORY_DAYS: String(HISTORY_DAYS),
  SYNC_CRON: '*/30 * * * *',
  HTTP_PORT: 'off',
})

/** Keeps up to three daemons running until the day is over, killing and starting them at random. */
async function liveADay(start: () => CliProcess, { random, now }: { random: Random; now: () => number }) {
  const running: CliProcess[] = []
  const counts = { kills: 0, runningMin: REPLICAS, runningMax: 0 }
  const begin = () => {
    const daemon = start()
    processes.push(daemon)
    running.push(daemon)
    counts.runningMax = Math.max(counts.runningMax, running.length)
  }
  const kill = async (daemon: CliProcess) => {
    running.splice(running.indexOf(daemon), 1)
    daemon.kill('SIGKILL')
    expect(await daemon.ended).toMatchObject({ signal: 'SIGKILL' })
    counts.kills += 1
    counts.runningMin = Math.min(counts.runningMin, running.length)
  }
  while (running.length < REPLICAS) begin()
  await until('a daemon works', () => running.some((daemon) => daemon.stdout().includes('daemon.started')), 30_000)
  for (let isOutageOver = false; now() < ENDS_AT; ) {
    const pauseMs = random.integer(1_000, 4_000)
    const leftMs = isOutageOver ? (ENDS_AT - now()) / RATE : (OUTAGE.from - now()) / RATE
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(pauseMs, leftMs))))
    if (!isOutageOver && now() >= OUTAGE.from) {
      for (const daemon of [...running]) await kill(daemon)
      await until('the outage is over', () => now() >= OUTAGE.to, 120_000)
      isOutageOver = true
    }
    if (running.length === 0 || (running.length < REPLICAS && random.chance(0.7))) begin()
    else await kill(random.pick(running))
  }
  if (running.length === 0) begin()
  return { ...counts, running }
}

async function open(): Promise<TestDatabase> {
  const database = await createTestDatabase()
  databases.push(database)
  return database
}

/** A database of Redis that no other test uses. */
async function emptyRedis(): Promise<string> {
  const url = new URL(redisUrl ?? '')
  url.pathname = '/9'
  const redis = new Redis(url.href)
  await redis.flushdb()
  await redis.quit()
  return url.href
}

type Rows = TestDatabase['rows']

/** Somebody has seen the day end, nothing of it is unfinished, nothing is being read or waits to be judged, and everybody was told. */
async function isDone(rows: Rows, now: number): Promise<boolean> {
  const [work] = await rows(`select not exists (select from recon.due_work
      where finished_at is null and planned_at < to_timestamp(${ENDS_AT / 1_000}))
    and exists (select from recon.due_work where planned_at >= to_timestamp(${ENDS_AT / 1_000}))
    and not exists (select from recon.batch_checks where state = 'waiting')
    and not exists (select from recon.pulls where state = 'running') and not exists (select from recon.marks) as is_done`)
  const [untold] = await rows(untoldQuery(toInstant(now)))
  return work?.is_done === true && [untold?.ready, untold?.claimed, untold?.later].every((count) => Number(count) === 0)
}

/** The instants of the calendar in words of our own: local times in the account's zone, which has no shift that day. */
function plannedSince(firstAt: number): string[] {
  const MINUTE_MS = 60_000
  const kindsAt = (at: number): string[] => {
    const [hour = 0, minute = 0] = zone.text(toInstant(at)).slice(11, 16).split(':').map(Number)
    return [
      ...(minute % 30 === 0 ? ['poll'] : []),
      ...(minute === 7 ? ['recent'] : []),
      ...(minute === 23 ? ['lists'] : []),
      ...(hour === 2 && minute === 17 ? ['week'] : []),
      ...(hour === 3 && minute === 30 ? ['full'] : []),
      ...(hour === 4 && minute === 41 ? ['retention'] : []),
      ...(hour === 5 && minute === 11 ? ['closed'] : []),
      ...(hour === 7 && minute === 30 ? ['digest'] : []),
    ]
  }
  const first = Math.ceil(firstAt / MINUTE_MS) * MINUTE_MS
  const minutes = Array.from({ length: Math.ceil((ENDS_AT - first) / MINUTE_MS) }, (_, at) => first + at * MINUTE_MS)
  return minutes.flatMap((at) => kindsAt(at).map((kind) => `${kind} ${new Date(at).toISOString()}`))
}

/** What one process reads and judges that comes when all is over. */
async function readOnce(sandbox: Sandbox, now: number): Promise<Record<string, unknown>> {
  const database = await open()
  const env = {
    ...envOf(sandbox),
    // It comes a day later and is to look back as far.
    TIEOUT_HISTORY_DAYS: String(HISTORY_DAYS + 1),
    DATABASE_URL: database.url,
    TIEOUT_CLOCK: `${new Date(now).toISOString()}@1`,
  }
  const end = await runCli(['sync'], { env })
  expect(end, end.stderr).toMatchObject({ code: 0 })
  return outcomeOf(database)
}

/** What is to be the same however often somebody looked on the way. */
const effectsOf = ({ totals, batches, undecoded, covered, checks, mismatches }: Record<string, unknown>) => ({
  totals,
  batches,
  undecoded,
  covered,
  checks,
  mismatches: (mismatches as { state: string }[]).filter(({ state }) => state !== 'resolved'),
})

/** The same window asked for twice by one cause. */
const DOUBLED_PULLS = `select cause, resource, window_kind, from_date::text, to_date::text, subject, count(*)
  from recon.pulls group by 1, 2, 3, 4, 5, 6 having count(*) > 1`

/** Mismatches that were opened or resolved twice in a row. */
const BROKEN_LIVES = `select told from (
    select string_agg(kind, ',' order by event_id) as told from recon.mismatch_events
    where kind in (${TOLD_KINDS.filter((kind) => kind !== 'reminded')
      .map((kind) => `'${kind}'`)
      .join()})
    group by mismatch_id) lives
  where told !~ '^opened(,resolved,reopened)*(,resolved)?$'`
