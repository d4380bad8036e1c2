import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import { openSoleRuntime } from '../../src/cli/sole-runtime.ts'
import { readConfig } from '../../src/config.ts'
import { createLog } from '../../src/log.ts'
import { startRedisServer } from '../queue/redis-server.ts'
import { createTestDatabase } from '../support/database.ts'
import { listen } from './support.ts'

/** A minute passes in 50 ms. */
const RATE = 1_200
const MINUTE_MS = 60_000 / RATE

test('with the queue in Redis, a daemon whose PostgreSQL is away is silent, and beats again when it is back', async () => {
  const [redis, database, listener] = await Promise.all([
    startRedisServer(),
    createTestDatabase(),
    listen((response) => response.end()),
  ])
  const config = readConfig({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    HELCIM_API_TOKEN: 'none',
    HELCIM_BASE_URL: 'http://127.0.0.1:1/v2',
    HEARTBEAT_URL: `http://127.0.0.1:${listener.port}/beat`,
    ALERT_ALLOW_HOSTS: '127.0.0.1',
    TIEOUT_CLOCK: `2026-10-01T12:00:00Z@${RATE}`,
    LOG_LEVEL: 'silent',
  })
  const runtime = await openSoleRuntime(config, { log: createLog({ level: 'silent', isPretty: false }) })
  const name = new URL(database.url).pathname.slice(1)
  const admin = new pg.Client(Object.assign(new URL(database.url), { pathname: '/postgres' }).href)
  await admin.connect()
  const beats = async (minutes: number) => {
    const before = listener.requests.length
    await delay(minutes * MINUTE_MS)
    return listener.requests.length - before
  }
  try {
    runtime.work({ onDead: () => {} })
    runtime.sweep()
    await expect.poll(() => listener.requests.length, { timeout: 10_000 }).toBeGreaterThan(2)
    await admin.query(`alter database "${name}" allow_connections false`)
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)
    // One may have been on its way.
    await beats(10)
    expect(await beats(20)).toBe(0)
    await admin.query(`alter database "${name}" allow_connections true`)
    const before = listener.requests.length
    await expect.poll(() => listener.requests.length, { timeout: 10_000 }).toBeGreaterThan(before)
  } finally {
    await admin.query(`alter database "${name}" allow_connections true`)
    await admin.end()
    await runtime.close({ deadlineMs: 5_000 })
    await Promise.all([redis.stop(), listener.close()])
    await database.drop()
  }
})
