import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { ensureAccount } from '../../src/db/accounts.ts'
import { storeCalibration } from '../../src/db/calibrations.ts'
import type { Database } from '../../src/db/client.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import type { RunScope } from '../../src/reconcile/judge-batches.ts'
import { type RunResult, runReconcile } from '../../src/reconcile/run.ts'
import { DEFAULT_CHECK_SETTINGS } from '../../src/reconcile/settings.ts'
import { createMigratedDatabase } from '../support/migrated-database.ts'

export const NOW = '2026-10-01T12:00:00Z'

export interface Shop {
  readonly accountId: number
  /** A closed batch without statistics, beyond the history that was asked for when `isOld`. @returns its id */
  addBatch(batch: { terminalId: number; number: number; isOld?: boolean }): Promise<bigint>
  /** A closed, empty batch of terminal 1 that a run finds to tie out for good; marked, as the mirror marks it. */
  addProvedBatch(number: number): Promise<void>
  /** Helcim was asked for a number, as `terminal:number`, and returned nothing. */
  answerNothing(subject: string): Promise<void>
  reconcile(scope: RunScope): Promise<RunResult>
  idOf(number: number): Promise<bigint>
  isProved(number: number): Promise<boolean>
  /** Of batches to be judged. */
  countMarks(): Promise<number>
}

export interface TestDatabase extends Database {
  /** An account of its own whose count rule is known. */
  openShop(): Promise<Shop>
  drop(): Promise<void>
}

/** A migrated database of this test file's own. */
export async function createDatabase(): Promise<TestDatabase> {
  const database = await createMigratedDatabase()
  return {
    ...database,
    openShop: () => openShop(database),
  }
}

async function openShop({ db }: Database): Promise<Shop> {
  const today = toBusinessDate('2026-10-01')
  const { accountId, historyFrom } = await ensureAccount(db, {
    name: randomUUID(),
    baseUrl: 'http://127.0.0.1:1/v2',
    tokenFingerprint: 'none',
    today,
    historyDays: 30,
  })
  const clock = createSimulatedClock(toInstant(Date.parse(NOW)), 1)
  const calibration = { rule: 'all', countAgreeing: 2, countTested: 2 } as const
  await storeCalibration(db, { accountId, calibration, now: clock.now() })
  let lastId = 0n

  async function addBatch(
    batch: { terminalId: number; number: number; isOld?: boolean },
    figure: number | null = null,
  ) {
    lastId += 1n
    const closedAt = sql`${NOW}::timestamptz - ${batch.isOld ? 60 : 1} * interval '1 day'`
    await db.execute(sql`
      insert into helcim.card_batches (account_id, card_batch_id, terminal_id, batch_number, is_closed, is_strictly_open,
        created_at, created_at_text, updated_at_text, closed_at, closed_at_text, net_minor, sales_minor, refunds_minor,
        reversed_minor, refunds_reversed_minor, count_total, count_approved, count_declined, raw, content_hash,
        observed_at, first_seen_at)
      values (${accountId}, ${lastId}, ${batch.terminalId}, ${batch.number}, true, false, ${closedAt}, '', '',
        ${closedAt}, '', ${figure}, ${figure}, ${figure}, ${figure}, ${figure}, ${figure}, ${figure}, ${figure}, '{}',
        ${randomUUID()}, ${closedAt}, ${closedAt})`)
    return lastId
  }

  const one = async (query: ReturnType<typeof sql>) => (await db.execute<{ value: unknown }>(query)).rows[0]?.value
  const idOf = async (number: number) =>
    BigInt(
      String(
        await one(sql`
          select card_batch_id as value from helcim.card_batches
          where account_id = ${accountId} and terminal_id = 1 and batch_number = ${number}`),
      ),
    )

  return {
    accountId,
    addBatch,
    async addProvedBatch(number) {
      const id = await addBatch({ terminalId: 1, number }, 0)
      await db.execute(sql`
        insert into recon.batch_checks (account_id, card_batch_id, statistics_since, statistics_until)
        select account_id, card_batch_id, closed_at, closed_at + interval '1 hour' from helcim.card_batches
        where account_id = ${accountId} and card_batch_id = ${id}`)
      await db.execute(sql`
        insert into recon.marks (account_id, subject_kind, subject_id) values (${accountId}, 'card_batch', ${String(id)})`)
    },
    async answerNothing(subject) {
      await db.execute(sql`
        insert into recon.pulls (account_id, resource, window_kind, subject, cause, call_class, state, started_at,
          finished_at, walk_started_at, page_limit, progress_at)
        values (${accountId}, 'card_batch', 'batch_number', ${subject}, ${randomUUID()}, 'detail', 'complete', ${NOW},
          ${NOW}, ${NOW}, 100, ${NOW})`)
    },
    reconcile: (scope) => runReconcile(db, { accountId, historyFrom, scope, settings: DEFAULT_CHECK_SETTINGS, clock }),
    idOf,
    isProved: async (number) =>
      (await one(sql`
        select is_final as value from recon.batch_checks
        where account_id = ${accountId} and card_batch_id = ${await idOf(number)}`)) === true,
    countMarks: async () =>
      Number(
        await one(sql`select count(*) as value from recon.marks
          where account_id = ${accountId} and subject_kind = 'card_batch'`),
      ),
  }
}
