import { setImmediate } from 'node:timers/promises'
import { type SQL, sql } from 'drizzle-orm'
import type { BatchRows } from '../domain/batch-tie-out.ts'
import type { BatchStatistics } from '../domain/card-batch.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import type { HelcimId } from '../domain/record.ts'
import { type BatchReverses, loadReversedGroups } from './batch-reverses.ts'
import { type Sums, sumUp } from './batch-sums.ts'
import type { Sessions, Tx } from './client.ts'
import { arrayOf } from './sql-values.ts'

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

/** Which batches a statement looks at: a condition on the column that holds their id. */
type Choice = (column: SQL) => SQL

/** So many that a range takes Postgres much longer than to begin with it, so few that two sessions end together. */
export const BATCHES_PER_RANGE = 500

interface Asked {
  readonly accountId: number
  readonly choice: Choice
  /** A condition on the transactions that count. */
  readonly rowsUpTo: SQL
}

/**
 * Sums up batches over the covering index. Rows that vanished at Helcim do not count.
 * @param upTo the last transaction that counts; all where not given
 * @returns by id, ascending
 */
export async function loadBatchFacts(
  tx: Tx,
  accountId: number,
  cardBatchIds: readonly HelcimId[],
  upTo?: HelcimId,
): Promise<BatchFacts[]> {
  if (cardBatchIds.length === 0) return []
  const rowsUpTo = upTo === undefined ? sql`` : sql`and transaction_id <= ${upTo}`
  return loadFacts(tx, { accountId, choice: chooseListed(cardBatchIds), rowsUpTo })
}

/**
 * The same of all batches of an account, range by range.
 * @param sessions what they sum up at once keeps several cores busy
 */
export async function loadAllBatchFacts(sessions: Sessions, accountId: number): Promise<BatchFacts[]> {
  // One iterator for all sessions: each takes the next range that nobody has.
  const ranges = (await chooseRanges(sessions[0], accountId)).entries()
  const facts: BatchFacts[][] = []
  const sumUpRanges = async (tx: Tx) => {
    for (const [at, choice] of ranges) facts[at] = await loadFacts(tx, { accountId, choice, rowsUpTo: sql`` })
  }
  await Promise.all(sessions.map(sumUpRanges))
  return facts.flat()
}

