import type { Command } from 'commander'
import type { PersonAction } from '../../db/mismatches/act.ts'
import { ACCOUNT_FLAG, AS_OF_FLAG } from './flags.ts'
import type { Surroundings } from './surroundings.ts'

/** Adds what judges, and shows or decides what was found: `reconcile`, `mismatches`. */
export function addJudgingCommands(program: Command, { config, exitWith }: Surroundings): void {
  program
    .command('reconcile')
    .description('judges everything again from the database, without a call')
    .option(...ACCOUNT_FLAG)
    .option('--json', 'prints JSON')
    .action(async (options) => {
      const { runReconcileCommand } = await import('../reconcile.ts')
      exitWith(await runReconcileCommand(config(), options))
    })

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
    .action(async (options) => {
      const { runMismatches } = await import('../mismatches.ts')
      exitWith(await runMismatches(config(), options))
    })

  mismatchCommand
    .command('show <id>')
    .description('both sides, the rows behind it, the query that finds them, its history, what to do next')
    .option(...ACCOUNT_FLAG)
    .option('--json', 'prints a JSON object')
    .action(async (id, options) => {
      const { runShowMismatch } = await import('../mismatches.ts')
      exitWith(await runShowMismatch(config(), id, options))
    })

  /** What the commands that record a decision have in common: all of the ids, or none. */
  const decisionCommand = (kind: PersonAction['kind'], description: string) =>
    mismatchCommand
      .command(`${kind} <id...>`)
      .description(description)
      .option(...ACCOUNT_FLAG)
      .option('--note <text>', 'kept in the history')
      .option('--by <name>', 'who decided; the user of this machine unless said')
      .action(async (ids, options) => {
        const { runMismatchAction } = await import('../mismatches.ts')
        exitWith(await runMismatchAction(config(), kind, ids, options))
      })

  decisionCommand('acknowledge', 'seen, and being looked into')
  decisionCommand('assign', 'says who looks after them').option('--to <name>', 'a name, or nobody')
  decisionCommand('note', 'adds a note')
  decisionCommand('resolve', 'corrected in the books, or accepted as it is').option(
    '--as <resolution>',
    'adjusted, or accepted (which needs a note)',
  )
  decisionCommand('reopen', 'takes back that they were resolved')
}
