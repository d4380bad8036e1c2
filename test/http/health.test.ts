import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../kills/cli-process.ts'
import { type Daemon, openDaemon } from './support.ts'

let daemon: Daemon
beforeAll(async () => {
  daemon = await openDaemon()
})
afterAll(() => daemon?.close())

const readiness = async () => {
  const { status, text, tookMs } = await daemon.get('/readyz')
  const { isReady, checks } = JSON.parse(text)
  const failing = Object.keys(checks).filter((name) => !checks[name].isFine)
  return { status, isReady, checks, failing, tookMs }
}

/** A check has 2 s; the rest is a busy machine. */
const READINESS_MS_MAX = 3_000

test('/healthz is 200 while the worker lives, and 503 with the reason when it is dead', async () => {
  expect(await daemon.get('/healthz')).toMatchObject({ status: 200, text: '{"isAlive":true}' })
  daemon.die('no job arrived')
  expect(await daemon.get('/healthz')).toMatchObject({
    status: 503,
    text: '{"isAlive":false,"reason":"no job arrived"}',
  })
  daemon.die(null)
})

test('/readyz is 200 when all is well, and names each resource with its age and limit', async () => {
  const { status, isReady, checks, failing } = await readiness()
  expect({ status, isReady, failing }).toEqual({ status: 200, isReady: true, failing: [] })
  const resources: { name: string; ageSeconds: number; limitSeconds: number }[] = checks.freshness.resources
  const cardData = ['card_batch', 'card_terminal', 'card_transaction']
  const others = ['ach_batch', 'add_on', 'customer', 'payment_plan', 'subscription']
  expect(resources.map(({ name }) => name).sort()).toEqual([...cardData, ...others].sort())
  for (const { ageSeconds, limitSeconds } of resources) {
    expect(ageSeconds).toBeLessThan(60)
    // Six hours behind the next time that the schedule asks for it.
    expect(limitSeconds).toBeGreaterThanOrEqual(6 * 3_600)
  }
})

test('while the database is away /readyz is 503 at once and /healthz stays 200; when it is back so is readiness', async () => {
  await daemon.proxy.cut()
  try {
    const away = await readiness()
    expect(away).toMatchObject({ status: 503, isReady: false })
    expect(away.failing).toEqual(expect.arrayContaining(['database', 'schema', 'freshness', 'queue']))
    expect(away.tookMs).toBeLessThan(READINESS_MS_MAX)
    expect(await daemon.get('/healthz')).toMatchObject({ status: 200 })
  } finally {
    await daemon.proxy.restore()
  }
  const backMs = await until('ready again', async () => (await readiness()).isReady, 20_000)
  expect(daemon.log.named('readiness.lost')).toHaveLength(1)
  expect(daemon.log.named('readiness.regained')).toHaveLength(1)
  console.info(`ready ${Math.round(backMs)} ms after the database was back`)
})

test('a database that hangs gives 503 within its bound however many ask, and not a hang', async () => {
  daemon.proxy.stall()
  try {
    const looks = await Promise.all([readiness(), readiness(), readiness(), readiness(), readiness()])
    for (const look of looks) {
      expect(look.status).toBe(503)
      expect(look.checks.database.says).toBe('did not answer within 2 s')
      expect(look.tookMs).toBeLessThan(READINESS_MS_MAX)
    }
    console.info(`503 after ${looks.map(({ tookMs }) => Math.round(tookMs)).join(', ')} ms`)
    expect(await daemon.get('/healthz')).toMatchObject({ status: 200 })
  } finally {
    daemon.proxy.flow()
  }
  await until('ready again', async () => (await readiness()).isReady, 30_000)
})

test('a resource that is staler than its limit is named, and nothing else fails', async () => {
  const shift = (hours: number, resource: string) =>
    daemon.database.rows(`update recon.pulls set finished_at = finished_at - interval '${hours} hours',
      started_at = started_at - interval '${hours} hours' where resource = '${resource}' and window_kind in ('all', 'days')`)
  // The control: a terminal list is asked for once a day, so this is not yet too old.
  await shift(25, 'card_terminal')
  expect((await readiness()).failing).toEqual([])
  await shift(8, 'card_transaction')
  const stale = await readiness()
  expect(stale).toMatchObject({ status: 503, failing: ['freshness'] })
  expect(stale.checks.freshness.says).toMatch(/^stale: card_transaction;/)
  await shift(-8, 'card_transaction')
  expect((await readiness()).isReady).toBe(true)
})

test('readings of former days prove nothing about today', async () => {
  const move = (days: number) =>
    daemon.database.rows(`update recon.pulls set to_date = to_date + ${days} where window_kind = 'days'`)
  const age = async () => {
    const { checks } = await readiness()
    return checks.freshness.resources.find(({ name }: { name: string }) => name === 'card_transaction')
  }
  const before = await age()
  await move(-1)
  const after = await age()
  await move(1)
  // Counted from when it was first asked for, which in a rested daemon is earlier than any end.
  expect(after.limitSeconds).toBe(6 * 3_600)
  expect(before.limitSeconds).toBeGreaterThan(after.limitSeconds)
})

test('a schema older than this version is not ready', async () => {
  const [newest] = await daemon.database.rows(
    'delete from recon_migrations.__drizzle_migrations where id = (select max(id) from recon_migrations.__drizzle_migrations) returning *',
  )
  expect(await readiness()).toMatchObject({ status: 503, failing: ['schema'] })
  await daemon.database.rows(
    `insert into recon_migrations.__drizzle_migrations (id, hash, created_at) values (${newest?.id}, '${newest?.hash}', ${newest?.created_at})`,
  )
  expect((await readiness()).isReady).toBe(true)
})
