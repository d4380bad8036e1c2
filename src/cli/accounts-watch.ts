import { type AccountSettings, accountFingerprint, readAccounts } from '../accounts-file.ts'
import type { Config } from '../config.ts'
import type { Clock } from '../domain/clock.ts'
import { OperatingError } from '../domain/operating-error.ts'
import type { Logger } from '../log.ts'
import type { AccountWork } from './account-work.ts'
import type { Runtime } from './runtime.ts'

/** Real milliseconds between two looks at the accounts file and the token files that it names. */
const LOOK_EVERY_MS = 10_000

export interface AccountsWatch {
  /** Looks now; never rejects. Resolves when what changed has been taken up. */
  look(): Promise<void>
  stop(): Promise<void>
}

/**
 * Lets accounts come and go without a restart: what is new in the file is taken up, what is no longer there is left
 * alone (its rows stay), and what changed, a token above all, is taken up anew. A file that cannot be read right now, or
 * is wrong, changes nothing and is told once.
 */
export function watchAccounts(config: Config, runtime: Runtime, log: Logger): AccountsWatch {
  let looking: Promise<void> = Promise.resolve()
  let lastProblem = ''

  async function lookNow(): Promise<void> {
    let wanted: readonly AccountSettings[]
    try {
      wanted = readAccounts(config)
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error))
      return
    }
    lastProblem = ''
    const fingerprints = new Map(wanted.map((account) => [account.name, accountFingerprint(account)]))
    for (const work of runtime.accounts()) {
      const { name } = work.settings
      if (fingerprints.get(name) === work.fingerprint) continue
      await runtime.remove(work)
      if (!fingerprints.has(name)) log.info({ account: name }, 'account.left')
    }
    const known = new Set(runtime.accounts().map((work) => work.settings.name))
    for (const account of wanted) if (!known.has(account.name)) await takeUp(account)
  }

  async function takeUp(account: AccountSettings): Promise<void> {
    try {
      await beginWork(await runtime.add(account), runtime.clock, log)
      log.info({ account: account.name, baseUrl: account.baseUrl }, 'account.taken_up')
    } catch (error) {
      // Looked at again with the others: this one must not hold them up.
      tell(`${account.name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  function tell(problem: string): void {
    if (problem !== lastProblem) log.error({ problem }, 'accounts.refused')
    lastProblem = problem
  }

  const look = (): Promise<void> => {
    looking = looking.then(lookNow).catch((err: unknown) => log.warn({ err }, 'accounts.look_failed'))
    return looking
  }
  const timer = setInterval(() => void look(), LOOK_EVERY_MS)
  return {
    look,
    async stop() {
      clearInterval(timer)
      await looking
    },
  }
}

/**
 * Sets an account going: its schedule, and what was never read of it. What is asked for are rows: a queue that takes
 * nothing now gets them from the sweep of a later minute.
 */
export async function beginWork(work: AccountWork, clock: Clock, log: Logger): Promise<void> {
  await work.schedule()
  try {
    await work.askForMissing(`start ${new Date(clock.now()).toISOString()}`)
  } catch (err) {
    if (!(err instanceof OperatingError)) throw err
    log.warn({ account: work.settings.name, err }, 'repair.failed')
  }
}
