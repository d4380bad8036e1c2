import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CallBudgetOptions } from '../../src/db/call-budget.ts'
import { HELCIM_LIMITS } from '../../src/domain/call-budget.ts'
import { OperatingError } from '../../src/domain/operating-error.ts'
import type { CallEnd, Permit } from '../../src/domain/permits.ts'
import { createSecret } from '../../src/domain/secret.ts'
import { createHelcimClient } from '../../src/helcim/client.ts'
import { connectionTest } from '../../src/helcim/endpoints/connection-test.ts'
import {
  createDatabase,
  ended,
  openBudget,
  RATE,
  request,
  startClock,
  startLimits,
  type TestDatabase,
} from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

/** Real milliseconds. */
const DEADLINE_MS = 900
const DRAIN_MS = 250
const WINDOW_MS = 60_000 / RATE
/** By how much a machine at work may be late. */
const SLACK_MS = 1_500

/** Takes `count` permits at once, does with them what `use` says, and measures how long the next one takes. */
async function measureNextMs(
  count: number,
  options: Partial<CallBudgetOptions>,
  use: (permit: Permit) => Promise<void>,
): Promise<number> {
  const budget = openBudget(database, {
    ...options,
    accountId: await database.addAccount(),
    drainMs: DRAIN_MS,
    patienceMs: 5_000,
  })
  const permits: Permit[] = []
  const takenAt = performance.now()
  for (let index = 0; index < count; index++)
    permits.push(await budget.take(request({ callClass: 'settle', deadlineMs: DEADLINE_MS })))
  const lateMs = performance.now() - takenAt
  await Promise.all(permits.map(use))
  await budget.take(request({ callClass: 'settle', deadlineMs: DEADLINE_MS }))
  const nextMs = performance.now() - takenAt
  expect(lateMs).toBeLessThan(DEADLINE_MS)
  return nextMs
}

const WAYS: [string, (permit: Permit) => Promise<void>, { slotMs: number; windowMs: number }][] = [
  [
    'that is never released',
    () => Promise.resolve(),
    { slotMs: DEADLINE_MS + DRAIN_MS, windowMs: DEADLINE_MS + WINDOW_MS },
  ],
  ['of an aborted call', (permit) => end(permit, 'aborted'), { slotMs: DRAIN_MS, windowMs: DEADLINE_MS + WINDOW_MS }],
  ['of an answered call', (permit) => end(permit, 'answered'), { slotMs: 0, windowMs: WINDOW_MS }],
  ['of a call that was never sent', (permit) => end(permit, 'unsent'), { slotMs: 0, windowMs: 0 }],
]

const end = (permit: Permit, kind: CallEnd['kind']) =>
  permit.release(ended({ kind, status: kind === 'answered' ? 200 : null }))

describe.each(WAYS)('a permit %s', (_, use, { slotMs, windowMs }) => {
  it(`frees its slot after ${slotMs} ms`, async () => {
    const nextMs = await measureNextMs(HELCIM_LIMITS.concurrent, { limits: HELCIM_LIMITS }, use)
    expect(nextMs).toBeGreaterThanOrEqual(slotMs)
    expect(nextMs).toBeLessThan(slotMs + SLACK_MS)
  })

  it(`counts in the window for ${windowMs} ms`, async () => {
    const nextMs = await measureNextMs(10, { limits: { concurrent: 50, minute: 10, hour: 3_000 } }, use)
    expect(nextMs).toBeGreaterThanOrEqual(windowMs)
    expect(nextMs).toBeLessThan(windowMs + SLACK_MS)
  })
})

it('a permit is released once', async () => {
  const permit = await openBudget(database, { accountId: await database.addAccount() }).take(request())
  await permit.release(ended())
  await expect(permit.release(ended())).rejects.toThrow('twice')
})

it('a wait beyond patience comes back at once and says when to ask again', async () => {
  const budget = openBudget(database, {
    accountId: await database.addAccount(),
    limits: { concurrent: 5, minute: 1, hour: 3_000 },
    patienceMs: 100,
  })
  await (await budget.take(request())).release(ended())
  const refused = await budget.take(request()).catch((error: unknown) => error)
  if (!(refused instanceof OperatingError) || refused.retry.kind !== 'after') throw refused
  expect(refused.code).toBe('BUDGET_WAIT')
  expect(refused.retry.delayMs).toBeGreaterThan(0.8 * 60_000)
  expect(refused.retry.delayMs).toBeLessThan(1.1 * 60_000)
})

it('after three rejections of the token the account stops, and Helcim hears no more of it', async () => {
  const clock = startClock()
  const sandbox = await startLimits(clock)
  const permits = openBudget(database, { accountId: await database.addAccount(), clock })
  const client = createHelcimClient({ baseUrl: sandbox.url, token: createSecret('another-token'), permits })
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, () =>
      client.read(connectionTest(), { callClass: 'backfill' }).catch(({ code }: { code: string }) => code),
    ),
  )
  const stopped = await permits.take(request({ callClass: 'settle' })).catch(({ code }: { code: string }) => code)
  await client.close()
  expect(stopped).toBe('ACCOUNT_STOPPED')
  expect(outcomes.filter((code) => code === 'HELCIM_UNAUTHORIZED').length).toBe(sandbox.calls().length)
  // Three were in flight when the first answer came; after it one at a time.
  expect(sandbox.calls().length).toBeGreaterThanOrEqual(3)
  expect(sandbox.calls().length).toBeLessThanOrEqual(5)
  expect(outcomes.filter((code) => code === 'ACCOUNT_STOPPED').length).toBe(10 - sandbox.calls().length)
})

it('a success between rejections of the token forgives them', async () => {
  const budget = openBudget(database, { accountId: await database.addAccount() })
  for (const isUnauthorized of [true, true, false, true, true]) {
    const permit = await budget.take(request())
    await permit.release(ended({ isUnauthorized, status: isUnauthorized ? 401 : 200 }))
  }
  await expect(budget.take(request())).resolves.toBeDefined()
})
