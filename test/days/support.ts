import { waitUntilQuiet } from '../../src/cli/settle-down.ts'
import { openSoleRuntime, type SoleRuntime } from '../../src/cli/sole-runtime.ts'
import { readConfig } from '../../src/config.ts'
import { listOpenMismatches } from '../../src/db/mismatches.ts'
import { type Clock, createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { helcimDate } from '../../src/domain/helcim-time.ts'
import { subjectText } from '../../src/domain/pull.ts'
import { askForDueLists } from '../../src/jobs/sync/ask-for-due-lists.ts'
import { askForBatches, askForDays } from '../../src/jobs/sync/ask-for-lists.ts'
import { askForNeeds } from '../../src/jobs/sync/ask-for-needs.ts'
import { createLog, type Logger } from '../../src/log.ts'
import { runReconcile } from '../../src/reconcile/run.ts'
import type { SandboxOptions, ScenarioOptions, Switches } from '../../src/sandbox/options.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import type { TokenOptions } from '../../src/sandbox/tokens.ts'
import type { TruthEntry } from '../../src/sandbox/truth.ts'
import { createTestDatabase } from '../support/database.ts'

/** One finding as both sides can name it. */
export interface Named {
  readonly code: string
  readonly key: string
  /** What Helcim states and what its rows add up to, where the code has both. */
  readonly minors: string | null
}

export interface Look {
  readonly sandbox: Sandbox
  readonly runtime: SoleRuntime
  /** Reads everything that was never read, as a first start does. */
  pullMissing(): Promise<void>
  /** Reads what the schedule of lists asks for, hour by hour, until nothing is due: bank payments and invoices as well. */
  pullLists(): Promise<void>
  /** Reads batches and all days once more, as `tieout sync` does. */
  pullAgain(): Promise<void>
  reconcileFully(): ReturnType<typeof runReconcile>
  found(): Promise<Named[]>
  query(statement: string): Promise<Record<string, unknown>[]>
}

const LIMITS = { concurrent: 5, minute: 100_000, hour: 1_000_000 }
const LISTS_MAX = 50
/** A guard against standing still like vitest's own, below which it says what stood still; no bound. */
const QUIET_MS_MAX = 150_000

/** Runs `body` with the real daemon's runtime against a sandbox over HTTP, on a database of its own. */
export async function withRuntime(
  options: {
    seed: number
    /** With its zone. */
    now: string
    historyDays: number
    scenario: ScenarioOptions
    switches?: Partial<Switches>
    webhook?: NonNullable<SandboxOptions['webhook']>
    /** Shared by both sides; one that runs with the machine's from `now` on unless said. */
    clock?: Clock
    log?: Logger
    env?: Readonly<Record<string, string>>
    /** The first one reads; the one that can do everything unless said. */
    tokens?: readonly TokenOptions[]
  },
  body: (look: Look) => Promise<void>,
): Promise<void> {
  const { seed, now, historyDays, scenario, switches = {}, webhook, env = {} } = options
  const { clock = createSimulatedClock(toInstant(Date.parse(now)), 1) } = options
  const { tokens } = options
  const sandbox = await startSandbox({
    clock,
    seed,
    scenario,
    switches,
    limits: LIMITS,
    serviceTimeMs: 0,
    ...(tokens && { tokens }),
    ...(webhook && { webhook }),
  })
  try {
    await withDatabase(async (databaseUrl) => {
      const config = readConfig({
        HELCIM_BASE_URL: sandbox.url,
        HELCIM_API_TOKEN: sandbox.token,
        HELCIM_LIMITS: Object.entries(LIMITS)
          .map((limit) => limit.join('='))
          .join(','),
        DATABASE_URL: databaseUrl,
        TIEOUT_CLOCK: `${now}@1`,
        TIEOUT_HISTORY_DAYS: String(historyDays),
        LOG_LEVEL: 'silent',
        ...env,
      })
      const { log = createLog({ level: config.logLevel, isPretty: false }) } = options
      const runtime = await openSoleRuntime(config, { log, clock })
      try {
        await body(createLook(sandbox, runtime))
      } finally {
        await runtime.close({ deadlineMs: 5_000 })
      }
    })
  } finally {
    await sandbox.close()
  }
}

function createLook(sandbox: Sandbox, runtime: SoleRuntime): Look {
  const { db, account, clock, settings } = runtime.services
  const { accountId, historyFrom } = account
  const dead = new AbortController()
  runtime.work({ onDead: () => dead.abort() })
  let countAsked = 0
  const query = async (statement: string) => (await runtime.database.pool.query(statement)).rows
  /** Between the end of a reading and its judgement a busy machine can look quiet. */
  const isJudged = async () => {
    const [row] = await query(`select (select max(started_at) from recon.runs) >=
      (select max(finished_at) from recon.pulls where state <> 'split' and resource like 'card%') as is_judged`)
    return row?.is_judged === true && (await runtime.queue.counts()).delayed === 0
  }
  const beQuiet = async () => {
    const signal = AbortSignal.any([dead.signal, AbortSignal.timeout(QUIET_MS_MAX)])
    do {
      if (!(await waitUntilQuiet(runtime, { signal }))) throw new Error('the daemon did not come to rest')
    } while (!(await isJudged()))
  }
  return {
    sandbox,
    runtime,
    async pullMissing() {
      await runtime.askForMissing('first look')
      await beQuiet()
    },
    async pullLists() {
      let before = ''
      for (let hour = 1; hour <= LISTS_MAX; hour += 1) {
        const ask = { accountId, cause: `lists ${clock.now()} ${hour}`, now: clock.now() }
        const pulls = await db.transaction(async (tx) => [
          ...(await askForDueLists(tx, ask, historyFrom)),
          ...(await askForNeeds(tx, ask)),
        ])
        if (pulls.length === 0) return
        for (const pull of pulls) await runtime.enqueue.pullPage(pull)
        await beQuiet()
        // What is not permitted is due again and again.
        const windows = pulls.map(({ resource, window }) => `${resource} ${subjectText(window)}`).join()
        if (windows === before) return
        before = windows
      }
      throw new Error('there was no end to what is due')
    },
    async pullAgain() {
      countAsked += 1
      const now = clock.now()
      const ask = { accountId, cause: `look ${countAsked}`, now }
      const range = { from: historyFrom, to: helcimDate(now), callClass: 'fresh' as const }
      const pulls = await db.transaction(async (tx) => [
        ...(await askForDays(tx, ask, range)),
        ...(await askForBatches(tx, ask)),
      ])
      for (const pull of pulls) await runtime.enqueue.pullPage(pull)
      await beQuiet()
    },
    reconcileFully: () => runReconcile(db, { accountId, historyFrom, scope: 'full', settings, clock }),
    async found() {
      const mismatches = await listOpenMismatches(db, accountId)
      return mismatches.map(({ code, subjectKind, subjectId, period, expectedMinor, actualMinor }) => ({
        code,
        key: `${subjectKind} ${subjectId}${period === '' ? '' : ` ${period}`}`,
        minors: minorsOf(expectedMinor, actualMinor),
      }))
    },
    query,
  }
}

export const nameTruth = (entries: readonly TruthEntry[]): Named[] =>
  entries.map(({ code, subject: { kind, id }, expectedMinor, actualMinor }) => ({
    code,
    key: `${kind} ${id}`,
    minors: minorsOf(expectedMinor, actualMinor),
  }))

const minorsOf = (expected: bigint | null | undefined, actual: bigint | null | undefined): string | null =>
  expected === null || expected === undefined || actual === null || actual === undefined
    ? null
    : `${expected} stated, ${actual} summed`

export interface Comparison {
  readonly missed: readonly string[]
  readonly extra: readonly string[]
  readonly differing: readonly string[]
}

export function compare(truth: readonly Named[], found: readonly Named[]): Comparison {
  const nameOf = ({ code, key }: Named) => `${code} ${key}`
  const truthByName = new Map(truth.map((one) => [nameOf(one), one]))
  const foundByName = new Map(found.map((one) => [nameOf(one), one]))
  const without = (some: Map<string, Named>, others: Map<string, Named>) =>
    [...some.keys()].filter((name) => !others.has(name)).sort()
  const differing: string[] = []
  for (const [name, { minors }] of truthByName) {
    const other = foundByName.get(name)?.minors
    if (minors !== null && other && minors !== other) differing.push(`${name}: ${minors}, found: ${other}`)
  }
  return { missed: without(truthByName, foundByName), extra: without(foundByName, truthByName), differing }
}

export const AGREED: Comparison = { missed: [], extra: [], differing: [] }

/** Counts by code over many looks, for a person to read. */
export function createTally() {
  const byCode = new Map<string, { truth: number; found: number; missed: number; extra: number }>()
  const rowOf = (code: string) => {
    const row = byCode.get(code) ?? { truth: 0, found: 0, missed: 0, extra: 0 }
    byCode.set(code, row)
    return row
  }
  return {
    add(truth: readonly Named[], found: readonly Named[], { missed, extra }: Comparison) {
      for (const { code } of truth) rowOf(code).truth += 1
      for (const { code } of found) rowOf(code).found += 1
      for (const name of missed) rowOf(name.split(' ')[0] ?? '').missed += 1
      for (const name of extra) rowOf(name.split(' ')[0] ?? '').extra += 1
    },
    print(title: string) {
      const rows = [...byCode].sort(([a], [b]) => a.localeCompare(b))
      // Each truth that is not missed is found; each finding that is not extra is true.
      const share = (part: number, whole: number) =>
        whole === 0 ? '–' : String(Math.floor((part / whole) * 1000) / 1000)
      const line = (code: string, cells: readonly (string | number)[]) =>
        `${code.padEnd(32)}${cells.map((cell) => String(cell).padStart(10)).join('')}`
      const lines = rows.map(([code, row]) =>
        line(code, [
          row.truth,
          row.found,
          row.missed,
          row.extra,
          share(row.found - row.extra, row.found),
          share(row.truth - row.missed, row.truth),
        ]),
      )
      console.info(
        [title, line('code', ['truth', 'found', 'missed', 'extra', 'precision', 'recall']), ...lines].join('\n'),
      )
    },
  }
}

async function withDatabase(body: (url: string) => Promise<void>): Promise<void> {
  const database = await createTestDatabase()
  try {
    await body(database.url)
  } finally {
    await database.drop()
  }
}
