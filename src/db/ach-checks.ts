import { type SQL, sql } from 'drizzle-orm'
import { ACH_FIGURES, type AchFigure } from '../domain/ach.ts'
import type { AchBatchFacts, AchRow } from '../domain/ach-judgement.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import { toInstant } from '../domain/clock.ts'
import type { HelcimId } from '../domain/record.ts'
import { type Row, textOf, timeOf } from './card-money/card-row.ts'
import type { Tx } from './client.ts'
import { arrayOf } from './sql-values.ts'

const TYPE_OF: Readonly<Record<AchFigure, string>> = {
  withdrawals: 'WITHDRAWAL',
  deposits: 'DEPOSIT',
  reversed: 'REVERSE',
  refunded: 'REFUND',
}

/** @param ids null for all batches */
export async function loadAchBatches(
  tx: Tx,
  { accountId, ids }: { accountId: number; ids: readonly HelcimId[] | null },
): Promise<AchBatchFacts[]> {
  if (ids?.length === 0) return []
  const only = ids === null ? sql`true` : sql`ach_batch_id = any(${arrayOf(ids)}::bigint[])`
  const sums = sql.raw(
    ACH_FIGURES.map((figure) => {
      const isOne = `filter (where type = '${TYPE_OF[figure]}' and status_auth = 'APPROVED')`
      return `coalesce(sum(amount_minor) ${isOne}, 0) as sum_${figure}, count(*) ${isOne} as n_${figure}`
    }).join(', '),
  )
  const { rows } = await tx.execute<Row>(sql`
    select b.*, s.*, b.ach_batch_id as id from helcim.ach_batches b
    left join (
      select ach_batch_id, string_agg(distinct currency, ',' order by currency) as currencies, ${sums}
      from helcim.ach_transactions
      where account_id = ${accountId} and ach_batch_id is not null and vanished_at is null and ${only} group by 1
    ) s on s.ach_batch_id = b.ach_batch_id
    where b.account_id = ${accountId} and b.vanished_at is null and ${ids === null ? sql`true` : sql`b.ach_batch_id = any(${arrayOf(ids)}::bigint[])`}
    order by b.ach_batch_id`)
  return rows.map((row) => ({
    achBatchId: BigInt(String(row.id)),
    isClosed: row.status === 'CLOSED',
    openedAt: timeOf(row.opened_at),
    closedAt: timeOf(row.closed_at),
    stated: figuresOf((figure) => [row[`${figure}_minor`], row[`count_${figure}`]]),
    summed: figuresOf((figure) => [row[`sum_${figure}`], row[`n_${figure}`]]),
    currencies: textOf(row.currencies)?.split(',') ?? [],
  }))
}

function figuresOf(valuesOf: (figure: AchFigure) => readonly (Row[string] | undefined)[]): AchBatchFacts['stated'] {
  const of = (figure: AchFigure) => {
    const [minor, count] = valuesOf(figure)
    return { minor: BigInt(String(minor ?? 0)), count: Number(count ?? 0) }
  }
  return {
    withdrawals: of('withdrawals'),
    deposits: of('deposits'),
    reversed: of('reversed'),
    refunded: of('refunded'),
  }
}

/**
 * Bank payments that may have come to something: those under way, and those that failed.
 * @param ids null for all
 */
export async function loadAchRows(
  tx: Tx,
  { accountId, ids }: { accountId: number; ids: readonly HelcimId[] | null },
): Promise<AchRow[]> {
  if (ids?.length === 0) return []
  const only = ids === null ? sql`true` : sql`t.ach_transaction_id = any(${arrayOf(ids)}::bigint[])`
  return selectAchRows(tx, accountId, sql`${only} and ${isUnsettled}`)
}

/** Approved bank payments: those of batches, or of all of them and of none that were made since a day. */
export interface AchChoice {
  readonly accountId: number
  /** null for all. */
  readonly achBatchIds: readonly HelcimId[] | null
  readonly from: BusinessDate
}

/** What they come to, gross, by batch and currency. */
export async function sumAchMoney(
  tx: Tx,
  choice: AchChoice,
): Promise<{ achBatchId: HelcimId | null; currency: string; count: number; minor: bigint }[]> {
  const { rows } = await tx.execute<Row>(sql`
    select t.ach_batch_id, t.currency, count(*) as count, sum(t.amount_minor) as minor from helcim.ach_transactions t
    where t.account_id = ${choice.accountId} and t.vanished_at is null and ${isChosen(choice)} group by 1, 2`)
  return rows.map((row) => ({
    achBatchId: idOf(row.ach_batch_id),
    currency: String(row.currency),
    count: Number(row.count),
    minor: BigInt(String(row.minor)),
  }))
}

/** Those of them that may end otherwise than their batch: under way or come back, or among these ids. */
export const loadOwnAchRows = (
  tx: Tx,
  { namedIds, ...choice }: AchChoice & { namedIds: readonly HelcimId[] },
): Promise<AchRow[]> =>
  selectAchRows(
    tx,
    choice.accountId,
    sql`${isChosen(choice)} and (${isUnsettled} or t.ach_transaction_id = any(${arrayOf(namedIds)}::bigint[]))`,
  )

const isChosen = ({ achBatchIds, from }: AchChoice): SQL => sql`t.status_auth = 'APPROVED'
  and t.type in (${sql.raw(
    Object.values(TYPE_OF)
      .map((type) => `'${type}'`)
      .join(', '),
  )})
  and ${
    achBatchIds === null
      ? sql`(t.ach_batch_id is not null or t.created_on >= ${from}::date)`
      : sql`t.ach_batch_id = any(${arrayOf(achBatchIds)}::bigint[])`
  }`

const isUnsettled = sql.raw(`(t.status_clearing in ('REJECTED', 'CONTESTED', 'RETURNED')
  or (t.status_auth = 'APPROVED' and t.status_clearing = 'OPENED'))`)

const idOf = (value: Row[string] | undefined): HelcimId | null =>
  value === null || value === undefined ? null : BigInt(String(value))

async function selectAchRows(tx: Tx, accountId: number, where: SQL): Promise<AchRow[]> {
  const { rows } = await tx.execute<Row>(sql`
    select t.ach_transaction_id, t.ach_batch_id, t.type, t.status_auth, t.status_clearing, t.amount_minor, t.currency,
      t.created_on::text as created_day, greatest(t.observed_at, c.read_at) as read_at, exists (
        select from helcim.record_versions v
        where v.account_id = t.account_id and v.resource = 'ach_transaction' and v.record_id = t.ach_transaction_id
          and v.changed is not null and v.changed->>'status_clearing' = 'CLEARED') as was_cleared
    from helcim.ach_transactions t
    left join recon.covered_days c on c.account_id = t.account_id and c.resource = 'ach_transaction' and c.day = t.created_on
    where t.account_id = ${accountId} and t.vanished_at is null and ${where}
    order by t.ach_transaction_id`)
  return rows.map((row) => ({
    achTransactionId: BigInt(String(row.ach_transaction_id)),
    achBatchId: idOf(row.ach_batch_id),
    type: String(row.type),
    statusAuth: String(row.status_auth),
    statusClearing: String(row.status_clearing),
    amountMinor: BigInt(String(row.amount_minor)),
    currency: String(row.currency),
    createdOn: textOf(row.created_day) as BusinessDate | null,
    wasCleared: row.was_cleared === true,
    readAt: timeOf(row.read_at) ?? toInstant(0),
  }))
}
