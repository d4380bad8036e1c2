import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { onTestFinished } from 'vitest'
import { ensureAccount } from '../../src/db/accounts.ts'
import { type CallBudgetOptions, createCallBudget } from '../../src/db/call-budget.ts'
import type { Database } from '../../src/db/client.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { HELCIM_LIMITS } from '../../src/domain/call-budget.ts'
import { type Clock, createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import type { CallEnd, CallPermits, PermitRequest } from '../../src/domain/permits.ts'
import type { SandboxOptions } from '../../src/sandbox/options.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { createMigratedDatabase } from '../support/migrated-database.ts'

/** 60: a minute's window passes in a second. */
export const RATE = 60

export const startClock = (rate = RATE): Clock =>
  createSimulatedClock(toInstant(Date.parse('2026-10-01T06:00:00Z')), rate)

export interface TestDatabase extends Database {
  readonly url: string
  /** A new account with its budget row. */
  addAccount(): Promise<number>
  drop(): Promise<void>
}

/** A migrated database of this test file's own. */
export async function createDatabase(): Promise<TestDatabase> {
  const database = await createMigratedDatabase({ maxConnections: 10 })
  return {
    ...database,
    async addAccount() {
      const account = await ensureAccount(database.db, {
        name: randomUUID(),
        baseUrl: 'http://127.0.0.1:1/v2',
        tokenFingerprint: 'none',
        today: toBusinessDate('2026-10-01'),
        historyDays: 30,
      })
      return account.accountId
    },
  }
}

/** A sandbox without history: only its limits matter here. Closed after the test. */
export async function startLimits(clock: Clock, options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({
    clock,
    seed: 1,
    scenario: { startsOn: '2026-10-01', customers: 1, salesPerDay: 0 },
    ...options,
  })
  onTestFinished(() => sandbox.close())
  return sandbox
}

export function openBudget(
  { db }: Pick<Database, 'db'>,
  options: Partial<CallBudgetOptions> & { accountId: number },
): CallPermits {
  return createCallBudget({ db, holder: 'test', limits: HELCIM_LIMITS, clock: startClock(), ...options })
}

export const request = (change: Partial<PermitRequest> = {}): PermitRequest => ({
  callClass: 'backfill',
  endpoint: 'GET /connection-test',
  deadlineMs: 1_000,
  ...change,
})

/** How a call ended; by default well, with nobody else using the quota. */
export const ended = (change: Partial<CallEnd> = {}): CallEnd => ({
  status: 200,
  kind: 'answered',
  minuteRemaining: null,
  hourRemaining: null,
  retryAfterMs: null,
  isUnauthorized: false,
  durationMs: 5,
  ...change,
})

/** What the audit log holds of an account's calls, by how they ended. */
export async function countEnds({ db }: Pick<Database, 'db'>, accountId: number): Promise<Record<string, number>> {
  const { rows } = await db.execute<{ end_kind: string | null; count: string }>(
    sql`select end_kind, count(*) from recon.calls where account_id = ${accountId} group by end_kind`,
  )
  return Object.fromEntries(rows.map((row) => [row.end_kind ?? 'unreleased', Number(row.count)]))
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
