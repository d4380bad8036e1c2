import { createRedisBackend, type RedisQueueBackend } from 'bullmq'
import { Cluster, Redis } from 'ioredis'
import { UsageError } from '../../domain/operating-error.ts'
import { type Connection, openQueueOn, openWorkerOn, type QueueRecords } from './bull.ts'
import { PROBE_DEADLINE_MS, RECONNECT_DELAY_MS_MAX } from './settings.ts'
import type { Store, StoredQueue, StoreState } from './store.ts'

/** A connection that is owed an answer and hears nothing for so long is dead, though nobody closed it. */
const SILENCE_MS_MAX = 20_000
const CONNECT_DEADLINE_MS = 5_000

type RedisClient = Redis | Cluster

/**
 * The queue on Redis, alone or as a Cluster.
 * @throws UsageError when Redis cannot be reached, is older than 6.2, or may evict jobs
 */
export async function openRedisStore(url: string): Promise<Store> {
  const { isCluster } = await inspectRedis(url)
  // A worker's commands wait for Redis to come back; whoever enqueues is told soon, and tries again later.
  const workerClient = connectRedis(url, isCluster, null)
  const producerClient = connectRedis(url, isCluster, 3)
  return {
    openQueue: (name, onError) => withOrphansReplaced(openQueueOn(backendOn(producerClient), name, onError)),
    openWorker: (request) => openWorkerOn(backendOn(workerClient), request),
    async probe() {
      const facts = await withShortClient(url, async (client) => parseInfo(await client.info()))
      return stateOf(facts, addressOf(url))
    },
    async close() {
      workerClient.disconnect()
      producerClient.disconnect()
    },
  }
}

const backendOn = (connection: RedisClient): Connection<RedisQueueBackend, RedisClient> => ({
  connection,
  backendFactory: (name, options, parts) => createRedisBackend(name, options, parts),
})

function connectRedis(url: string, isCluster: boolean, maxRetriesPerRequest: number | null): RedisClient {
  const options = {
    maxRetriesPerRequest,
    retryStrategy: reconnectDelayMs,
    connectTimeout: CONNECT_DEADLINE_MS,
    keepAlive: 10_000,
    socketTimeout: SILENCE_MS_MAX,
    // A replica that was promoted or demoted under us answers READONLY: connect again, and to the right one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  }
  const client = isCluster
    ? new Cluster([url], { clusterRetryStrategy: reconnectDelayMs, redisOptions: options })
    : new Redis(url, options)
  // BullMQ hears of errors as well, and reports them; without a listener of our own ioredis prints them.
  client.on('error', () => {})
  return client
}

const reconnectDelayMs = (count: number): number =>
  Math.min(RECONNECT_DELAY_MS_MAX, 100 * 2 ** Math.min(count, 10)) * (0.75 + Math.random() / 4)

/** Reads what Redis says about itself, and refuses one on which jobs would be lost. */
async function inspectRedis(url: string): Promise<{ isCluster: boolean }> {
  const facts = await withShortClient(url, async (client) => parseInfo(await client.info())).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(
      `Redis at ${addressOf(url)} cannot be reached (${reason}): check REDIS_URL, and that it runs.`,
      {
        exitCode: 1,
        cause: error,
      },
    )
  })
  const version = facts.get('redis_version') ?? ''
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < 6 || (major === 6 && minor < 2)) {
    throw new UsageError(`Redis at ${addressOf(url)} is version ${version}: 6.2 or later is needed.`)
  }
  const { danger } = stateOf(facts, addressOf(url))
  if (danger !== null) throw new UsageError(danger)
  return { isCluster: facts.get('cluster_enabled') === '1' }
}

/** A full one is no reason not to start: whoever works its jobs off is who makes room in it. */
function stateOf(facts: ReadonlyMap<string, string>, address: string): StoreState {
  const policy = facts.get('maxmemory_policy')
  const [used, uncounted, max] = ['used_memory', 'mem_not_counted_for_evict', 'maxmemory'].map((name) =>
    Number(facts.get(name) ?? 0),
  ) as [number, number, number]
  const isFull = max > 0 && used - uncounted > max
  return {
    refusal: isFull
      ? `Redis at ${address} is full (${used - uncounted} bytes in use, maxmemory ${max}) and takes no jobs: raise maxmemory, or free memory.`
      : null,
    danger:
      policy === 'noeviction'
        ? null
        : `Redis at ${address} has maxmemory-policy ${policy} and may throw jobs away: set "maxmemory-policy noeviction" in its configuration, or run CONFIG SET maxmemory-policy noeviction.`,
  }
}

/**
 * A Redis that evicts may keep the record of a job and lose the list in which it waited. Then its id is taken, and
 * nobody works it off: such a record is removed, so that asking for the job again is what it was meant to be.
 */
function withOrphansReplaced(queue: StoredQueue & QueueRecords): StoredQueue {
  async function isOrphan(jobId: string): Promise<boolean> {
    // A job that ended meanwhile is in no list either, but it has no record.
    return (await queue.getJobState(jobId)) === 'unknown' && (await queue.getJob(jobId)) !== undefined
  }
  return {
    async add(name, payload, options) {
      const job = await queue.add(name, payload, options)
      const { jobId } = options
      if (jobId === undefined || !(await isOrphan(jobId))) return job
      // Refused while a worker holds its lock: then it runs, and its lost list entry is no matter.
      const isRemoved = await queue.remove(jobId)
      return isRemoved === 1 ? queue.add(name, payload, options) : job
    },
    getJobCounts: (...states) => queue.getJobCounts(...states),
    close: () => queue.close(),
  }
}

function parseInfo(info: string): Map<string, string> {
  const lines = info.split(/\r?\n/).filter((line) => line.includes(':'))
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
}

/** Lends a connection that gives up instead of connecting again. */
async function withShortClient<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: PROBE_DEADLINE_MS,
    commandTimeout: PROBE_DEADLINE_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
  })
  let reason: Error | undefined
  // ioredis rejects with "Connection is closed"; what happened comes as an event.
  client.on('error', (error) => {
    reason = error
  })
  try {
    await client.connect()
    return await use(client)
  } catch (error) {
    throw reason ?? error
  } finally {
    client.disconnect()
  }
}

/** Without the password. */
function addressOf(url: string): string {
  const { host } = URL.canParse(url) ? new URL(url) : { host: 'the address in REDIS_URL' }
  return host
}
