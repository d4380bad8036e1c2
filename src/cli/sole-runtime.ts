import { type AccountSettings, readAccounts } from '../accounts-file.ts'
import type { Config } from '../config.ts'
import type { Services } from '../context.ts'
import type { Clock } from '../domain/clock.ts'
import { UsageError } from '../domain/operating-error.ts'
import type { Logger } from '../log.ts'
import type { AccountWork } from './account-work.ts'
import type { EndedCall } from './observed-permits.ts'
import { openRuntime, type Runtime } from './runtime.ts'

/** A runtime that works for one account only. */
export interface SoleRuntime extends Runtime, Pick<AccountWork, 'askForMissing'> {
  readonly services: Services
  /** Starts the schedule, the sweep and the heartbeat. */
  schedule(): Promise<void>
}

/**
 * Opens a runtime for the one account of the settings.
 * @param options `name` and `boundTo` where the account is not to go by its own name and base URL
 * @throws UsageError when the settings name several
 */
export async function openSoleRuntime(
  config: Config,
  options: { log: Logger; name?: string; boundTo?: string; onCallEnd?: (call: EndedCall) => void; clock?: Clock },
): Promise<SoleRuntime> {
  const { name, boundTo, ...rest } = options
  const settings = { ...soleAccount(config), ...(name !== undefined && { name }) }
  const runtime = await openRuntime(config, rest)
  try {
    const work = await runtime.add(settings, boundTo)
    return {
      ...runtime,
      services: work.services,
      async schedule() {
        await work.schedule()
        runtime.sweep()
      },
      askForMissing: (cause) => work.askForMissing(cause),
    }
  } catch (error) {
    await runtime.close({ deadlineMs: 1_000 })
    throw error
  }
}

function soleAccount(config: Config): AccountSettings {
  const [account, ...others] = readAccounts(config)
  if (account && others.length === 0) return account
  throw new UsageError(`TIEOUT_ACCOUNTS_FILE: this works with one account, and ${others.length + 1} are named there`)
}
