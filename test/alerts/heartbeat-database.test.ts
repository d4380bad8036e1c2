import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openHeartbeat } from '../../src/cli/heartbeat.ts'
import { openSoleRuntime } from '../../src/cli/sole-runtime.ts'
import { readConfig } from '../../src/config.ts'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { createSecret } from '../../src/domain/secret.ts'
import { createLog } from '../../src/log.ts'
import { startProxy } from '../queue/proxy.ts'
import { startRedisServer } from '../queue/redis-server.ts'
import { createTestDatabase } from '../support/database.ts'
import { listen, START, silentLog } from './support.ts'

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

describe('a PostgreSQL that hangs', () => {
  const openBeats = async (databaseUrl: string) => {
    const listener = await listen((response) => response.end())
    const heartbeat = openHeartbeat({
      url: createSecret(`http://127.0.0.1:${listener.port}/beat`),
      allowHosts: ['127.0.0.1'],
      databaseUrl,
      queue: { health: () => ({ isWorking: true, isStoreReachable: true }) },
      clock: createSimulatedClock(toInstant(START), RATE),
      log: silentLog,
    })
    onTestFinished(() => listener.close())
    heartbeat.start()
    return { heartbeat, listener }
  }

  test('in the middle of an answer makes the heartbeat silent until it answers again', async () => {
    const database = await createTestDatabase()
    const proxy = await startProxy(database.url)
    onTestFinished(async () => {
      await proxy.close()
      await database.drop()
    })
    const { heartbeat, listener } = await openBeats(proxy.url)
    onTestFinished(() => heartbeat.stop())
    await expect.poll(() => listener.requests.length, { timeout: 10_000 }).toBeGreaterThan(2)
    proxy.stall()
    // One may have been on its way.
    await delay(10 * MINUTE_MS)
    const before = listener.requests.length
    await delay(20 * MINUTE_MS)
    expect(listener.requests.length).toBe(before)
    proxy.flow()
    await expect.poll(() => listener.requests.length, { timeout: 10_000 }).toBeGreaterThan(before)
  })

  test('is asked by one connection at a time, which ends with the heartbeat', async () => {
    const open = new Set<Socket>()
    let countMax = 0
    let count = 0
    const silent = createServer((socket) => {
      open.add(socket.resume())
      count += 1
      countMax = Math.max(countMax, open.size)
      socket.on('error', () => {}).on('close', () => open.delete(socket))
    })
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    const { port } = silent.address() as AddressInfo
    const { heartbeat, listener } = await openBeats(`postgres://nobody@127.0.0.1:${port}/none`)
    await expect.poll(() => count, { timeout: 15_000 }).toBeGreaterThan(2)
    await heartbeat.stop()
    await expect.poll(() => open.size).toBe(0)
    expect([countMax, listener.requests.length]).toEqual([1, 0])
  }, 20_000)
})
