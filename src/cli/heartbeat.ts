import { createHeartbeat, type Heartbeat, type HeartbeatSettings } from '../alerts/heartbeat.ts'
import { openDatabase } from '../db/client.ts'
import type { QueueHealth } from '../jobs/queue/queue.ts'

/** Real milliseconds for connecting, and for the answer. */
const ANSWER_MS_MAX = 2_000

/**
 * Opens the heartbeat of a daemon: silent while no worker works, or queue or PostgreSQL do not answer. What is to be done
 * and to be told stands in PostgreSQL, also where the queue is in Redis.
 *
 * It asks on a connection of its own, so that it neither waits for those of the jobs nor holds one of them while
 * PostgreSQL hangs. The next beat comes after the answer, and a connection that failed is replaced: there is never a
 * second one beside it.
 */
export function openHeartbeat(
  settings: Omit<HeartbeatSettings, 'isWorking'> & {
    readonly databaseUrl: string
    readonly queue: { health(): Pick<QueueHealth, 'isWorking' | 'isStoreReachable'> }
  },
): Heartbeat {
  const { databaseUrl, queue, log } = settings
  const { pool, close } = openDatabase(databaseUrl, {
    maxConnections: 1,
    connectMsMax: ANSWER_MS_MAX,
    statementMsMax: ANSWER_MS_MAX,
    onError: (error) => log.debug({ err: error }, 'heartbeat.connection_lost'),
  })
  async function doesDatabaseAnswer(): Promise<boolean> {
    try {
      await pool.query('select 1')
      return true
    } catch {
      return false
    }
  }
  async function isWorking(): Promise<boolean> {
    const { isWorking, isStoreReachable } = queue.health()
    return isWorking && isStoreReachable && (await doesDatabaseAnswer())
  }
  const heartbeat = createHeartbeat({ ...settings, isWorking })
  return {
    start: heartbeat.start,
    async stop() {
      await heartbeat.stop()
      await close()
    },
  }
}
