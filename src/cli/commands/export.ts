import type { Command } from 'commander'
import { CERTIFICATE } from '../../domain/periods.ts'
import { EXPORT_FORMATS } from '../../exports/formats.ts'
import { DETAILS } from '../../exports/journals/entry.ts'
import { JOURNAL_NAMES } from '../../exports/journals/format.ts'
import { REPORT_NAMES } from '../../exports/report.ts'
import { ACCOUNT_FLAG, AS_OF_FLAG } from './flags.ts'
import type { Surroundings } from './surroundings.ts'

/** Adds `export` and `export verify` to the program. */
export function addExportCommands(program: Command, surroundings: Surroundings): void {
  const { config, interruptible, exitWith } = surroundings
  program
    .command('export <name>')
    .description(
      `writes a report (${REPORT_NAMES.join(', ')}) or the books for a target (${JOURNAL_NAMES.join(', ')}), each file ` +
        `with its control file; all of them: all; of a closed month: ${CERTIFICATE}`,
    )
    // Options after `verify` are its own.
    .enablePositionalOptions()
    .option(...ACCOUNT_FLAG)
    .option('--period <month>', 'a whole month, like 2026-10')
    .option('--from <date>', 'first day, in the account’s zone')
    .option('--to <date>', 'last day, inclusive')
    .option('--out <folder>', 'where the files go; made if it is not there', 'exports')
    .option('--format <format>', `of reports: ${EXPORT_FORMATS.join(' or ')}`, 'csv')
    .option('--detail <detail>', `of the books: one entry for each ${DETAILS.join(', or each ')}`, 'day')
    .option(...AS_OF_FLAG)
    .option('--require-complete', 'exits 1 when the period is not proved complete; the files are written all the same')
    .option('--json', 'prints the control files as a JSON array')
    .action(async (name, options) => {
      const { runExport } = await import('../export.ts')
      exitWith(await runExport(config(), name, options, interruptible()))
    })
    .command('verify <folder>')
    .description(
      'reads exported files back: rows, sums and hash of each, one against the other, journals against the books',
    )
    .option('--files-only', 'does not ask the database: journals are compared with each other alone')
    .option('--json', 'prints JSON')
    .action(async (folder, options) => {
      const { runVerify } = await import('../export.ts')
      exitWith(await runVerify(config, folder, options))
    })
}
