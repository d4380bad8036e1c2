import { and, eq, isNull, sql } from 'drizzle-orm'
import type { BusinessDate } from '../domain/calendar.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import type { Tx } from './client.ts'
import { backfills } from './schema/backfills.ts'

export interface Backfill {
  readonly backfillId: bigint
  readonly resource: string
  readonly from: BusinessDate
  readonly to: BusinessDate
  /** Days last read before this instant are read once more; null where a day read once is enough. */
  readonly againSince: Instant | null
}

/** Takes up the backfill of these days that was cut off, or begins one. */
export async function openBackfill(
  tx: Tx,
  input: {
    accountId: number
    resource: string
    from: BusinessDate
    to: BusinessDate
    isAgain: boolean
    now: Instant
  },
): Promise<Backfill> {
  const { accountId, resource, from, to, isAgain, now } = input
  await tx
    .insert(backfills)
    .values({ accountId, resource, fromDate: from, toDate: to, isAgain, askedAt: new Date(now) })
    .onConflictDoNothing()
  const [row] = await tx
    .select()
    .from(backfills)
    .where(
      and(
        eq(backfills.accountId, accountId),
        eq(backfills.resource, resource),
        eq(backfills.fromDate, from),
        eq(backfills.toDate, to),
        eq(backfills.isAgain, isAgain),
        isNull(backfills.finishedAt),
      ),
    )
  if (!row) throw new Error(`backfill of ${resource} from ${from} to ${to} neither begun nor found`)
  const { backfillId, askedAt } = row
  return { backfillId, resource, from, to, againSince: isAgain ? toInstant(askedAt.getTime()) : null }
}

export async function finishBackfill(
  tx: Tx,
  { accountId, backfillId, now }: { accountId: number; backfillId: bigint; now: Instant },
): Promise<void> {
  await tx
    .update(backfills)
    .set({ finishedAt: new Date(now) })
    .where(and(eq(backfills.accountId, accountId), eq(backfills.backfillId, backfillId), isNull(backfills.finishedAt)))
}

/** Rows that each Mountain day holds as batches count them, by the day on which a batch began; none where none is known. */
export async function countRowsByDay(tx: Tx, accountId: number): Promise<Map<BusinessDate, number>> {
  const { rows } = await tx.execute<{ day: string; count: string }>(sql`
    select to_char(created_at at time zone ${HELCIM_ZONE}, 'YYYY-MM-DD') as day, sum(count_total) as count
    from helcim.card_batches
    where account_id = ${accountId} and created_at is not null and count_total is not null
    group by 1`)
  return new Map(rows.map(({ day, count }) => [day as BusinessDate, Number(count)]))
}
