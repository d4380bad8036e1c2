import { sql } from 'drizzle-orm'
import type { Tx } from '../client.ts'
import { interval } from './interval.ts'

/** A 401 that is not about a permission may be a hiccup; this many in a row are dead credentials. */
const UNAUTHORIZED_MAX = 3

/** `ownCallsAtMost`: what Helcim can have counted before this call, all whose window had not ended at its permit. */
export async function findKnown(
  tx: Tx,
  accountId: number,
  callId: bigint,
  minuteMs: number,
): Promise<{ ownCallsAtMost: number; foreign: number; isTrouble: boolean }> {
  const { rows } = await tx.execute<{ own: string; foreign: number; is_trouble: boolean }>(sql`
    select b.foreign_minute as foreign, b.count_rate_limited > 0 or b.count_unauthorized > 0 as is_trouble,
      (select count(*) from recon.calls other, recon.calls this
        where this.account_id = ${accountId} and this.call_id = ${callId}
          and other.account_id = ${accountId} and other.call_id <> this.call_id
          and other.counted_from > this.permitted_at - ${interval(minuteMs)}) as own
    from recon.budgets b where b.account_id = ${accountId}`)
  const [row] = rows
  if (!row) throw new Error(`account ${accountId} has no budget row`)
  return { ownCallsAtMost: Number(row.own), foreign: row.foreign, isTrouble: row.is_trouble }
}

/** The newest observation replaces older ones; per minute the highest is kept for the sum over the hour. */
export async function observeForeign(tx: Tx, accountId: number, foreign: number, minuteMs: number): Promise<void> {
  await tx.execute(sql`
    update recon.budgets set foreign_minute = ${foreign}, foreign_observed_at = clock_timestamp()
    where account_id = ${accountId} and (foreign_minute <> ${foreign} or ${foreign} > 0)`)
  if (foreign === 0) return
  const minute = sql`to_timestamp(floor(extract(epoch from clock_timestamp()) * 1000 / ${minuteMs}::float8) * ${minuteMs}::float8 / 1000)`
  await tx.execute(sql`
    insert into recon.foreign_use as f (account_id, minute_at, calls) values (${accountId}, ${minute}, ${foreign})
    on conflict (account_id, minute_at) do update set calls = greatest(f.calls, excluded.calls)`)
}

export async function closeAccount(
  tx: Tx,
  accountId: number,
  hit: string,
  pauseMsOf: (count: number) => number,
): Promise<void> {
  const { rows } = await tx.execute<{ count: number }>(sql`
    update recon.budgets set count_rate_limited = count_rate_limited + 1 where account_id = ${accountId}
    returning count_rate_limited as count`)
  const pauseMs = pauseMsOf(rows[0]?.count ?? 1)
  await tx.execute(sql`
    update recon.budgets set
      closed_until = greatest(closed_until, clock_timestamp() + ${interval(pauseMs)}),
      closed_reason = ${`Helcim answered 429: its ${hit} limit was reached`}
    where account_id = ${accountId}`)
}

export async function countUnauthorized(tx: Tx, accountId: number): Promise<void> {
  await tx.execute(sql`
    update recon.budgets set
      count_unauthorized = count_unauthorized + 1,
      stopped_at = case when count_unauthorized + 1 >= ${UNAUTHORIZED_MAX} then clock_timestamp() end,
      stop_reason = case when count_unauthorized + 1 >= ${UNAUTHORIZED_MAX}
        then 'Helcim does not accept the API token any more; set a valid HELCIM_API_TOKEN and restart' end
    where account_id = ${accountId}`)
}

export async function forgetTrouble(tx: Tx, accountId: number): Promise<void> {
  await tx.execute(sql`
    update recon.budgets set count_rate_limited = 0, count_unauthorized = 0, closed_until = null, closed_reason = null
    where account_id = ${accountId} and (count_rate_limited > 0 or count_unauthorized > 0)
      and (closed_until is null or closed_until <= clock_timestamp())`)
}
