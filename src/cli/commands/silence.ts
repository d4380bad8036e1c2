import type { Command } from 'commander'
import { ACCOUNT_FLAG } from './flags.ts'
import type { Surroundings } from './surroundings.ts'

export function addSilenceCommand(program: Command, { config, exitWith }: Surroundings): void {
  const command = program
    .command('silence')
    .description('lists what is not told for a while, and why; adds to it, or ends it early')
    // Options after `add` and `end` are theirs.
    .enablePositionalOptions()
    .option(...ACCOUNT_FLAG)
    .option('--all', 'those that are over as well')
    .option('--json', 'prints a JSON array')
    .action(async (options) => {
      const { runSilences } = await import('../silence.ts')
      exitWith(await runSilences(config(), options))
    })
  command
    .command('add')
    .description('holds back what is told of a code, a subject, or a subject under a code, until an instant')
    .option(...ACCOUNT_FLAG)
    .option('--code <code>', 'a code of mismatches')
    .option('--subject <kind:id>', 'a kind, an id, or both: card_batch:4209764')
    .option('--until <instant>', 'needed; like 2026-10-31T17:00:00Z')
    .option('--reason <text>', 'needed; kept')
    .option('--by <name>', 'who decided; the user of this machine unless said')
    .action(async (options) => {
      const { runAddSilence } = await import('../silence.ts')
      exitWith(await runAddSilence(config(), options))
    })
  command
    .command('end <number>')
    .description('ends one before its time; what it held back and still stands is told then')
    .option(...ACCOUNT_FLAG)
    .option('--by <name>', 'who decided; the user of this machine unless said')
    .action(async (number, options) => {
      const { runEndSilence } = await import('../silence.ts')
      exitWith(await runEndSilence(config(), number, options))
    })
}
