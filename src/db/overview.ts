import { sql } from 'drizzle-orm'
import type { Tx } from './client.ts'

/** How much is mirrored, and what it cost. */
export interface Overview {
  readonly countTransactions: number
  readonly countBatches: number
  readonly countTerminals: number
  readonly countTied: number
  readonly countDiffering: number
  readonly countWaiting: number
  readonly countOpenBatches: number
  readonly firstDay: string | null
  readonly lastDay: string | null
  readonly countCalls: number
  readonly countRateLimited: number
  readonly countCallsLastMinute: number
  readonly countCallsLastHour: number
}

export async function loadOverview(
  tx: Tx,
  accountId: number,
  windows: { minuteMs: number; hourMs: number },
): Promise<Overview> {
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    select
      (select count(*) from helcim.card_transactions where account_id = ${accountId}) as transactions,
      (select count(*) from helcim.card_batches where account_id = ${accountId}) as batches,
      (select count(*) from helcim.card_batches where account_id = ${accountId} and not is_closed) as open_batches,
      (select count(*) from helcim.card_terminals where account_id = ${accountId}) as terminals,
      (select count(*) from recon.batch_checks where account_id = ${accountId} and state = 'tied') as tied,
      (select count(*) from recon.batch_checks where account_id = ${accountId} and state in ('differs', 'missing')) as differing,
      (select count(*) from recon.batch_checks where account_id = ${accountId} and state = 'waiting') as waiting,
      (select min(day)::text from recon.covered_days
        where account_id = ${accountId} and resource = 'card_transaction') as first_day,
      (select max(day)::text from recon.covered_days
        where account_id = ${accountId} and resource = 'card_transaction') as last_day,
      count(*) as calls,
      count(*) filter (where status = 429) as rate_limited,
      count(*) filter (where counted_from > clock_timestamp() - make_interval(secs => ${windows.minuteMs / 1000})) as minute,
      count(*) filter (where counted_from > clock_timestamp() - make_interval(secs => ${windows.hourMs / 1000})) as hour
    from recon.calls where account_id = ${accountId}`)
  const [row = {}] = rows
  const count = (name: string) => Number(row[name] ?? 0)
  return {
    countTransactions: count('transactions'),
    countBatches: count('batches'),
    countOpenBatches: count('open_batches'),
    countTerminals: count('terminals'),
    countTied: count('tied'),
    countDiffering: count('differing'),
    countWaiting: count('waiting'),
    firstDay: row.first_day ?? null,
    lastDay: row.last_day ?? null,
    countCalls: count('calls'),
    countRateLimited: count('rate_limited'),
    countCallsLastMinute: count('minute'),
    countCallsLastHour: count('hour'),
  }
}