async function loadFacts(tx: Tx, { accountId, choice, rowsUpTo }: Asked): Promise<BatchFacts[]> {
  const { rows } = await tx.execute<FactsRow>(factsOf({ accountId, choice, rowsUpTo }))
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

const chooseListed =
  (ids: readonly HelcimId[]): Choice =>
  (column) =>
    sql`and ${column} = any(${arrayOf(ids)}::bigint[])`

/** Ranges with no end but what the next begins with, so that each batch is in one, whether Helcim lists it or not. */
async function chooseRanges(tx: Tx, accountId: number): Promise<Choice[]> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    select card_batch_id as id from (
      select card_batch_id, row_number() over (order by card_batch_id) as place
      from helcim.card_batches where account_id = ${accountId}
    ) b where place % ${BATCHES_PER_RANGE}::int = 0 order by id`)
  const ends = [...rows.map(({ id }) => BigInt(id)), null]
  return ends.map((upTo, index) => {
    const above = index === 0 ? null : (ends[index - 1] ?? null)
    return (column) => sql`
      ${above === null ? sql`` : sql`and ${column} > ${above}`} ${upTo === null ? sql`` : sql`and ${column} <= ${upTo}`}`
  })
}

const CHECK_TIMES = [
  'statistics_since',
  'statistics_until',
  'rows_read_from',
  'rows_read_until',
  'tail_read_from',
  'judged_since',
] as const

/** Seconds instead of text: writing and reading a dozen dates of each batch took longer than joining it. */
const epochOf = (table: string, columns: readonly string[]): SQL =>
  sql.raw(columns.map((column) => `date_part('epoch', ${table}.${column}) as ${column}`).join(', '))

/** To the millisecond below, as dates of a text are read. */
const instantAt = (seconds: number | null | undefined): Instant | null =>
  seconds === null || seconds === undefined ? null : toInstant(Math.floor(Math.round(seconds * 1e6) / 1e3))

const factsOf = ({ accountId, choice, rowsUpTo }: Asked): SQL => sql`
    with grouped as (
      select card_batch_id, type, outcome, currency, count(*) as n, sum(amount_minor) as amount, max(created_at) as last_at
      from helcim.card_transactions
      where account_id = ${accountId} and card_batch_id is not null and vanished_at is null ${choice(sql`card_batch_id`)}
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
      s.composition, s.amounts, b.card_batch_id as known_id, b.terminal_id, b.batch_number, b.is_closed,
      ${epochOf('b', ['created_at', 'updated_at', 'closed_at', 'vanished_at'])},
      b.net_minor, b.sales_minor, b.refunds_minor, b.reversed_minor, b.refunds_reversed_minor,
      b.count_total, b.count_approved, b.count_declined, t.currency,
      case when s.last_at > b.closed_at then (
        select count(*) from helcim.card_transactions l
        where l.account_id = ${accountId} and l.card_batch_id = b.card_batch_id and l.vanished_at is null
          and l.created_at > b.closed_at) else 0 end as count_late,
      c.card_batch_id as checked_id, c.state, c.is_final, c.complete_up_to, c.final_fingerprint, c.reverses_up_to,
      ${epochOf('c', CHECK_TIMES)},
      -- In the same statement: who stores a row meanwhile marks its batch with it.
      date_part('epoch', greatest(c.moved_at, m.moved_at)) as moved_at
    from (select * from helcim.card_batches where account_id = ${accountId} ${choice(sql`card_batch_id`)}) b
    full join summed s on s.card_batch_id = b.card_batch_id
    full join (select * from recon.batch_checks where account_id = ${accountId} ${choice(sql`card_batch_id`)}) c
      on c.card_batch_id = coalesce(b.card_batch_id, s.card_batch_id)
    -- Lateral with an offset: marks are few or many, and the planner never knows.
    left join lateral (
      select moved_at from recon.marks where account_id = ${accountId} and subject_kind = 'card_batch'
        and subject_id = coalesce(b.card_batch_id, s.card_batch_id, c.card_batch_id)::text offset 0
    ) m on true
    left join helcim.card_terminals t on t.account_id = ${accountId} and t.terminal_id = b.terminal_id
    order by batch_id`

const holdsReversesAndOthers = ({ composition }: FactsRow): boolean =>
  composition?.includes('["reverse", "approved"') === true && /\["(refund|preauth)", "approved"/.test(composition)

type FactsRow = Record<string, string | null> & {
  batch_id: string
  is_closed: boolean | null
  is_final: boolean | null
  currency: string | null
  composition: string | null
  amounts: string | null
} & Record<
    `${string}_at` | `${string}_since` | 'statistics_until' | 'rows_read_from' | 'rows_read_until' | 'tail_read_from',
    number | null
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
    movedAt: instantAt(row.moved_at),
    check: row.checked_id === null || row.checked_id === undefined ? null : checkOf(row),
  }
}

function batchOf(row: FactsRow): BatchFacts['batch'] {
  return {
    terminalId: BigInt(row.terminal_id ?? 0),
    batchNumber: BigInt(row.batch_number ?? 0),
    isClosed: row.is_closed === true,
    createdAt: instantAt(row.created_at),
    updatedAt: instantAt(row.updated_at),
    closedAt: instantAt(row.closed_at),
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
    statisticsSince: instantAt(row.statistics_since),
    statisticsUntil: instantAt(row.statistics_until),
    rowsReadFrom: instantAt(row.rows_read_from),
    rowsReadUntil: instantAt(row.rows_read_until),
    tailReadFrom: instantAt(row.tail_read_from),
    completeUpTo: row.complete_up_to ? BigInt(row.complete_up_to) : null,
    finalFingerprint: row.final_fingerprint ?? null,
    reversesUpTo: row.reverses_up_to ? BigInt(row.reverses_up_to) : null,
    judgedSince: instantAt(row.judged_since),
  }
}
