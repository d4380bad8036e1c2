import type { Command } from 'commander'
import { ACCOUNT_FLAG } from './flags.ts'
import type { Surroundings } from './surroundings.ts'

/** Adds `settle` to the program. */
export function addSettleCommand(program: Command, surroundings: Surroundings): void {
  const { config, interruptible, exitWith } = surroundings
  program
    .command('settle')
    .description('shows what would be settled and why, what was, or settles one batch')
    .option('--plan', 'open batches, what speaks for and against settling each, and the next cut-off; calls nobody')
    .option('--history', 'attempts and decisions, the newest first')
    .option('--batch <id>', 'settles this card batch, after the same checks; it cannot be undone')
    .option('--ach-batch <id>', 'settles this ACH batch, likewise')
    .option('--abandon <attempt>', 'ends an attempt whose outcome is not certain')
    .option('--yes', 'does not ask; needed where nobody can be asked')
    .option('--by <name>', 'who decided; the user of this machine unless said')
    .option(...ACCOUNT_FLAG)
    .option('--json', 'prints JSON')
    .action(async (options) => {
      const { runSettle } = await import('../settle.ts')
      exitWith(await runSettle(config(), options, interruptible()))
    })
}
