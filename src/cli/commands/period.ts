import type { Command } from 'commander'
import { ACCOUNT_FLAG } from './flags.ts'
import type { Surroundings } from './surroundings.ts'

/** Adds `period` and what can be done with one to the program. */
export function addPeriodCommands(program: Command, surroundings: Surroundings): void {
  const { config, interruptible, exitWith } = surroundings
  const period = program.command('period').description('closed months: what was known then, and stays')
  period
    .command('list')
    .description('each month, open or closed, by whom and why')
    .option(...ACCOUNT_FLAG)
    .option('--json', 'prints a JSON array')
    .action(async (options) => {
      const { runList } = await import('../period.ts')
      exitWith(await runList(config(), options))
    })
  period
    .command('close <month>')
    .description('keeps every report of a month as it is now for good, or says what is missing and exits 1')
    .option(...ACCOUNT_FLAG)
    .option('--force', 'also when something is missing; needs --reason')
    .option('--reason <text>', 'why it is forced; kept')
    .option('--by <name>', 'who closes it; the user of this machine unless said')
    .option('--json', 'prints the certificate, or what is missing, as JSON')
    .action(async (month, options) => {
      const { runClose } = await import('../period.ts')
      exitWith(await runClose(config(), month, options, interruptible()))
    })
  period
    .command('reopen <month>')
    .description('lets the last closed month be closed anew; its revisions stay')
    .option(...ACCOUNT_FLAG)
    .option('--reason <text>', 'why; kept')
    .option('--by <name>', 'who reopens it; the user of this machine unless said')
    .option('--json', 'prints JSON')
    .action(async (month, options) => {
      const { runReopen } = await import('../period.ts')
      exitWith(await runReopen(config(), month, options))
    })
  period
    .command('export <month>')
    .description('writes the files of a closed month as they were kept, with the certificate')
    .option(...ACCOUNT_FLAG)
    .option('--revision <number>', 'of which close; the last one unless said')
    .option('--out <folder>', 'where the files go; made if it is not there', 'exports')
    .option('--json', 'prints a JSON array')
    .action(async (month, options) => {
      const { runFiles } = await import('../period.ts')
      exitWith(await runFiles(config(), month, options))
    })
}
