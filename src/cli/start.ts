import closeWithGrace from 'close-with-grace'
import { readAccounts } from '../accounts-file.ts'
import type { Config } from '../config.ts'
import { compareSchema } from '../db/migrate.ts'
import { createLog } from '../log.ts'
import { type AccountsWatch, beginWork, watchAccounts } from './accounts-watch.ts'
import { openRuntime } from './runtime.ts'
import { type Pages, servePages } from './serve.ts'

/** How long running jobs may take to end after a signal; a supervisor usually waits 30 s before it kills. */
const DRAIN_MS = 20_000

/** The daemon: works until a signal, then drains. A worker that can no longer work ends the process with 1. */
export async function runStart(config: Config): Promise<void> {
  const accounts = readAccounts(config)
  const log = createLog({ level: config.logLevel, isPretty: process.stdout.isTTY === true })
  let pages: Pages | null = null
  let deadReason: string | null = null
  let watch: AccountsWatch | null = null
  const runtime = await openRuntime(config, { log, onCallEnd: (call) => pages?.countCall(call) })
  // Before anything works: an account that is refused or a port that is taken ends the start with nothing begun.
  try {
    for (const account of accounts) await runtime.add(account)
    pages = await servePages(config, runtime, { log, deadReason: () => deadReason })
  } catch (error) {
    await runtime.close({ deadlineMs: DRAIN_MS })
    throw error
  }
  if ((await compareSchema(runtime.database.db)) === 'newer') log.warn('database.found_newer')
  const closing = closeWithGrace({ delay: DRAIN_MS + 5_000, logger: false }, async ({ signal, err }) => {
    if (err) log.fatal({ err }, 'daemon.failed')
    log.info({ signal }, 'daemon.stopping')
    await watch?.stop()
    await pages?.close()
    await runtime.close({ deadlineMs: DRAIN_MS })
    log.info('daemon.stopped')
    if (err) process.exitCode = 1
  })
  runtime.work({
    onDead: (reason) => {
      deadReason = reason
      log.fatal({ reason }, 'daemon.worker_dead')
      process.exitCode = 1
      closing.close()
    },
  })
  try {
    for (const work of runtime.accounts()) await beginWork(work, runtime.clock, log)
    runtime.sweep()
  } catch (err) {
    log.fatal({ err }, 'daemon.failed')
    process.exitCode = 1
    closing.close()
    return
  }
  if (config.accountsFile !== null) watch = watchAccounts(config, runtime, log)
  log.info(
    {
      accounts: runtime.accounts().map(({ services, settings }) => ({
        account: settings.name,
        historyFrom: services.account.historyFrom,
        baseUrl: settings.baseUrl,
      })),
      database: runtime.database.isEmbedded ? 'embedded' : 'DATABASE_URL',
      queue: config.redisUrl === null ? 'postgres' : 'redis',
      http: pages?.address ?? 'off',
    },
    'daemon.started',
  )
}
