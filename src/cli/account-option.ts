import type { Config } from '../config.ts'
import { type Account, listAccounts } from '../db/accounts.ts'
import { UsageError } from '../domain/operating-error.ts'
import { createLog } from '../log.ts'
import { type OpenDatabase, openMigrated } from './open-database.ts'

/** Which account a command concerns. */
export interface AccountOption {
  /** Its name; needed where the database holds several. */
  readonly account?: string
}

/**
 * Opens the database for a command that calls nobody and concerns one account.
 * @throws UsageError when it is not there, or when there are several and none is named
 */
export function withAccount<T>(
  config: Config,
  { account: name }: AccountOption,
  work: (database: OpenDatabase, account: Account) => Promise<T>,
): Promise<T> {
  return withAccounts(config, name, async (database, [first, ...others]) => {
    if (others.length === 0) return work(database, first)
    const names = [first, ...others].map((account) => account.name)
    throw new UsageError(`--account: this database holds ${names.join(', ')}; name one of them`)
  })
}

/** The same for a command that concerns the account named, or all there are. */
export async function withAccounts<T>(
  config: Config,
  name: string | undefined,
  work: (database: OpenDatabase, accounts: readonly [Account, ...Account[]]) => Promise<T>,
): Promise<T> {
  const database = await openMigrated(config, createLog({ level: 'silent', isPretty: false }))
  try {
    const all = await listAccounts(database.db)
    const [first, ...others] = name === undefined ? all : all.filter((account) => account.name === name)
    if (first) return await work(database, [first, ...others])
    if (all.length === 0) {
      throw new UsageError('nothing has been pulled yet: run "tieout start" or "tieout sync" first', { exitCode: 1 })
    }
    throw new UsageError(`--account: there is no "${name}"; choose from ${all.map((one) => one.name).join(', ')}`)
  } finally {
    await database.close()
  }
}
