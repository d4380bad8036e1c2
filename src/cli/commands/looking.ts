import type { Command } from 'commander'
import { ACCOUNT_FLAG } from './flags.ts'
import type { Surroundings } from './surroundings.ts'

/** Adds what looks at how things stand: `status`, `doctor`. */
export function addLookingCommands(program: Command, { config, exitWith }: Surroundings): void {
  program
    .command('status')
    .description('shows how far each resource is proved, how fresh it is, and what it cost')
    .option(...ACCOUNT_FLAG)
    .option('--json', 'prints JSON')
    .action(async (options) => {
      const { runStatus } = await import('../status.ts')
      exitWith(await runStatus(config(), options))
    })

  program
    .command('doctor')
    .description('checks settings, database, queue, token and clock, and says what to do')
    .option('--offline', 'makes no call to Helcim')
    .option('--accept-terminals <account>', 'all its terminals were replaced: takes those that its token shows now')
    .option('--quiet', 'prints only what is wrong')
    .option('--json', 'prints a JSON array of the checks')
    .action(async (options) => {
      const { runDoctor } = await import('../doctor.ts')
      exitWith(await runDoctor(config(), options))
    })
}
