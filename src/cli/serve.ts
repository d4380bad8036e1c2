import { sql } from 'drizzle-orm'
import type { AccountSettings } from '../accounts-file.ts'
import type { Config } from '../config.ts'
import type { Services } from '../context.ts'
import { openDatabase, readTransaction } from '../db/client.ts'
import { listProofs, loadFigures } from '../db/figures.ts'
import { isSchemaCurrent } from '../db/migrate.ts'
import { addDays, nextInstant } from '../domain/calendar.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { UsageError } from '../domain/operating-error.ts'
import { cardDaysRestMs, rereadMsMax } from '../domain/rhythm.ts'
import type { AccountFacts } from '../http/account-metrics.ts'
import { type Freshness, type FreshnessRule, freshnessOf } from '../http/freshness.ts'
import { type CallFacts, createMetrics } from '../http/metrics.ts'
import { startHttpServer } from '../http/server.ts'
import { FIXED_CRONS } from '../jobs/due.ts'
import type { Logger } from '../log.ts'
import type { AccountWork } from './account-work.ts'
import type { Runtime } from './runtime.ts'
import { versionOfPackage } from './version.ts'
import { createWebhookReceivers } from './webhook-receivers.ts'

/**
 * Connections of its own: looking must neither wait behind the jobs nor take theirs. One for each check of `/readyz`
 * that asks the database, one for `/metrics` and webhooks.
 */
const CONNECTIONS = 4
const CONNECT_MS_MAX = 2_000
const STATEMENT_MS_MAX = 5_000

export interface Pages {
  /** Where they are, e.g. `http://127.0.0.1:8701`. */
  readonly address: string
  readonly countCall: (call: CallFacts) => void
  close(): Promise<void>
}

/**
 * Opens health checks, metrics and webhooks in.
 * @returns null where they are switched off
 * @throws UsageError that names the variable when it cannot listen there, or has to and may not
 */
export async function servePages(
  config: Config,
  runtime: Runtime,
  options: { log: Logger; deadReason: () => string | null },
): Promise<Pages | null> {
  const { host, port, password } = config.http
  if (port === null) {
    if (runtime.accounts().every((work) => work.settings.webhookToken === null)) return null
    throw new UsageError(
      'HTTP_PORT: it is off, but webhooks come in over HTTP; set a port, or remove the verifier token',
    )
  }
  const { log, deadReason } = options
  const { clock } = runtime
  const database = openDatabase(runtime.database.url, {
    maxConnections: CONNECTIONS,
    connectMsMax: CONNECT_MS_MAX,
    statementMsMax: STATEMENT_MS_MAX,
    onError: (error) => log.debug({ err: error }, 'http.connection_lost'),
  })
  const windows = { minuteMs: clock.realMs(60_000), hourMs: clock.realMs(3_600_000) }

  async function loadAccount({ services, settings }: AccountWork): Promise<AccountFacts> {
    const now = clock.now()
    const { accountId, historyFrom } = services.account
    const history = { from: historyFrom, to: addDays(helcimDate(now), -1) }
    const all = await readTransaction(database, (tx) => loadFigures(tx, { accountId, windows, history, now }))
    // What waits for a channel that was taken from the settings is nobody's trouble.
    const alerts = all.alerts.filter(({ channel }) => services.alertRules.channels.includes(channel))
    const figures = { ...all, alerts }
    const rule = ruleOf(services, settings)
    const freshness = figures.resources.map((proof) => freshnessOf(proof, now, rule))
    return { account: settings.name, figures, limits: settings.limits, freshness, now }
  }
  async function listFreshnessOf({ services, settings }: AccountWork): Promise<Freshness[]> {
    const proofs = await listProofs(database.db, services.account.accountId)
    const rule = ruleOf(services, settings)
    const isOneOfSeveral = runtime.accounts().length > 1
    return proofs.map((proof) => {
      const freshness = freshnessOf(proof, clock.now(), rule)
      return isOneOfSeveral ? { ...freshness, resource: `${settings.name}: ${freshness.resource}` } : freshness
    })
  }
  const metrics = createMetrics({
    async loadAccounts() {
      const all: AccountFacts[] = []
      for (const work of runtime.accounts()) all.push(await loadAccount(work))
      return all
    },
    countJobs: () => countAll(runtime),
    process: {
      build: {
        version: versionOfPackage(),
        node: process.versions.node,
        database: runtime.database.isEmbedded ? 'embedded' : 'DATABASE_URL',
        queue: config.redisUrl === null ? 'postgres' : 'redis',
      },
      tallyJobs: () => [...runtime.queue.tally(), ...runtime.settleQueue.tally()],
      worker: () => runtime.queue.health(),
    },
  })
  const probes = {
    askDatabase: async () => void (await database.db.execute(sql`select 1`)),
    async askQueue() {
      await runtime.queue.counts()
      // One that is full still answers.
      if (!runtime.queue.health().isStoreReachable) throw new Error('the queue takes no jobs')
    },
    isSchemaCurrent: () => isSchemaCurrent(database.db),
    async listFreshness() {
      const all: Freshness[] = []
      for (const work of runtime.accounts()) all.push(...(await listFreshnessOf(work)))
      return all
    },
  }
  const webhooks = createWebhookReceivers({ runtime, database, log })
  try {
    const server = await startHttpServer({ host, port, password, log, deadReason, probes, metrics, webhooks })
    return {
      address: server.address,
      countCall: metrics.countCall,
      async close() {
        await server.close()
        await webhooks.settled()
        await database.close()
      },
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Jobs of both queues. */
async function countAll({ queue, settleQueue }: Runtime): ReturnType<Runtime['queue']['counts']> {
  const [some, others] = [await queue.counts(), await settleQueue.counts()]
  return {
    waiting: some.waiting + others.waiting,
    delayed: some.delayed + others.delayed,
    active: some.active + others.active,
    failed: some.failed + others.failed,
  }
}

const ruleOf = ({ settings: { pullIncompleteMs } }: Services, account: AccountSettings): FreshnessRule => ({
  dueAfter: dueAfterBy(account),
  graceMs: pullIncompleteMs,
})

/** The rhythms by which `jobs/due.ts` asks for each resource. */
function dueAfterBy({ syncCron, zone }: AccountSettings): FreshnessRule['dueAfter'] {
  // One that is never due counts as due all the time.
  const next = (cron: string, after: Instant): Instant => nextInstant({ cron, zone, after }) ?? after
  return ({ resource, cardDaysCalls }, at) => {
    switch (resource) {
      case 'card_transaction':
        return next(FIXED_CRONS.recent, toInstant(at + cardDaysRestMs(cardDaysCalls)))
      case 'card_terminal':
      case 'card_batch':
        return next(syncCron, toInstant(at + rereadMsMax(resource, cardDaysCalls)))
      default:
        return next(FIXED_CRONS.lists, toInstant(at + rereadMsMax(resource, cardDaysCalls)))
    }
  }
}
