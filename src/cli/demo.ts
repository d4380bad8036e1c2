import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import cliProgress from 'cli-progress'
import { readConfig } from '../config.ts'
import { listOpenMismatches } from '../db/mismatches.ts'
import { loadOverview, type Overview } from '../db/overview.ts'
import { addDays, businessDateOf } from '../domain/calendar.ts'
import { createSystemClock } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { printable } from '../domain/printable.ts'
import { createLog } from '../log.ts'
import { runReconcile } from '../reconcile/run.ts'
import { DEMO_HISTORY_DAYS } from '../sandbox/demo.ts'
import { demoScenario, startSandbox } from '../sandbox/sandbox.ts'
import { type AlertReceiver, openAlertReceiver } from './demo/alert-receiver.ts'
import { showDemoExports, writeDemoExports } from './demo/demo-exports.ts'
import { showAlerts } from './demo/show-alerts.ts'
import { dutiesOf } from './duties.ts'
import { count, paint, say, tick, wrap } from './paint.ts'
import { waitUntilQuiet } from './settle-down.ts'
import { mismatchLines, shortId, sumsOf } from './show-mismatches.ts'
import { showTerminals } from './show-terminals.ts'
import { openSoleRuntime, type SoleRuntime } from './sole-runtime.ts'

const SEED = 7

interface Demo {
  readonly runtime: SoleRuntime
  readonly receiver: AlertReceiver
  /** Where everything lies. */
  readonly folder: string
  readonly zone: string
  readonly signal: AbortSignal
}

/**
 * Runs the real daemon against a local Helcim, and shows what it finds, whom it tells and what it exports. Run again, it
 * goes on from its data.
 */
export async function runDemo(signal: AbortSignal): Promise<void> {
  const folder = join(process.cwd(), '.tieout', 'demo')
  const startsOn = rememberStart(folder)
  say(paint('bold', 'tieout demo'))
  say(
    wrap(
      `A local Helcim with two terminals, some 120 customers and the history since ${startsOn}, in which a few defects ` +
        'are hidden. The daemon pulls it over HTTP within Helcim’s limits, proves each card batch, tells a webhook ' +
        'what does not agree, and exports the rest.',
      '',
    ),
  )
  say()
  const sandbox = await startSandbox({ clock: createSystemClock(), seed: SEED, scenario: demoScenario(startsOn) })
  const receiver = await openAlertReceiver()
  try {
    const config = readConfig({
      HELCIM_BASE_URL: sandbox.url,
      HELCIM_API_TOKEN: sandbox.token,
      TIEOUT_DATA_DIR: folder,
      TIEOUT_HISTORY_DAYS: String(DEMO_HISTORY_DAYS - 1),
      ...receiver.env,
    })
    const runtime = await openSoleRuntime(config, {
      log: createLog({ level: 'silent', isPretty: false }),
      name: 'demo',
      boundTo: `the sandbox of ${startsOn}`,
    })
    try {
      await pullAndReport({ runtime, receiver, folder, zone: config.zone, signal })
    } finally {
      await runtime.close({ deadlineMs: 5_000 })
    }
  } finally {
    await receiver.close()
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

async function pullAndReport(demo: Demo): Promise<void> {
  const { signal, runtime } = demo
  const before = await overviewOf(runtime)
  try {
    if (await pull(runtime, signal)) await report(demo, before)
  } catch (error) {
    // What was cut off says so; everything else is an error also while we stop.
    if (!(error instanceof Error && error.name === 'AbortError')) throw error
  }
  if (signal.aborted) say('\nStopped. Everything read so far is kept; the next run goes on from there.')
}

const overviewOf = ({ services: { db, account } }: SoleRuntime): Promise<Overview> =>
  loadOverview(db, account.accountId, { minuteMs: 60_000, hourMs: 3_600_000 })

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
    barsize: 24,
    clearOnComplete: true,
  })
  const isTerminal = process.stdout.isTTY === true
  if (isTerminal) bar.start(DEMO_HISTORY_DAYS, 0, { rows: 0, calls: 0 })
  else say('  pulling …\n')
  const isQuiet = await waitUntilQuiet(runtime, {
    signal: AbortSignal.any([signal, dead.signal]),
    onProgress: ({ daysCovered, daysTotal, rows, calls }) => {
      if (!isTerminal) return
      bar.setTotal(Math.max(daysTotal, 1))
      bar.update(daysCovered, { rows, calls })
    },
  }).finally(() => bar.stop())
  return isQuiet
}

