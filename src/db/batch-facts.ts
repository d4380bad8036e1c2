import { setImmediate } from 'node:timers/promises'
import { type SQL, sql } from 'drizzle-orm'
import type { BatchRows, TypeCounts } from '../domain/batch-tie-out.ts'
import type { BatchStatistics } from '../domain/card-batch.ts'
import type { Instant } from '../domain/clock.ts'
import type { HelcimId } from '../domain/record.ts'
import { type BatchReverses, loadReversedGroups } from './batch-reverses.ts'
import type { Tx } from './client.ts'
import { arrayOf, instantOf } from './sql-values.ts'

export type BatchState = 'waiting' | 'tied' | 'differs' | 'missing'

/** All that is known about one card batch: what Helcim states, what its rows say, and how far both were read. */
export interface BatchFacts {
  readonly cardBatchId: HelcimId
  /** null: transactions name the batch, but Helcim has not returned it (yet). */
  readonly batch: {
    readonly terminalId: HelcimId
    readonly batchNumber: bigint
    readonly isClosed: boolean
    readonly createdAt: Instant | null
    /** When Helcim last took something into it, by its own word. */
    readonly updatedAt: Instant | null
    readonly closedAt: Instant | null
    /** The terminal's; null when the terminal is not mirrored. */
    readonly currency: string | null
    readonly statistics: BatchStatistics | null
    readonly isVanished: boolean
  } | null
  readonly rows: BatchRows
  /** Of those that may have voided something else than a sale; 0 where there is none. */
  readonly newestReverseId: HelcimId
  readonly currencies: readonly string[]
  /** All approved sales, captures, refunds and reverses, gross. */
  readonly moneyByCurrency: readonly { readonly currency: string; readonly count: number; readonly minor: bigint }[]
  /** Number and sum of the rows of each type, outcome and currency, as one text; null without rows. */
  readonly composition: string | null
  /** Rows created after the batch closed. */
  readonly countLate: number
  /** When a row of it, or the batch, was last stored as it was not before, by whichever reading; null if that is not known. */
  readonly movedAt: Instant | null
  readonly check: {
    readonly state: BatchState
    readonly isFinal: boolean
    readonly statisticsSince: Instant | null
    readonly statisticsUntil: Instant | null
    readonly rowsReadFrom: Instant | null
    readonly rowsReadUntil: Instant | null
    readonly tailReadFrom: Instant | null
    /** Up to this id the rows are all here. */
    readonly completeUpTo: HelcimId | null
    readonly finalFingerprint: string | null
    /** The newest reverse among the rows that tied out; null: judged by an older version. */
    readonly reversesUpTo: HelcimId | null
    /** Since when the statistics stood that it judged; null likewise. */
    readonly judgedSince: Instant | null
  } | null
}

/**
 * Sums up batches in one pass over the covering index. Rows that vanished at Helcim do not count.
 * @param cardBatchIds the batches to look at, or null for all of the account
 * @param upTo the last transaction that counts; all where not given
 */
