import {
  assertSchemaCompatibility,
  createPostgresBackend,
  isPgPool,
  LATEST_SCHEMA_VERSION,
  type PgPool,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  runMigrations,
  SchemaMigrationRequiredError,
} from 'bullmq'
import pg from 'pg'
import { type Connection, openQueueOn, openWorkerOn } from './bull.ts'
import { POSTGRES_SCHEMA, PROBE_DEADLINE_MS } from './settings.ts'
import { SOUND_STORE, type Store } from './store.ts'

/** Beyond one connection per running job: the one that listens, and two for whoever enqueues or looks after locks. */
const CONNECTIONS_BEYOND_CONCURRENCY = 3
const CONNECT_DEADLINE_MS = 5_000
const QUERY_DEADLINE_MS = 15_000
/** A failed query rejects no sooner than this, because BullMQ repeats some at once while Postgres restarts. */
const FAILURE_DELAY_MS = 250

/** The queue on Postgres. The tables must exist, see `migrateQueue`. */
export async function openPostgresStore(url: string, concurrencyMax: number): Promise<Store> {
  const pool = new pg.Pool({
    connectionString: url,
    max: concurrencyMax + CONNECTIONS_BEYOND_CONCURRENCY,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: CONNECT_DEADLINE_MS,
    query_timeout: QUERY_DEADLINE_MS,
    idleTimeoutMillis: 30_000,
    application_name: 'tieout queue',
    // BullMQ leaves the schema of a pool that it did not make to us. A URL with `options` of its own cannot undo this.
    onConnect: (client) => client.query(`set search_path to ${POSTGRES_SCHEMA}`),
  })
  pool.on('error', () => {})
  const connection: Connection<PostgresQueueBackend, PostgresConnectionOptions> = {
    connection: withCalmFailures(pool),
    backendFactory: createPostgresBackend,
  }
  return {
    openQueue: (name, onError) => openQueueOn(connection, name, onError),
    openWorker: (request) => openWorkerOn(connection, request),
    async probe() {
      await probePostgres(url)
      return SOUND_STORE
    },
    close: () => pool.end(),
  }
}

/**
 * Brings BullMQ's tables to the version of this BullMQ. Takes an advisory lock, so that two processes may start at once.
 */
export async function migrateQueue(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_DEADLINE_MS })
  client.on('error', () => {})
  await client.connect()
  try {
    // A role without the right to make schemas may run what is up to date.
    if ((await versionOfQueue(client)) < LATEST_SCHEMA_VERSION) await runMigrations(client, POSTGRES_SCHEMA)
  } finally {
    await client.end()
  }
}

/** 0 where there is none yet. */
async function versionOfQueue(client: pg.Client): Promise<number> {
  try {
    return await assertSchemaCompatibility(client, POSTGRES_SCHEMA)
  } catch (error) {
    if (error instanceof SchemaMigrationRequiredError) return 0
    throw error
  }
}

async function probePostgres(url: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: PROBE_DEADLINE_MS,
    query_timeout: PROBE_DEADLINE_MS,
    application_name: 'tieout probe',
  })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * BullMQ tells a lost connection from a failed job by the code ECONNREFUSED alone: then it waits and asks again, while
 * on any other error it would fail the job that is just being completed, or ask again at once and for ever. So every
 * way in which Postgres goes away is given that code.
 */
function withCalmFailures(pool: pg.Pool): PgPool {
  const query = pool.query.bind(pool)
  const connect = pool.connect.bind(pool)
  const calmed: unknown = Object.defineProperties(pool, {
    query: { value: (text: string, parameters?: unknown[]) => query(text, parameters).catch(rejectLater) },
    // pg's own `query` borrows a connection through a callback.
    connect: {
      value: (borrow?: Parameters<typeof connect>[0]) => (borrow ? connect(borrow) : connect().catch(rejectLater)),
    },
  })
  if (!isPgPool(calmed)) throw new Error('BullMQ does not take pg.Pool for a pool')
  return calmed
}

async function rejectLater(error: unknown): Promise<never> {
  if (!(error instanceof Error) || !isLostConnection(error)) throw error
  await new Promise((resolve) => setTimeout(resolve, FAILURE_DELAY_MS))
  throw Object.assign(new Error(`Postgres went away: ${error.message}`, { cause: error }), { code: 'ECONNREFUSED' })
}

/** Connection exceptions, shutdowns and starts of the server, no free connection; then sockets; then pg's own words. */
const LOST_CODES =
  /^(08...|57P0[1-3]|53300|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)$/
const LOST_WORDS =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout)/

function isLostConnection(error: Error): boolean {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return LOST_CODES.test(code) || LOST_WORDS.test(error.message)
}
