#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { runBackfill } from './cli/backfill.ts'
import { AS_OF_FLAG } from './cli/date-option.ts'
import { runDemo } from './cli/demo.ts'
import { runDoctor } from './cli/doctor.ts'
import { addExportCommands } from './cli/export.ts'
import { ACCOUNT_FLAG, runReconcileCommand } from './cli/judge.ts'
import { runMismatchAction, runMismatches, runShowMismatch } from './cli/mismatches.ts'
import { addPeriodCommands } from './cli/period.ts'
import { runReplay } from './cli/replay.ts'
import { openMigrated } from './cli/runtime.ts'
import { runSandbox } from './cli/sandbox.ts'
import { addSettleCommand } from './cli/settle.ts'
import { addSilenceCommand } from './cli/silence.ts'
import { runStart } from './cli/start.ts'
import { runStatus } from './cli/status.ts'
import { runSync } from './cli/sync.ts'
import { versionOfPackage } from './cli/version.ts'
import { readConfig } from './config.ts'
import type { PersonAction } from './db/mismatches/act.ts'
import { UsageError } from './domain/operating-error.ts'
import { withoutParameters } from './domain/secret.ts'
import { RESOURCES } from './jobs/sync/resources.ts'
import { createLog } from './log.ts'

const RESOURCE_NAMES = [...RESOURCES.keys()]

const program = new Command('tieout')
  .description('Pulls payment data from Helcim within its limits and proves that each batch ties out.')
  .showHelpAfterError('(tieout --help shows the commands, tieout <command> --help their options)')
  .version(versionOfPackage())
  .exitOverride()

const interrupt = new AbortController()
const interruptible = (): AbortSignal => {
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort())
  return interrupt.signal
}
// A reader that has seen enough (`| head`) closes the pipe; that is no error. What would go on until a signal gets one, so
// that it leaves nothing running; the rest comes to its end with nobody listening.
let isHeard = true
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  if (isHeard && process.listenerCount('SIGTERM') > 0) process.kill(process.pid, 'SIGTERM')
  isHeard = false
})
const config = () => readConfig(process.env)
/** Commands that judge something return their exit code. */
const exitWith = (code: number) => {
  process.exitCode = code
}

program
  .command('start')
  .description('runs the daemon')
  .action(() => runStart(config()))

program
  .command('demo')
  .description('runs the daemon against a local Helcim and shows what it finds')
  .action(() => runDemo(interruptible()))

program
  .command('sandbox')
  .description('runs a local Helcim alone')
  .option('--port <number>', 'port on 127.0.0.1, 0 for any free one', '8700')
  .option('--seed <number>', 'the same seed and first day give the same history', '7')
  .option('--from <date>', 'first day of its history, YYYY-MM-DD')
  .action((options) => runSandbox(config(), options, interruptible()))

program
  .command('migrate')
  .description('brings the database up to date')
  .action(async () => {
    const database = await openMigrated(config(), createLog({ level: 'silent', isPretty: false }))
    await database.close()
    process.stdout.write('  The database is up to date.\n')
  })

program
  .command('sync')
  .description('pulls once what is due or asked for; exits 0 only when all of it is complete')
  .option('--account <name>', 'only this account of TIEOUT_ACCOUNTS_FILE; all of them by default')
  .option('--from <date>', 'first day of transactions, invoices and ACH, YYYY-MM-DD, Mountain Time')
  .option('--to <date>', 'last day, inclusive')
  .option('--resource <name...>', `${RESOURCE_NAMES.join(', ')}; all of them by default`)
  .option('--json', 'prints JSON')
  .action(async (options) => exitWith(await runSync(config(), options, interruptible())))

program
  .command('replay')
  .description('rebuilds the columns of mirrored records from what was received, without a call')
  .option('--account <name>', 'only this account; all of them by default')
  .option('--resource <name...>', `${RESOURCE_NAMES.join(', ')}; all of them by default`)
  .option('--json', 'prints JSON')
  .action(async (options) => exitWith(await runReplay(config(), options, interruptible())))

