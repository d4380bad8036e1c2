import { readAccounts } from '../accounts-file.ts'
import { readChecks } from '../checks-file.ts'
import type { Config } from '../config.ts'
import { forgetTerminals, listAccounts } from '../db/accounts.ts'
import type { Db } from '../db/client.ts'
import { compareSchema } from '../db/migrate.ts'
import { OperatingError, UsageError } from '../domain/operating-error.ts'
import { openStore } from '../jobs/queue/store.ts'
import { createLog } from '../log.ts'
import { clockOf } from './clock.ts'
import { checkAlerts } from './doctor-alerts.ts'
import { checkTokens } from './doctor-tokens.ts'
import { openMigrated } from './open-database.ts'
import { paint, say } from './paint.ts'

export interface DoctorOptions {
  readonly offline?: boolean
  /** Name of the account whose terminals were all replaced. */
  readonly acceptTerminals?: string
  readonly quiet?: boolean
  readonly json?: boolean
}

/** One thing that was tried. */
export interface Check {
  readonly name: string
  readonly isFine: boolean
  readonly says: string
}

/**
 * Tries everything that the daemon needs and says what to do about each. `isOffline` leaves Helcim out, for health
 * checks that must not spend calls.
 * @returns 0 when all is fine, else 1
 * @throws UsageError when the settings of checks are wrong
 */
export async function runDoctor(config: Config, options: DoctorOptions): Promise<number> {
  // Also where no account is asked: what is wrong with it would let every run fail.
  readChecks(config)
  const checks: Check[] = [{ name: 'settings', isFine: true, says: 'complete and consistent' }]
  try {
    await checkAll(config, options, checks)
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof OperatingError)) throw error
    checks.push({ name: 'stopped', isFine: false, says: error.message })
  }
  const shown = options.quiet ? checks.filter(({ isFine }) => !isFine) : checks
  if (options.json) say(JSON.stringify(shown, null, 2))
  for (const { name, isFine, says } of options.json ? [] : shown) {
    say(`  ${isFine ? paint('green', '✓') : paint('red', '✗')} ${name.padEnd(20)} ${says}`)
  }
  return checks.every((check) => check.isFine) ? 0 : 1
}

async function checkAll(config: Config, options: DoctorOptions, checks: Check[]): Promise<void> {
  const isOffline = options.offline === true
  const log = createLog({ level: 'silent', isPretty: false })
  const database = await openMigrated(config, log)
  try {
    const isNewer = (await compareSchema(database.db)) === 'newer'
    const state = isNewer ? 'brought up to date by a newer version of tieout: upgrade this one' : 'up to date'
    const place = database.isEmbedded ? `embedded PostgreSQL under ${config.dataDir}` : 'reachable'
    checks.push({ name: 'database', isFine: true, says: `${place}, ${state}` })
    const queueUrl = config.redisUrl?.reveal()
    const store = await openStore(
      queueUrl === undefined ? { kind: 'postgres', url: database.url } : { kind: 'redis', url: queueUrl },
      1,
    )
    const { refusal } = await store.probe().finally(() => store.close())
    checks.push({
      name: 'queue',
      isFine: refusal === null,
      says: refusal ?? (queueUrl === undefined ? 'on PostgreSQL' : 'on Redis, noeviction'),
    })
    await checkAlerts(config, { db: database.db, isOffline, checks })
    if (options.acceptTerminals !== undefined) checks.push(await acceptTerminals(database.db, options.acceptTerminals))
    if (!isOffline) await checkHelcim(config, database.db, checks)
  } finally {
    await database.close()
  }
}

async function acceptTerminals(db: Db, name: string): Promise<Check> {
  const all = await listAccounts(db)
  const account = all.find((one) => one.name === name)
  if (!account) {
    const names = all.map((one) => one.name).join(', ')
    throw new UsageError(`--accept-terminals: there is no account "${name}"; choose from ${names}`)
  }
  await forgetTerminals(db, account.accountId)
  const says = `those that the token of ${name} shows at the next reading are taken for its own`
  return { name: 'terminals', isFine: true, says }
}

async function checkHelcim(config: Config, db: Db, checks: Check[]): Promise<void> {
  const accounts = readAccounts(config)
  for (const account of accounts) {
    const name = (text: string) => (accounts.length === 1 ? text : `${account.name}: ${text}`)
    await checkTokens(account, { clock: clockOf(config), db, name, checks })
  }
}
