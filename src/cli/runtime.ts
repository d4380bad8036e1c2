import type { AccountSettings } from '../accounts-file.ts'
import type { AlertChannel } from '../alerts/channel.ts'
import { createEmailChannel } from '../alerts/email-channel.ts'
import { createLogChannel } from '../alerts/log-channel.ts'
import { createSlackChannel } from '../alerts/slack-channel.ts'
import { createWebhookChannel } from '../alerts/webhook-channel.ts'
import { type AlertSettings, readAlertSettings } from '../alerts-file.ts'
import { readBooks } from '../books-file.ts'
import type { Config } from '../config.ts'
import type { Enqueue, JobContext, Services } from '../context.ts'
import type { Clock } from '../domain/clock.ts'
import { openJobs } from '../jobs/index.ts'
import { migrateQueue } from '../jobs/queue/postgres-store.ts'
import type { JobQueue } from '../jobs/queue/queue.ts'
import type { Logger } from '../log.ts'
import { type AccountWork, openAccount } from './account-work.ts'
import { clockOf } from './clock.ts'
import { openHeartbeat } from './heartbeat.ts'
import type { EndedCall } from './observed-permits.ts'
import { type OpenDatabase, openMigrated } from './open-database.ts'

export interface Runtime {
  readonly database: OpenDatabase
  readonly clock: Clock
  readonly queue: JobQueue<JobContext>
  readonly settleQueue: JobQueue<JobContext>
  readonly enqueue: Enqueue
  /** The accounts that it works for now. */
  accounts(): readonly AccountWork[]
  /** @throws UsageError when the database holds an account of this name that is another's */
  add(settings: AccountSettings, boundTo?: string): Promise<AccountWork>
  /** What of it is under way comes to its end; nothing new is begun. */
  remove(work: AccountWork): Promise<void>
  /** Starts the workers. */
  work(options: { onDead: (reason: string) => void }): void
  /** Starts the sweep of each minute and the heartbeat. */
  sweep(): void
  /** Stops taking work, lets what runs end within the deadline, and closes everything in reverse. */
  close(options: { deadlineMs: number }): Promise<void>
}

/** Builds what `start`, `sync` and `demo` run on: the same database, queue and jobs for all of them and all accounts. */
export async function openRuntime(
  config: Config,
  options: {
    log: Logger
    /** Hears of each call to Helcim when it is over. */
    onCallEnd?: (call: EndedCall) => void
    /** One that others share; that of the settings unless said. */
    clock?: Clock
  },
): Promise<Runtime> {
  const { log, onCallEnd = () => {}, clock = clockOf(config) } = options
  const booksOf = readBooks(config)
  const alertSettings = readAlertSettings(config)
  const database = await openMigrated(config, log)
  const works = new Map<number, AccountWork>()
  const alertChannels = createAlertChannels(config, alertSettings, log)
  const servicesOf = (accountId: number): Services | null => works.get(accountId)?.services ?? null
  const store =
    config.redisUrl === null
      ? { kind: 'postgres' as const, url: database.url }
      : { kind: 'redis' as const, url: config.redisUrl.reveal() }
  const { queue, settleQueue, enqueue } = await migrateQueue(database.url)
    .then(() => openJobs({ servicesOf, clock, store, log }))
    .catch(async (error: unknown) => {
      await database.close()
      throw error
    })
  const shared = {
    db: database.db,
    clock,
    log,
    alertChannels,
    alertSettings,
    enqueue,
    booksOf,
    exporting: config.exporting,
    onCallEnd,
  }
  const sweep = createSweep({ clock, log, works: () => [...works.values()] })
  const heartbeat =
    config.heartbeatUrl === null
      ? null
      : openHeartbeat({
          url: config.heartbeatUrl,
          allowHosts: config.alerts.allowHosts,
          databaseUrl: database.url,
          queue,
          clock,
          log,
        })

  return {
    database,
    clock,
    queue,
    settleQueue,
    enqueue,
    accounts: () => [...works.values()],
    async add(settings, boundTo) {
      const work = await openAccount(shared, settings, boundTo)
      works.set(work.services.account.accountId, work)
      return work
    },
    async remove(work) {
      works.delete(work.services.account.accountId)
      await work.close()
    },
    work({ onDead }) {
      queue.startWorker({ onDead })
      settleQueue.startWorker({ onDead })
    },
    sweep() {
      sweep.start()
      heartbeat?.start()
    },
    async close({ deadlineMs }) {
      await heartbeat?.stop()
      await sweep.stop()
      await Promise.all([...works.values()].map((work) => work.stopPlanning()))
      await Promise.all([queue.close({ deadlineMs }), settleQueue.close({ deadlineMs })])
      await Promise.all([...works.values()].map((work) => work.close()))
      await database.close()
    },
  }
}

const SWEEP_MS = 60_000
/** After one that failed, and after the start, whose own enqueues may have failed. */
const SOON_MS = 2_000

/** The log always, and what the settings name; the quickest first. */
function createAlertChannels({ alerts }: Config, { named }: AlertSettings, log: Logger): AlertChannel[] {
  const { webhook, slackUrl, email, allowHosts } = alerts
  return [
    // What a silent log were told would be lost: it waits for a process that is heard.
    ...(log.level === 'silent' ? [] : [createLogChannel(log)]),
    ...(webhook ? [createWebhookChannel({ ...webhook, allowHosts })] : []),
    ...(slackUrl ? [createSlackChannel({ name: 'slack', url: slackUrl, allowHosts })] : []),
    ...(email ? [createEmailChannel({ ...email, name: 'email', allowHosts })] : []),
    ...named.flatMap((one) => {
      if (one.kind === 'slack') return [createSlackChannel({ ...one, allowHosts })]
      return email ? [createEmailChannel({ ...email, ...one, allowHosts })] : []
    }),
  ]
}

/**
 * Each clock minute, puts running pulls back into a queue that may have lost them. And asks for alerts: reminders come
 * due by age, and messages wait for their next attempt. While that fails it is tried again soon, so that work goes on
 * seconds after a queue or a database came back; told once, and once more at its end. What fails for one account is done
 * for the others.
 */
function createSweep({ clock, log, works }: { clock: Clock; log: Logger; works: () => readonly AccountWork[] }) {
  const stopping = new AbortController()
  let sweeping: Promise<void> = Promise.resolve()
  async function sweep(): Promise<void> {
    let isFailing = false
    for (let waitMs = SOON_MS; !stopping.signal.aborted; waitMs = isFailing ? SOON_MS : SWEEP_MS) {
      await clock.sleep(waitMs, stopping.signal)
      if (stopping.signal.aborted) return
      const repairs = await Promise.allSettled(works().map((work) => work.repair()))
      const failed = repairs.find((repair) => repair.status === 'rejected')
      if (failed && !isFailing) log.warn({ err: failed.reason }, 'repair.failed')
      if (!failed && isFailing) log.info('repair.recovered')
      isFailing = failed !== undefined
    }
  }
  return {
    start: () => {
      sweeping = sweep()
    },
    async stop() {
      stopping.abort()
      await sweeping
    },
  }
}
