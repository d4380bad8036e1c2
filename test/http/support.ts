import pino from 'pino'
import { type Pages, servePages } from '../../src/cli/serve.ts'
import { waitUntilQuiet } from '../../src/cli/settle-down.ts'
import { openSoleRuntime, type SoleRuntime } from '../../src/cli/sole-runtime.ts'
import { readConfig } from '../../src/config.ts'
import { createSystemClock } from '../../src/domain/clock.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { type HttpOptions, type HttpServer, startHttpServer } from '../../src/http/server.ts'
import { openShop } from '../kills/shop.ts'
import { type Proxy as StoreProxy, startProxy } from '../queue/proxy.ts'
import { createTestLog } from '../queue/support.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

export const PASSWORD = 'canary-Password-7f3a'

export interface Daemon {
  readonly pages: Pages
  readonly runtime: SoleRuntime
  readonly database: TestDatabase
  /** Between the daemon and its database. */
  readonly proxy: StoreProxy
  readonly token: string
  readonly log: ReturnType<typeof createTestLog>
  die(reason: string | null): void
  get(path: string, headers?: Record<string, string>): Promise<{ status: number; text: string; tookMs: number }>
  close(): Promise<void>
}

export const withPassword = { authorization: `Bearer ${PASSWORD}` }

/** A daemon that has read and judged everything, on a database behind a proxy. */
export async function openDaemon(): Promise<Daemon> {
  const database = await createTestDatabase()
  const proxy = await startProxy(database.url)
  const { sandbox, env } = await openShop({
    seed: 5,
    historyDays: 12,
    salesPerDay: 10,
    pageSizeMax: 1_000,
    serviceTimeMs: 0,
  })
  const config = readConfig({ ...env, DATABASE_URL: proxy.url, HTTP_PORT: '0', HTTP_PASSWORD: PASSWORD })
  const log = createTestLog()
  let pages: Pages | null = null
  let deadReason: string | null = null
  const runtime = await openSoleRuntime(config, {
    log: log.log,
    onCallEnd: (call) => pages?.countCall(call),
  })
  pages = await servePages(config, runtime, { log: log.log, deadReason: () => deadReason })
  if (pages === null) throw new Error('the pages are off')
  const { address } = pages
  runtime.work({ onDead: () => {} })
  await runtime.askForMissing('test')
  const isQuiet = await waitUntilQuiet(runtime, { signal: AbortSignal.timeout(40_000) })
  if (!isQuiet) throw new Error('the daemon did not come to rest')
  return {
    pages,
    runtime,
    database,
    proxy,
    token: sandbox.token,
    log,
    die(reason) {
      deadReason = reason
    },
    async get(path, headers = {}) {
      const startedAt = performance.now()
      const response = await fetch(`${address}${path}`, { headers, signal: AbortSignal.timeout(20_000) })
      const text = await response.text()
      return { status: response.status, text, tookMs: performance.now() - startedAt }
    },
    async close() {
      await pages.close()
      await runtime.close({ deadlineMs: 5_000 })
      await proxy.close()
      await sandbox.close()
      await database.drop()
    },
  }
}

/** The server alone, with nothing behind it but what is given. */
export const startBareServer = (options: Partial<HttpOptions>): Promise<HttpServer> =>
  startHttpServer({
    host: '127.0.0.1',
    port: 0,
    password: null,
    log: pino({ level: 'silent' }),
    deadReason: () => null,
    probes: {
      askDatabase: async () => {},
      askQueue: async () => {},
      isSchemaCurrent: async () => true,
      listFreshness: async () => [],
    },
    webhooks: { now: () => createSystemClock().now(), receiverOf: () => null },
    metrics: createMetrics({
      loadAccounts: () => Promise.reject(new Error('no database')),
      countJobs: async () => ({}),
      process: {
        build: { version: '0' },
        tallyJobs: () => [],
        worker: () => ({ isWorking: true, countRunning: 0, silenceMs: null }),
      },
    }),
    ...options,
  })

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABEL = `([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\\n]|\\\\[\\\\"n])*)"`
const VALUE = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/

/**
 * Reads a page as strictly as the text format 0.0.4 is written: each metric in one piece, HELP and TYPE before its
 * samples, no series twice, a newline at the end.
 * @throws Error that names the line
 */
export function parseExposition(page: string): { names: Map<string, string>; samples: Sample[] } {
  if (!page.endsWith('\n')) throw new Error('the page does not end with a newline')
  const names = new Map<string, string>()
  const samples: Sample[] = []
  const series = new Set<string>()
  let helped = ''
  let current = ''
  for (const line of page.slice(0, -1).split('\n')) {
    const fail = (reason: string) => new Error(`${reason}: ${line}`)
    if (line === '') continue
    const help = new RegExp(`^# HELP (${NAME}) (\\S.*)$`).exec(line)
    if (help?.[1]) {
      helped = help[1]
      if (names.has(helped)) throw fail('a metric comes twice')
      continue
    }
    const type = new RegExp(`^# TYPE (${NAME}) (counter|gauge)$`).exec(line)
    if (type?.[1] && type[2]) {
      current = type[1]
      if (current !== helped) throw fail('no HELP before')
      names.set(current, type[2])
      continue
    }
    const sample = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (\\S+)$`).exec(line)
    const value = line.slice(line.lastIndexOf(' ') + 1)
    if (!sample?.[1] || !VALUE.test(value)) throw fail('no sample')
    if (sample[1] !== current) throw fail('a sample outside its metric')
    const labels: Record<string, string> = {}
    for (const [, label = '', text = ''] of (sample[2] ?? '').matchAll(new RegExp(LABEL, 'g'))) {
      if (label in labels) throw fail('a label comes twice')
      labels[label] = text
    }
    const key = JSON.stringify([current, Object.entries(labels).sort()])
    if (series.has(key)) throw fail('a series comes twice')
    series.add(key)
    samples.push({ name: current, labels, value: Number(value.replace('Inf', 'Infinity')) })
  }
  return { names, samples }
}
