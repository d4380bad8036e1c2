import { type AccountSettings, readAccounts } from '../accounts-file.ts'
import { type Config, tokenFingerprint } from '../config.ts'
import { ensureAccount } from '../db/accounts.ts'
import { createCallBudget } from '../db/call-budget.ts'
import type { Db } from '../db/client.ts'
import { compareSchema } from '../db/migrate.ts'
import { listAttempts } from '../db/settlement/attempts.ts'
import { type Clock, createSystemClock } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { OperatingError, UsageError } from '../domain/operating-error.ts'
import type { CallPermits } from '../domain/permits.ts'
import { createHelcimClient, type HelcimClient } from '../helcim/client.ts'
import type { EndpointCall } from '../helcim/endpoint.ts'
import { cardBatches } from '../helcim/endpoints/card-batches.ts'
import { cardTerminals } from '../helcim/endpoints/card-terminals.ts'
import { cardTransactions } from '../helcim/endpoints/card-transactions.ts'
import { connectionTest } from '../helcim/endpoints/connection-test.ts'
import { openStore } from '../jobs/queue/store.ts'
import { createLog } from '../log.ts'
import { checkAlerts } from './doctor-alerts.ts'
import { paint, say } from './paint.ts'
import { clockOf, openMigrated } from './runtime.ts'

export interface DoctorOptions {
  readonly offline?: boolean
  readonly quiet?: boolean
  readonly json?: boolean
}

/** One thing that was tried. */
export interface Check {
  readonly name: string
  readonly isFine: boolean
  readonly says: string
}

/** Helcim's clock tells seconds; more than this apart is a clock to be set. */
const SKEW_MS_MAX = 5_000

/**
 * Tries everything that the daemon needs and says what to do about each. `isOffline` leaves Helcim out, for health
 * checks that must not spend calls.
 * @returns 0 when all is fine, else 1
 */
export async function runDoctor(config: Config, options: DoctorOptions): Promise<number> {
  const checks: Check[] = [{ name: 'settings', isFine: true, says: 'complete and consistent' }]
  try {
    await checkAll(config, options.offline === true, checks)
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

async function checkAll(config: Config, isOffline: boolean, checks: Check[]): Promise<void> {
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
    if (!isOffline) await checkHelcim(config, database.db, checks)
  } finally {
    await database.close()
  }
}

async function checkHelcim(config: Config, db: Db, checks: Check[]): Promise<void> {
  const accounts = readAccounts(config)
  for (const account of accounts) {
    const name = (text: string) => (accounts.length === 1 ? text : `${account.name}: ${text}`)
    await checkAccount(account, { clock: clockOf(config), db, name, checks })
  }
}

async function checkAccount(
  settings: AccountSettings,
  { clock, db, name, checks }: { clock: Clock; db: Db; name: (text: string) => string; checks: Check[] },
): Promise<void> {
  const { token, baseUrl, historyDays, limits } = settings
  const { accountId } = await ensureAccount(db, {
    name: settings.name,
    baseUrl,
    tokenFingerprint: tokenFingerprint(token),
    today: helcimDate(clock.now()),
    historyDays,
    now: clock.now(),
  })
  const permits = createCallBudget({ db, accountId, holder: `doctor-${process.pid}`, limits, clock })
  const helcim = createHelcimClient({ baseUrl, token, permits })
  try {
    const serverTime = await tryCall(helcim, connectionTest(), name('token'), 'Helcim accepts it', checks)
    if (serverTime === 'refused') return
    if (serverTime !== null) checkSkew(serverTime, name('clock'), checks)
    const list = cardBatches.list({ collectStatistics: true })
    await tryCall(helcim, cardTerminals.list(), name('read card terminals'), 'permitted', checks)
    await tryCall(helcim, list, name('read card batches'), 'permitted', checks)
    await tryCall(helcim, cardTransactions.list({ limit: 1, page: 1 }), name('read transactions'), 'permitted', checks)
    await checkSettling(settings, { db, accountId, permits, name, checks })
  } finally {
    await helcim.close()
  }
}

/**
 * What is known of the token that settles. Whether it may, only a settlement shows: Helcim has no call that asks, and
 * trying is what must not happen here.
 */
async function checkSettling(
  { baseUrl, settle: { token, policy } }: AccountSettings,
  context: { db: Db; accountId: number; permits: CallPermits; name: (text: string) => string; checks: Check[] },
): Promise<void> {
  const { db, accountId, permits, name, checks } = context
  if (token !== null) {
    const helcim = createHelcimClient({ baseUrl, token, permits })
    const title = name('settling token')
    await tryCall(helcim, connectionTest(), title, 'Helcim accepts it', checks).finally(() => helcim.close())
  }
  if (policy.mode === 'off') return
  const called = (await listAttempts(db, { accountId, limit: 100 })).filter(({ outcome }) => outcome !== null)
  const [last] = called
  const isRefused = last?.status === 401 || last?.status === 403
  checks.push({
    name: name('settle batches'),
    isFine: !isRefused,
    says: isRefused
      ? `the last time Helcim said ${last.status} ${last.words ?? ''}: give the token Transaction Processing: admin`
      : last?.outcome === 'taken'
        ? `${policy.mode}; it did the last time`
        : `${policy.mode}; whether the token may is known after the first settlement only`,
  })
}

/** @returns Helcim's clock where it tells it */
async function tryCall(
  helcim: HelcimClient,
  call: EndpointCall,
  name: string,
  fine: string,
  checks: Check[],
): Promise<number | null | 'refused'> {
  try {
    const { serverTime } = await helcim.read(call, { callClass: 'settle' })
    checks.push({ name, isFine: true, says: fine })
    return serverTime
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    checks.push({ name, isFine: false, says: `${error.message} ${ADVICE[error.code] ?? ''}`.trim() })
    return 'refused'
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  HELCIM_UNAUTHORIZED: 'Set a valid API token (All Tools → Integrations → API Access).',
  HELCIM_NOT_PERMITTED: 'Give the token General: read, and Transaction Processing for the transaction list.',
  HELCIM_UNAVAILABLE: 'Check HELCIM_BASE_URL, the network, and Helcim’s status page.',
}

function checkSkew(serverTime: number, name: string, checks: Check[]): void {
  const skewMs = Math.abs(serverTime - createSystemClock().now())
  const isFine = skewMs <= SKEW_MS_MAX
  checks.push({
    name,
    isFine,
    says: isFine
      ? 'agrees with Helcim’s'
      : `${Math.round(skewMs / 1_000)} s apart from Helcim’s: synchronise this machine’s clock (NTP)`,
  })
}
