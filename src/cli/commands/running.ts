import type { Command } from 'commander'
import type { Surroundings } from './surroundings.ts'

/** Adds what runs until it is stopped, or shows how that looks: `start`, `demo`, `sandbox`. */
export function addRunningCommands(program: Command, { config, interruptible }: Surroundings): void {
  program
    .command('start')
    .description('runs the daemon')
    .action(async () => {
      const { runStart } = await import('../start.ts')
      await runStart(config())
    })

  program
    .command('demo')
    .description('runs the daemon against a local Helcim and shows what it finds')
    .action(async () => {
      const { runDemo } = await import('../demo.ts')
      await runDemo(interruptible())
    })

  program
    .command('sandbox')
    .description('runs a local Helcim alone')
    .option('--port <number>', 'port on 127.0.0.1, 0 for any free one', '8700')
    .option('--seed <number>', 'the same seed and first day give the same history', '7')
    .option('--from <date>', 'first day of its history, YYYY-MM-DD')
    .action(async (options) => {
      const { runSandbox } = await import('../sandbox.ts')
      await runSandbox(config(), options, interruptible())
    })
}