async function report({ runtime, receiver, folder, zone, signal }: Demo, before: Overview): Promise<void> {
  const { db, account, clock, settings, alertRules } = runtime.services
  const { accountId, historyFrom } = account
  // The proof: looking at everything finds nothing that looking at what changed did not find.
  await runReconcile(db, { accountId, historyFrom, scope: 'full', settings, clock })
  const mismatches = await listOpenMismatches(db, accountId)
  showPulled(before, await overviewOf(runtime))
  section('Card batches')
  say(await showTerminals(db, accountId))
  section('Mismatches, the worst first')
  const forAction = mismatches.filter(({ severity }) => severity !== 'info')
  const duties = await dutiesOf(db, { duties: alertRules.duties, accountId })
  const { head, lines } = mismatchLines(forAction, clock.now(), duties)
  say(head)
  for (const [index, { summary }] of forAction.entries()) {
    say(lines[index])
    say(paint('dim', wrap(printable(summary), '            ')))
  }
  say()
  say(sumsOf(mismatches, clock.now()))
  if (forAction.length < mismatches.length) {
    const codes = new Set(mismatches.filter(({ severity }) => severity === 'info').map(({ code }) => code))
    say(paint('dim', `  those of info are left out here: ${[...codes].join(', ')}`))
  }
  section('Alerts')
  say(await showAlerts(db, accountId, receiver))
  if (signal.aborted) return
  const exportsFolder = join(folder, 'exports')
  const today = businessDateOf(clock.now(), zone)
  const written = await writeDemoExports(
    runtime.database.pool,
    { accountId, from: historyFrom, today, folder: exportsFolder },
    signal,
  )
  section(`Exports, in ${relative(process.cwd(), exportsFolder)}`)
  say(showDemoExports(written))
  section('Look closer')
  const [worst] = mismatches
  if (worst)
    say(`  TIEOUT_DATA_DIR=${relative(process.cwd(), folder)} npm run tieout -- mismatches show ${shortId(worst)}`)
  say(`  npm run tieout -- export verify ${relative(process.cwd(), exportsFolder)}`)
  section('Your own account')
  say(
    wrap(
      'An API token of Helcim (All Tools → Integrations → API Access) with General: read and Transaction Processing, then:',
      '  ',
    ),
  )
  say('  export HELCIM_API_TOKEN=…')
  say('  npm run tieout -- doctor     checks the settings and what the token may do')
  say('  npm start                    the daemon; data in .tieout/ or DATABASE_URL')
}

function section(title: string): void {
  say()
  say(paint('bold', title))
}

function showPulled(before: Overview, now: Overview): void {
  const share = (some: number, limit: number) => `${Math.round((some / limit) * 100)} %`
  const countNew = now.countTransactions - before.countTransactions
  const growth = before.countTransactions === 0 ? '' : `; ${count(countNew)} of them new since the last run, none twice`
  say(
    tick(
      `${count(now.countTransactions)} card transactions in ${now.countBatches} batches of ${now.countTerminals} terminals, ` +
        `${now.firstDay} to ${now.lastDay}, every day read completely${growth}`,
    ),
  )
  say(
    tick(
      `${now.countCalls} calls in all, ${now.countRateLimited} refused · last minute ` +
        `${now.countCallsLastMinute} of 100 (${share(now.countCallsLastMinute, 100)}) · last hour ` +
        `${now.countCallsLastHour} of 3000 (${share(now.countCallsLastHour, 3_000)})`,
    ),
  )
}