export async function loadBatchFacts(
  tx: Tx,
  accountId: number,
  cardBatchIds: readonly HelcimId[] | null,
  upTo?: HelcimId,
): Promise<BatchFacts[]> {
  if (cardBatchIds?.length === 0) return []
  const onlyThese = (column: SQL) =>
    cardBatchIds === null ? sql`` : sql`and ${column} = any(${arrayOf(cardBatchIds)}::bigint[])`
  const rowsUpTo = upTo === undefined ? sql`` : sql`and transaction_id <= ${upTo}`
  const statement = sql`
    with grouped as (
      select card_batch_id, type, outcome, currency, count(*) as n, sum(amount_minor) as amount, max(created_at) as last_at
      from helcim.card_transactions
      where account_id = ${accountId} and card_batch_id is not null and vanished_at is null ${onlyThese(sql`card_batch_id`)}
        ${rowsUpTo}
      group by card_batch_id, type, outcome, currency
    ), summed as (
      -- Few rows per batch are left: the figures are drawn from them in code, which is quicker than a dozen filtered sums.
      select card_batch_id,
        json_agg(json_build_array(type, outcome, currency, n, amount) order by type, outcome, currency)::text as composition,
        string_agg(amount::text, ',' order by type, outcome, currency) as amounts, max(last_at) as last_at
      from grouped group by card_batch_id
    )
    select coalesce(b.card_batch_id, s.card_batch_id, c.card_batch_id) as batch_id,
      s.*, b.card_batch_id as known_id, b.terminal_id, b.batch_number, b.is_closed, b.created_at, b.updated_at, b.closed_at,
      b.net_minor, b.sales_minor, b.refunds_minor, b.reversed_minor, b.refunds_reversed_minor,
      b.count_total, b.count_approved, b.count_declined, b.vanished_at, t.currency,
      case when s.last_at > b.closed_at then (
        select count(*) from helcim.card_transactions l
        where l.account_id = ${accountId} and l.card_batch_id = b.card_batch_id and l.vanished_at is null
          and l.created_at > b.closed_at) else 0 end as count_late,
      c.card_batch_id as checked_id, c.state, c.is_final, c.statistics_since, c.statistics_until, c.rows_read_from,
      c.rows_read_until, c.tail_read_from, c.complete_up_to, c.final_fingerprint, c.reverses_up_to,
      c.judged_since,
      -- In the same statement: who stores a row meanwhile marks its batch with it.
      greatest(c.moved_at, m.moved_at) as moved_at
    from (select * from helcim.card_batches where account_id = ${accountId} ${onlyThese(sql`card_batch_id`)}) b
    full join summed s on s.card_batch_id = b.card_batch_id
    full join (select * from recon.batch_checks where account_id = ${accountId} ${onlyThese(sql`card_batch_id`)}) c
      on c.card_batch_id = coalesce(b.card_batch_id, s.card_batch_id)
    -- Lateral with an offset: marks are few or many, and the planner never knows.
    left join lateral (
      select moved_at from recon.marks where account_id = ${accountId} and subject_kind = 'card_batch'
        and subject_id = coalesce(b.card_batch_id, s.card_batch_id, c.card_batch_id)::text offset 0
    ) m on true
    left join helcim.card_terminals t on t.account_id = ${accountId} and t.terminal_id = b.terminal_id
    order by batch_id`
  const ask = () => tx.execute<FactsRow>(statement)
  const { rows } = await (cardBatchIds === null ? withWorkersFavoured(tx, ask) : ask())
  const mixedIds = rows.filter(holdsReversesAndOthers).map((row) => BigInt(row.batch_id))
  const [reverses, summed] = await Promise.all([
    loadReversedGroups(tx, { accountId, cardBatchIds: mixedIds, rowsUpTo }),
    sumUpAll(rows),
  ])
  return summed.map(({ row, sums }) => toFacts(row, sums, reverses))
}

/** Adds up while Postgres is at work on what was asked of it last. */
async function sumUpAll(rows: readonly FactsRow[]): Promise<{ row: FactsRow; sums: Sums }[]> {
  await setImmediate()
  return rows.map((row) => ({ row, sums: sumUp(row) }))
}