program
  .command('backfill')
  .description('reads the past, day by day, at the lowest priority; goes on where it was cut off')
  .option('--account <name>', 'only this account of TIEOUT_ACCOUNTS_FILE; all of them by default')
  .option('--from <date>', 'first day, needed; YYYY-MM-DD, Mountain Time')
  .option('--to <date>', 'last day, inclusive; today by default')
  .option(
    '--resource <name...>',
    'of those that are read by days: card_transaction, invoice, ach_transaction; all of them by default',
  )
  .option('--again', 'reads also days that were read completely before')
  .option('--json', 'prints JSON, one object a line')
  .action(async (options) => exitWith(await runBackfill(config(), options, interruptible())))

program
  .command('reconcile')
  .description('judges everything again from the database, without a call')
  .option(...ACCOUNT_FLAG)
  .option('--json', 'prints JSON')
  .action(async (options) => exitWith(await runReconcileCommand(config(), options)))

const mismatchCommand = program
  .command('mismatches')
  .description('lists open mismatches, the worst first; shows one, or records what you decide about some')
  // Options after `show` and the others are theirs, also those that the list has as well.
  .enablePositionalOptions()
  .option(...ACCOUNT_FLAG)
  .option('--state <states>', 'open, acknowledged, resolved, with commas; unless said the first two')
  .option('--all', 'resolved ones as well')
  .option('--code <codes>', 'only these codes, with commas')
  .option('--severity <severity>', 'at least as bad: critical, high, medium, low, info')
  .option('--subject <kind:id>', 'a kind, an id, or both: card_batch:4209764')
  .option('--currency <code>', 'CAD or USD')
  .option('--assigned <name>', 'of this owner, or of nobody')
  .option('--older-than <days>', 'first seen more than so many whole days ago')
  .option(...AS_OF_FLAG)
  .option('--sort <order>', 'severity, money (at stake, one currency after the other) or age', 'severity')
  .option('--json', 'prints a JSON array')
  .option('--fail-on <severity>', 'exits 3 when one of them is unresolved and at least as bad')
  .action(async (options) => exitWith(await runMismatches(config(), options)))

mismatchCommand
  .command('show <id>')
  .description('both sides, the rows behind it, the query that finds them, its history, what to do next')
  .option(...ACCOUNT_FLAG)
  .option('--json', 'prints a JSON object')
  .action(async (id, options) => exitWith(await runShowMismatch(config(), id, options)))

/** What the commands that record a decision have in common: all of the ids, or none. */
const decisionCommand = (kind: PersonAction['kind'], description: string) =>
  mismatchCommand
    .command(`${kind} <id...>`)
    .description(description)
    .option(...ACCOUNT_FLAG)
    .option('--note <text>', 'kept in the history')
    .option('--by <name>', 'who decided; the user of this machine unless said')
    .action(async (ids, options) => exitWith(await runMismatchAction(config(), kind, ids, options)))

decisionCommand('acknowledge', 'seen, and being looked into')
decisionCommand('assign', 'says who looks after them').option('--to <name>', 'a name, or nobody')
decisionCommand('note', 'adds a note')
decisionCommand('resolve', 'corrected in the books, or accepted as it is').option(
  '--as <resolution>',
  'adjusted, or accepted (which needs a note)',
)
decisionCommand('reopen', 'takes back that they were resolved')

addSilenceCommand(program, { config, exitWith })
addSettleCommand(program, { config, interruptible, exitWith })
addExportCommands(program, { config, interruptible, exitWith })
addPeriodCommands(program, { config, interruptible, exitWith })

program
  .command('status')
  .description('shows how far each resource is proved, how fresh it is, and what it cost')
  .option(...ACCOUNT_FLAG)
  .option('--json', 'prints JSON')
  .action(async (options) => exitWith(await runStatus(config(), options)))

program
  .command('doctor')
  .description('checks settings, database, queue, token and clock, and says what to do')
  .option('--offline', 'makes no call to Helcim')
  .option('--quiet', 'prints only what is wrong')
  .option('--json', 'prints a JSON array of the checks')
  .action(async (options) => exitWith(await runDoctor(config(), options)))

try {
  await program.parseAsync()
  if (interrupt.signal.aborted) process.exitCode = 130
} catch (error) {
  process.exitCode = tell(error)
}

/** One clear line, and the exit code: 2 wrong usage or configuration, 1 anything else. */
function tell(error: unknown): number {
  // Commander has printed its line already; help asked for is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  withoutParameters(error)
  const isDetailed = ['debug', 'trace'].includes(process.env.LOG_LEVEL ?? '')
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${isDetailed && error instanceof Error ? error.stack : message}\n`)
  return error instanceof UsageError ? error.exitCode : 1
}
