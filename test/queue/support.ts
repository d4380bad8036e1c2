import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { inject } from 'vitest'
import { createSystemClock } from '../../src/domain/clock.ts'
import { type AnyJob, defineJob, type JobRun } from '../../src/jobs/define-job.ts'
import { migrateQueue } from '../../src/jobs/queue/postgres-store.ts'
import { createQueue, type JobQueue, type QueueSettings } from '../../src/jobs/queue/queue.ts'
import type { StoreSettings } from '../../src/jobs/queue/store.ts'
import { createStoreLog } from '../../src/jobs/queue/store-log.ts'
import { createTestDatabase } from '../support/database.ts'

/** Both stores, or Postgres alone where there is no redis-server. */
export const STORE_KINDS: StoreSettings['kind'][] = inject('redisUrl') === null ? ['postgres'] : ['postgres', 'redis']

export interface TestContext {
  readonly run: JobRun
}

export const defineTestJob = defineJob<TestContext>()

export interface TestStore {
  readonly settings: StoreSettings
  drop(): Promise<void>
}

/** A store of this test file's own: a database, or the run's Redis, where queues differ by name. */
export async function createTestStore(kind: StoreSettings['kind']): Promise<TestStore> {
  if (kind === 'redis') {
    const url = inject('redisUrl')
    if (url === null) throw new Error('no redis-server')
    return { settings: { kind, url }, drop: async () => {} }
  }
  const database = await createTestDatabase()
  await migrateQueue(database.url)
  return { settings: { kind, url: database.url }, drop: database.drop }
}

export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [fact: string]: unknown
}

export function createTestLog() {
  const lines: LogLine[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  return { log, lines, named: (msg: string) => lines.filter((line) => line.msg === msg) }
}

type Overrides = Partial<Omit<QueueSettings<TestContext>, 'store' | 'storeLog' | 'jobs'>>

export async function openTestQueue(
  store: StoreSettings,
  jobs: AnyJob<TestContext>[],
  overrides: Overrides = {},
): Promise<JobQueue<TestContext>> {
  const { log = createTestLog().log } = overrides
  return createQueue({
    store,
    storeLog: createStoreLog(log),
    name: `test-${randomBytes(6).toString('hex')}`,
    clock: createSystemClock(),
    log,
    jobs,
    contextFor: (run) => ({ run }),
    concurrency: 5,
    ...overrides,
  })
}

export const failWhenDead = {
  onDead: (reason: string) => {
    throw new Error(reason)
  },
}

/** Resolves when `condition` holds; asks often, because what it asks about has no event. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<number> {
  const startedAt = performance.now()
  while (!(await condition())) {
    if (performance.now() - startedAt > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return performance.now() - startedAt
}

/** A promise with its handles outside. */
export function createGate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
