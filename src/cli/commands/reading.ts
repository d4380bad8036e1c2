import type { Command } from 'commander'
import { RESOURCE_NAMES } from '../../domain/pull.ts'
import type { Surroundings } from './surroundings.ts'

const NAMES = RESOURCE_NAMES.join(', ')

/** Adds what fills the mirror once: `migrate`, `sync`, `replay`, `backfill`. */
export function addReadingCommands(program: Command, { config, interruptible, exitWith }: Surroundings): void {
  program
    .command('migrate')
    .description('brings the database up to date')
    .action(async () => {
      const { runMigrate } = await import('../migrate.ts')
      await runMigrate(config())
    })

  program
    .command('sync')
    .description('pulls once what is due or asked for; exits 0 only when all of it is complete')
    .option('--account <name>', 'only this account of TIEOUT_ACCOUNTS_FILE; all of them by default')
    .option('--from <date>', 'first day of transactions, invoices and ACH, YYYY-MM-DD, Mountain Time')
    .option('--to <date>', 'last day, inclusive')
    .option('--resource <name...>', `${NAMES}; all of them by default`)
    .option('--json', 'prints JSON')
    .action(async (options) => {
      const { runSync } = await import('../sync.ts')
      exitWith(await runSync(config(), options, interruptible()))
    })

  program
    .command('replay')
    .description('rebuilds the columns of mirrored records from what was received, without a call')
    .option('--account <name>', 'only this account; all of them by default')
    .option('--resource <name...>', `${NAMES}; all of them by default`)
    .option('--json', 'prints JSON')
    .action(async (options) => {
      const { runReplay } = await import('../replay.ts')
      exitWith(await runReplay(config(), options, interruptible()))
    })

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
    .action(async (options) => {
      const { runBackfill } = await import('../backfill.ts')
      exitWith(await runBackfill(config(), options, interruptible()))
    })
}
