import { sql } from 'drizzle-orm'
import type { Tx } from './client.ts'
import { OTHER_MIRRORS } from './mirror/mirrors.ts'

/** Records that could not be read when they were last returned. */
export interface UndecodedRecord {
  readonly resource: string
  /** null for all of a resource that have no id: their places differ from reading to reading. */
  readonly recordId: string | null
  /** Distinct records. */
  readonly count: number
  readonly reason: string
}

export async function listUndecodedRecords(tx: Tx, accountId: number): Promise<UndecodedRecord[]> {
  const { rows } = await tx.execute<{ resource: string; record_id: string | null; count: string; reason: string }>(sql`
    select resource, record_id, count(distinct raw), min(reason) as reason from (
      select resource, raw::text as raw, reason,
        case when record_key ~ '^[0-9]+$' then record_key end as record_id
      from helcim.undecoded_records where account_id = ${accountId}) u
    group by resource, record_id order by resource, record_id`)
  return rows.map((row) => ({
    resource: row.resource,
    recordId: row.record_id,
    count: Number(row.count),
    reason: row.reason,
  }))
}

export interface TransactionFault {
  readonly transactionId: bigint
  readonly amountMinor: bigint
  readonly currency: string
  readonly createdAtText: string
}

/** Card transactions with a status, type or currency outside the known ones. */
export async function listUnknownValues(
  tx: Tx,
  accountId: number,
): Promise<(TransactionFault & { unknownValues: { field: string; value: string }[] })[]> {
  const { rows } = await tx.execute<FaultRow & { unknown_values: { field: string; value: string }[] }>(sql`
    select transaction_id, amount_minor, currency, created_at_text, unknown_values from helcim.card_transactions
    where account_id = ${accountId} and unknown_values is not null and vanished_at is null order by transaction_id`)
  return rows.map((row) => ({ ...toFault(row), unknownValues: row.unknown_values }))
}

/** Card transactions that a complete re-read of their day no longer returned. */
export async function listVanished(tx: Tx, accountId: number): Promise<TransactionFault[]> {
  const { rows } = await tx.execute<FaultRow>(sql`
    select transaction_id, amount_minor, currency, created_at_text from helcim.card_transactions
    where account_id = ${accountId} and vanished_at is not null order by transaction_id`)
  return rows.map(toFault)
}

/** A record of another resource than card transactions that has something about it. */
export interface OtherFault {
  readonly resource: string
  readonly id: bigint
}

/** Records with values outside the known ones. */
export async function listOtherUnknownValues(
  tx: Tx,
  accountId: number,
): Promise<(OtherFault & { unknownValues: { field: string; value: string }[] })[]> {
  const condition = 'unknown_values is not null and vanished_at is null'
  const { rows } = await tx.execute<OtherRow>(ofOthers(accountId, 'unknown_values', condition))
  return rows.map((row) => ({ ...toOther(row), unknownValues: JSON.parse(row.value ?? '[]') }))
}

/** Records that a complete reading of their list or day no longer returned. */
export async function listOtherVanished(tx: Tx, accountId: number): Promise<OtherFault[]> {
  const { rows } = await tx.execute<OtherRow>(ofOthers(accountId, 'null', 'vanished_at is not null'))
  return rows.map(toOther)
}

/** One statement over all tables; each has a partial index for either condition. */
const ofOthers = (accountId: number, value: string, condition: string) =>
  sql.raw(
    `${OTHER_MIRRORS.map(
      ({ resource, table, idColumn }) => `select '${resource}' as resource, ${idColumn} as id, ${value}::text as value
        from ${table} where account_id = ${accountId} and ${condition}`,
    ).join(' union all ')} order by 1, 2`,
  )

type OtherRow = { resource: string; id: string; value: string | null }

const toOther = ({ resource, id }: OtherRow): OtherFault => ({ resource, id: BigInt(id) })

export interface ChangedTransaction extends TransactionFault {
  /** Watched fields as they were when the record was first seen to differ, where they still differ. */
  readonly before: Readonly<Record<string, string | null>>
  readonly after: Readonly<Record<string, string | null>>
}

/** Card transactions whose watched fields differ from the first version in which each field was seen. */
export async function listChangedTransactions(tx: Tx, accountId: number): Promise<ChangedTransaction[]> {
  const { rows } = await tx.execute<
    FaultRow & { before: Record<string, string | null>; after: Record<string, string | null> }
  >(sql`
    with first_values as (
      select distinct on (v.record_id, f.key) v.record_id, f.key, f.value #>> '{}' as value
      from helcim.record_versions v, json_each(v.changed) f
      where v.account_id = ${accountId} and v.resource = 'card_transaction' and v.changed is not null
      order by v.record_id, f.key, v.observed_until
    ), compared as (
      select t.transaction_id, t.amount_minor, t.currency, t.created_at_text, f.key, f.value as before,
        to_jsonb(t) ->> f.key as after
      from first_values f
      join helcim.card_transactions t on t.account_id = ${accountId} and t.transaction_id = f.record_id
    )
    select transaction_id, amount_minor, currency, created_at_text,
      json_object_agg(key, before order by key) as before, json_object_agg(key, after order by key) as after
    from compared where before is distinct from after
    group by 1, 2, 3, 4 order by 1`)
  return rows.map((row) => ({ ...toFault(row), before: row.before, after: row.after }))
}

type FaultRow = { transaction_id: string; amount_minor: string; currency: string; created_at_text: string }

const toFault = (row: FaultRow): TransactionFault => ({
  transactionId: BigInt(row.transaction_id),
  amountMinor: BigInt(row.amount_minor),
  currency: row.currency,
  createdAtText: row.created_at_text,
})
