import { sql } from 'drizzle-orm'
import { type CallUsage, LONG_RUNNING_MS } from '../../domain/call-budget.ts'
import type { Tx } from '../client.ts'
import { interval } from './interval.ts'

/** Counts what stands against the limits; a statement of its own, so that it sees what the lock's last holder wrote. */
export async function countUsage(
  tx: Tx,
  accountId: number,
  minuteMs: number,
  hourMs: number,
): Promise<CallUsage & { closedMs: number; closedReason: string | null; stopReason: string | null }> {
  const { rows } = await tx.execute<Record<string, string | number | null>>(sql`
    with present as materialized (select clock_timestamp() as now)
    select
      (select count(*) from recon.calls c, present p
        where c.account_id = ${accountId} and c.occupied_until > p.now) as running,
      (select count(*) from recon.calls c, present p
        where c.account_id = ${accountId} and c.occupied_until > p.now
          and c.permitted_at < p.now - ${interval(LONG_RUNNING_MS)}) as running_long,
      (select count(*) from recon.calls c, present p
        where c.account_id = ${accountId} and c.counted_from > p.now - ${interval(minuteMs)}) as minute,
      (select count(*) from recon.calls c, present p
        where c.account_id = ${accountId} and c.counted_from > p.now - ${interval(hourMs)}) as hour,
      (select avg(c.duration_ms) from recon.calls c, present p
        where c.account_id = ${accountId} and c.counted_from > p.now - ${interval(minuteMs)}
          and c.end_kind = 'answered') as mean_duration_ms,
      (select sum(f.calls) from recon.foreign_use f, present p
        where f.account_id = ${accountId} and f.minute_at > p.now - ${interval(hourMs)}) as foreign_hour,
      case when b.foreign_observed_at > p.now - ${interval(minuteMs)} then b.foreign_minute else 0 end as foreign_minute,
      extract(epoch from b.closed_until - p.now) * 1000 as closed_ms,
      b.closed_reason, b.stop_reason, b.count_rate_limited, b.count_unauthorized
    from recon.budgets b, present p where b.account_id = ${accountId}`)
  const [row] = rows
  if (!row) throw new Error(`account ${accountId} has no budget row`)
  return {
    running: Number(row.running),
    runningLong: Number(row.running_long),
    minute: Number(row.minute),
    hour: Number(row.hour),
    foreignMinute: Number(row.foreign_minute),
    foreignHour: Number(row.foreign_hour ?? 0),
    meanDurationMs: row.mean_duration_ms === null ? null : Number(row.mean_duration_ms),
    countRateLimited: Number(row.count_rate_limited),
    countUnauthorized: Number(row.count_unauthorized),
    closedMs: Number(row.closed_ms ?? 0),
    closedReason: row.closed_reason === null ? null : String(row.closed_reason),
    stopReason: row.stop_reason === null ? null : String(row.stop_reason),
  }
}

/** Real milliseconds until `expiring` own calls have left the window; a whole window's hundredth where none is left. */
export async function untilExpired(tx: Tx, accountId: number, expiring: number, windowMs: number): Promise<number> {
  if (expiring === 0) return windowMs / 100
  const { rows } = await tx.execute<{ delay_ms: string }>(sql`
    -- Asked once: a clock that may tell each row another time finds nothing by the index.
    with present as materialized (select clock_timestamp() as now)
    select extract(epoch from counted_from + ${interval(windowMs)} - (select now from present)) * 1000 as delay_ms
    from recon.calls
    where account_id = ${accountId} and counted_from > (select now from present) - ${interval(windowMs)}
    order by counted_from offset ${expiring - 1} limit 1`)
  return Math.max(1, Number(rows[0]?.delay_ms ?? 1))
}

/** Why no call is made any more; null while calls are made. */
export async function loadStopReason(tx: Tx, accountId: number): Promise<string | null> {
  const { rows } = await tx.execute<{ stop_reason: string | null }>(sql`
    select stop_reason from recon.budgets where account_id = ${accountId}`)
  return rows[0]?.stop_reason ?? null
}
