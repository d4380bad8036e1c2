#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { addExportCommands } from './cli/commands/export.ts'
import { addJudgingCommands } from './cli/commands/judging.ts'
import { addLookingCommands } from './cli/commands/looking.ts'
import { addPeriodCommands } from './cli/commands/period.ts'
import { addReadingCommands } from './cli/commands/reading.ts'
import { addRunningCommands } from './cli/commands/running.ts'
import { addSettleCommand } from './cli/commands/settle.ts'
import { addSilenceCommand } from './cli/commands/silence.ts'
import type { Surroundings } from './cli/commands/surroundings.ts'
import { versionOfPackage } from './cli/version.ts'
import { readConfig } from './config.ts'
import { UsageError } from './domain/operating-error.ts'
import { withoutParameters } from './domain/secret.ts'

const program = new Command('tieout')
  .description('Pulls payment data from Helcim within its limits and proves that each batch ties out.')
  .showHelpAfterError('(tieout --help shows the commands, tieout <command> --help their options)')
  .version(versionOfPackage())
  // Options after the name of a command are that command's, also those of a verb that has some alike: `mismatches show ID --json`.
  .enablePositionalOptions()
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
const surroundings: Surroundings = {
  config: () => readConfig(process.env),
  interruptible,
  exitWith: (code) => {
    process.exitCode = code
  },
}

// In the order in which the help shows them.
for (const add of [
  addRunningCommands,
  addReadingCommands,
  addJudgingCommands,
  addSilenceCommand,
  addSettleCommand,
  addExportCommands,
  addPeriodCommands,
  addLookingCommands,
])
  add(program, surroundings)

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
