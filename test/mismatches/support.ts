import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { ensureAccount } from '../../src/db/accounts.ts'
import type { Database } from '../../src/db/client.ts'
import { type ActionOutcome, actOnMismatches, type PersonAction } from '../../src/db/mismatches/act.ts'
import {
  applyFindings,
  type Examined,
  listMismatches,
  type Mismatch,
  type MismatchChanges,
} from '../../src/db/mismatches.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { type Instant, toInstant } from '../../src/domain/clock.ts'
import type { Finding } from '../../src/domain/mismatch.ts'
import { createMigratedDatabase } from '../support/migrated-database.ts'

export const START = toInstant(Date.parse('2026-10-01T12:00:00Z'))
export const HOUR_MS = 3_600_000
export const hoursAfterStart = (hours: number): Instant => toInstant(START + hours * HOUR_MS)

/** A total that differs: 100.00 expected, and so many cents found. */
export function totalDiffers(batch: number | string, actualMinor: number, change: Partial<Finding> = {}): Finding {
  return {
    code: 'card_batch_total_differs',
    severity: 'critical',
    subject: { kind: 'card_batch', id: `${batch}:sales` },
    period: '',
    currency: 'CAD',
    expectedMinor: 10_000n,
    actualMinor: BigInt(actualMinor),
    expectedText: null,
    actualText: null,
    summary: `Batch ${batch}: Helcim states sales of 100.00 CAD, its transactions add up to something else.`,
    advice: 'Compare the batch report with the transactions of the batch.',
    evidence: [`card_batch:${batch}`],
    ...change,
  }
}

export const EVERYTHING: readonly Examined[] = [
  { codes: ['card_batch_total_differs', 'card_batch_open_too_long', 'record_changed'], subjectRoots: null },
]

export interface Books {
  readonly accountId: number
  /** A judging run that found this, in a transaction of its own. */
  run(
    findings: readonly Finding[],
    options?: { at?: Instant; examined?: readonly Examined[] },
  ): Promise<MismatchChanges>
  act(
    prefixes: readonly string[],
    action: PersonAction,
    options?: { at?: Instant; note?: string; actor?: string },
  ): Promise<ActionOutcome[]>
  /** All of the account, also what is resolved. */
  all(): Promise<Mismatch[]>
  /** The only one there is. */
  only(): Promise<Mismatch>
  /** What happened to each mismatch by its id, in order: `kind by actor`. */
  events(): Promise<Map<string, string[]>>
  countEvents(): Promise<number>
}

export interface TestDatabase extends Database {
  readonly url: string
  /** Of an account of its own. */
  openBooks(name?: string): Promise<Books>
  drop(): Promise<void>
}

export async function createDatabase(): Promise<TestDatabase> {
  const database = await createMigratedDatabase()
  return {
    ...database,
    openBooks: (accountName = randomUUID()) => openBooks(database, accountName),
  }
}

async function openBooks({ db }: Database, name: string): Promise<Books> {
  const { accountId } = await ensureAccount(db, {
    name,
    baseUrl: 'http://127.0.0.1:1/v2',
    tokenFingerprint: 'none',
    today: toBusinessDate('2026-10-01'),
    historyDays: 30,
  })
  const all = () => listMismatches(db, { accountId, filter: {}, order: 'age', now: START })
  return {
    accountId,
    run: (findings, { at = START, examined = EVERYTHING } = {}) =>
      db.transaction((tx) => applyFindings(tx, { accountId, findings, examined, now: at })),
    act: (prefixes, action, { at = START, note, actor = 'anna' } = {}) =>
      actOnMismatches(db, { accountId, prefixes, action, actor, note: note ?? null, now: at }),
    all,
    async only() {
      const found = await all()
      const [one] = found
      if (!one || found.length > 1) throw new Error(`${found.length} mismatches instead of one`)
      return one
    },
    async events() {
      const { rows } = await db.execute<{ mismatch_id: string; told: string[] }>(sql`
        select mismatch_id, array_agg(kind || ' by ' || actor order by event_id) as told
        from recon.mismatch_events where account_id = ${accountId} group by 1`)
      return new Map(rows.map((row) => [row.mismatch_id, row.told]))
    },
    async countEvents() {
      const { rows } = await db.execute<{ count: string }>(
        sql`select count(*) from recon.mismatch_events where account_id = ${accountId}`,
      )
      return Number(rows[0]?.count)
    },
  }
}