const holdsReversesAndOthers = ({ composition }: FactsRow): boolean =>
  composition?.includes('["reverse", "approved"') === true && /\["(refund|preauth)", "approved"/.test(composition)

/**
 * Has the workers of a parallel query cost nothing for what is asked, within a transaction; outside of one it changes
 * nothing. Postgres expects a group of every tenth row, as it does not know that types, outcomes and currencies are few in
 * a batch, and would rather sum alone than fetch so many groups from workers. For that statement only: another one of the
 * transaction was planned to start workers for each of its rows, and took minutes.
 */
async function withWorkersFavoured<T>(tx: Tx, ask: () => Promise<T>): Promise<T> {
  await tx.execute(sql`
    select set_config('parallel_tuple_cost', '0', true), set_config('parallel_setup_cost', '0', true)`)
  const answer = await ask()
  await tx.execute(sql`set local parallel_tuple_cost to default`)
  await tx.execute(sql`set local parallel_setup_cost to default`)
  return answer
}

interface Sums {
  salesMinor: bigint
  refundsMinor: bigint
  reversesMinor: bigint
  countReverses: number
  /** Refunds and preauths, which a reverse can have voided as well as a sale. */
  countOtherOriginals: number
  readonly counts: Readonly<Record<keyof BatchRows['counts'], Record<keyof TypeCounts, number>>>
  readonly currencies: readonly string[]
  readonly money: Map<string, { count: number; minor: bigint }>
}

/** Approved rows of these moved money. */
export const MONEY_TYPES: readonly string[] = ['purchase', 'capture', 'refund', 'reverse']

/** Sums never cross currencies: a row in another one than the terminal's counts, but is in no figure. */
function sumUp({ composition, amounts, currency: terminalCurrency }: FactsRow): Sums {
  const groups = JSON.parse(composition ?? '[]') as [type: string, outcome: string, currency: string, n: number][]
  // Amounts again, as text: JSON would have made doubles of them.
  const amountsMinor = amounts?.split(',').map(BigInt) ?? []
  const noRows = () => ({ approved: 0, declined: 0, unknown: 0 })
  const sums: Sums = {
    salesMinor: 0n,
    refundsMinor: 0n,
    reversesMinor: 0n,
    countReverses: 0,
    countOtherOriginals: 0,
    counts: { preauth: noRows(), verify: noRows(), other: noRows() },
    currencies: [...new Set(groups.map(([, , currency]) => currency))].sort(),
    money: new Map(),
  }
  for (const [index, [type, outcome, currency, n]] of groups.entries()) {
    const counts = type === 'preauth' || type === 'verify' ? sums.counts[type] : sums.counts.other
    if (outcome === 'approved' || outcome === 'declined' || outcome === 'unknown') counts[outcome] += n
    if (outcome === 'approved' && MONEY_TYPES.includes(type)) {
      const { count, minor } = sums.money.get(currency) ?? { count: 0, minor: 0n }
      sums.money.set(currency, { count: count + n, minor: minor + (amountsMinor[index] ?? 0n) })
    }
    if (outcome === 'approved' && (terminalCurrency === null || currency === terminalCurrency)) {
      addMoney(sums, type, n, amountsMinor[index] ?? 0n)
    }
  }
  return sums
}

function addMoney(sums: Sums, type: string, n: number, amountMinor: bigint): void {
  switch (type) {
    case 'purchase':
    case 'capture':
      sums.salesMinor += amountMinor
      break
    case 'refund':
      sums.refundsMinor += amountMinor
      sums.countOtherOriginals += n
      break
    case 'preauth':
      sums.countOtherOriginals += n
      break
    case 'reverse':
      sums.reversesMinor += amountMinor
      sums.countReverses += n
      break
  }
}

type FactsRow = Record<string, string | null> & {
  batch_id: string
  is_closed: boolean | null
  is_final: boolean | null
  currency: string | null
  composition: string | null
  amounts: string | null
} & Record<
    `${string}_at` | `${string}_since` | 'statistics_until' | 'rows_read_from' | 'rows_read_until' | 'tail_read_from',
    string | null
  >

function toFacts(row: FactsRow, sums: Sums, reverses: ReadonlyMap<HelcimId, BatchReverses>): BatchFacts {
  const cardBatchId = BigInt(row.batch_id)
  const own = sums.countOtherOriginals === 0 ? undefined : reverses.get(cardBatchId)
  const plainGroup = { amountMinor: sums.reversesMinor, reverses: 1, sales: 1, refunds: 0, preauths: 0 }
  return {
    cardBatchId,
    batch: row.known_id === null || row.known_id === undefined ? null : batchOf(row),
    rows: {
      salesMinor: sums.salesMinor,
      refundsMinor: sums.refundsMinor,
      reverseGroups: sums.countReverses === 0 ? [] : (own?.groups ?? [plainGroup]),
      counts: sums.counts,
    },
    newestReverseId: own?.newestId ?? 0n,
    moneyByCurrency: [...sums.money].map(([currency, money]) => ({ currency, ...money })),
    currencies: sums.currencies,
    composition: row.composition ?? null,
    countLate: Number(row.count_late ?? 0),
    movedAt: instantOf(row.moved_at),
    check: row.checked_id === null || row.checked_id === undefined ? null : checkOf(row),
  }
}

function batchOf(row: FactsRow): BatchFacts['batch'] {
  return {
    terminalId: BigInt(row.terminal_id ?? 0),
    batchNumber: BigInt(row.batch_number ?? 0),
    isClosed: row.is_closed === true,
    createdAt: instantOf(row.created_at),
    updatedAt: instantOf(row.updated_at),
    closedAt: instantOf(row.closed_at),
    currency: row.currency ?? null,
    statistics: statisticsOf(row),
    isVanished: row.vanished_at !== null,
  }
}

function statisticsOf(row: FactsRow): BatchStatistics | null {
  if (row.net_minor === null || row.net_minor === undefined || row.count_total === null) return null
  return {
    amounts: {
      net: BigInt(row.net_minor),
      sales: BigInt(row.sales_minor ?? 0),
      refunds: BigInt(row.refunds_minor ?? 0),
      reversed: BigInt(row.reversed_minor ?? 0),
      refundsReversed: BigInt(row.refunds_reversed_minor ?? 0),
    },
    counts: {
      total: Number(row.count_total),
      approved: Number(row.count_approved),
      declined: Number(row.count_declined),
    },
  }
}

function checkOf(row: FactsRow): BatchFacts['check'] {
  return {
    state: (row.state ?? 'waiting') as BatchState,
    isFinal: row.is_final === true,
    statisticsSince: instantOf(row.statistics_since),
    statisticsUntil: instantOf(row.statistics_until),
    rowsReadFrom: instantOf(row.rows_read_from),
    rowsReadUntil: instantOf(row.rows_read_until),
    tailReadFrom: instantOf(row.tail_read_from),
    completeUpTo: row.complete_up_to ? BigInt(row.complete_up_to) : null,
    finalFingerprint: row.final_fingerprint ?? null,
    reversesUpTo: row.reverses_up_to ? BigInt(row.reverses_up_to) : null,
    judgedSince: instantOf(row.judged_since),
  }
}
