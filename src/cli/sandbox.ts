import type { Config } from '../config.ts'
import { addDays } from '../domain/calendar.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { UsageError } from '../domain/operating-error.ts'
import { DEMO_HISTORY_DAYS } from '../sandbox/demo.ts'
import { demoScenario, startSandbox } from '../sandbox/sandbox.ts'
import { clockOf } from './clock.ts'
import { dateOf } from './date-option.ts'
import { paint, say } from './paint.ts'

export interface SandboxOptions {
  readonly port: string
  readonly seed: string
  readonly from?: string
}

/** A local Helcim of its own, until it is interrupted. */
export async function runSandbox(config: Config, options: SandboxOptions, signal: AbortSignal): Promise<void> {
  const clock = clockOf(config)
  const startsOn = dateOf('--from', options.from) ?? addDays(helcimDate(clock.now()), 1 - DEMO_HISTORY_DAYS)
  const port = wholeNumber('--port', options.port, 65_535)
  const seed = wholeNumber('--seed', options.seed, 2 ** 31 - 1)
  const sandbox = await startSandbox({ clock, port, seed, scenario: demoScenario(startsOn) }).catch((cause) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE') {
      throw new UsageError(`--port: port ${port} is in use; choose another, or 0 for any free one`, {
        exitCode: 1,
        cause,
      })
    }
    throw cause
  })
  say(paint('bold', 'A local Helcim is listening.'))
  say(`  export HELCIM_BASE_URL=${sandbox.url}`)
  say(`  export HELCIM_API_TOKEN=${sandbox.token}`)
  say(`  history since ${startsOn}; what is hidden in it: ${new URL('/_sandbox/truth', sandbox.url).href}`)
  say('  Ctrl-C ends it.')
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  await sandbox.close()
}

function wholeNumber(option: string, text: string, max: number): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number <= max) return number
  throw new UsageError(`${option}: "${text}" is not a whole number up to ${max}`)
}
