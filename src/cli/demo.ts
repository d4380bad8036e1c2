import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import cliProgress from 'cli-progress'
import { readConfig } from '../config.ts'
import { listOpenMismatches } from '../db/mismatches.ts'
import { loadOverview, type Overview } from '../db/overview.ts'
import { addDays } from '../domain/calendar.ts'
import { createSystemClock } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { createLog } from '../log.ts'
import { runReconcile } from '../reconcile/run.ts'
import { DEMO_HISTORY_DAYS } from '../sandbox/demo.ts'
import { demoScenario, startSandbox } from '../sandbox/sandbox.ts'
import { paint, say } from './paint.ts'
import { waitUntilQuiet } from './settle-down.ts'
import { showMismatches } from './show-mismatches.ts'
import { showTerminals } from './show-terminals.ts'
import { openSoleRuntime, type SoleRuntime } from './sole-runtime.ts'

const SEED = 7

/** Runs the real daemon against a local Helcim and shows what it finds. Run again, it goes on from its data. */
export async function runDemo(signal: AbortSignal): Promise<void> {
  const folder = join(process.cwd(), '.tieout', 'demo')
  const startsOn = rememberStart(folder)
  say(paint('bold', 'tieout demo'))
  say(`A local Helcim with two terminals, some 120 customers and the history since ${startsOn}, in which a few defects`)
  say('are hidden. The daemon pulls it over HTTP within Helcim’s limits and proves each card batch.')
  say()
  const sandbox = await startSandbox({ clock: createSystemClock(), seed: SEED, scenario: demoScenario(startsOn) })
  try {
    const config = readConfig({
      HELCIM_BASE_URL: sandbox.url,
      HELCIM_API_TOKEN: sandbox.token,
      TIEOUT_DATA_DIR: folder,
      TIEOUT_HISTORY_DAYS: String(DEMO_HISTORY_DAYS - 1),
    })
    const runtime = await openSoleRuntime(config, {
      log: createLog({ level: 'silent', isPretty: false }),
      name: 'demo',
      boundTo: `the sandbox of ${startsOn}`,
    })
    try {
      const isDone = await pull(runtime, signal)
      if (isDone) await report(runtime)
      else say('\nStopped. Everything read so far is kept; the next run goes on from there.')
    } finally {
      await runtime.close({ deadlineMs: 5_000 })
    }
  } finally {
    await sandbox.close()
  }
}

/** The sandbox is a pure function of its first day, so a second run meets the same merchant, a little later. */
function rememberStart(folder: string): string {
  const file = join(folder, 'first-day')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    const startsOn = addDays(helcimDate(createSystemClock().now()), 1 - DEMO_HISTORY_DAYS)
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, `${startsOn}\n`)
    return startsOn
  }
}

async function pull(runtime: SoleRuntime, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false
  const dead = new AbortController()
  runtime.work({ onDead: () => dead.abort() })
  await runtime.schedule()
  await runtime.askForMissing(`start ${new Date(runtime.services.clock.now()).toISOString()}`)
  const bar = new cliProgress.SingleBar({
    format: '  pulling  {bar}  {value}/{total} days · {rows} transactions · {calls} calls',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    barsize: 30,
  })
  const isTerminal = process.stdout.isTTY === true
  if (isTerminal) bar.start(DEMO_HISTORY_DAYS, 0, { rows: 0, calls: 0 })
  else say('  pulling …')
  const isQuiet = await waitUntilQuiet(runtime, {
    signal: AbortSignal.any([signal, dead.signal]),
    onProgress: ({ daysCovered, daysTotal, rows, calls }) => {
      if (!isTerminal) return
      bar.setTotal(Math.max(daysTotal, 1))
      bar.update(daysCovered, { rows, calls })
    },
  })
  bar.stop()
  return isQuiet
}

async function report(runtime: SoleRuntime): Promise<void> {
  const { db, account, clock, settings } = runtime.services
  const { accountId, historyFrom } = account
  // The proof: looking at everything finds nothing that looking at what changed did not find.
  await runReconcile(db, { accountId, historyFrom, scope: 'full', settings, clock })
  const overview = await loadOverview(db, accountId, { minuteMs: 60_000, hourMs: 3_600_000 })
  const mismatches = await listOpenMismatches(db, accountId)
  say()
  showPulled(overview)
  say()
  say(paint('bold', 'Card batches'))
  say(await showTerminals(db, accountId))
  say()
  say(paint('bold', mismatches.length === 0 ? 'No mismatches.' : `${mismatches.length} mismatches, the worst first`))
  say()
  say(showMismatches(mismatches))
  say()
  say(paint('bold', 'Your own account'))
  say('  export HELCIM_API_TOKEN=…        an API token with General: read (All Tools → Integrations → API Access)')
  say('  npm start                        keeps its data in .tieout/, or in Postgres with DATABASE_URL set')
  say('  npm run tieout -- doctor         checks the settings and what the token may do')
}

function showPulled(overview: Overview): void {
  const share = (count: number, limit: number) => `${Math.round((count / limit) * 100)} %`
  say(
    `  ${paint('green', '✓')} ${overview.countTransactions} card transactions in ${overview.countBatches} batches of ` +
      `${overview.countTerminals} terminals, ${overview.firstDay} to ${overview.lastDay}, every day read completely`,
  )
  say(
    `  ${paint('green', '✓')} ${overview.countCalls} calls in all, ${overview.countRateLimited} refused · last minute ` +
      `${overview.countCallsLastMinute} of 100 (${share(overview.countCallsLastMinute, 100)}) · last hour ` +
      `${overview.countCallsLastHour} of 3000 (${share(overview.countCallsLastHour, 3_000)})`,
  )
}
