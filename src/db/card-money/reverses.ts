import { sql } from 'drizzle-orm'
import type { Reverse, ReverseGroup } from '../../domain/card-money/reverses.ts'
import type { CardRow } from '../../domain/card-money/rows.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Tx } from '../client.ts'
import type { ReverseKinds } from '../movements/reverse-kinds.ts'
import { rowsOfGroup } from '../movements/reverses.ts'
import { arrayOf } from '../sql-values.ts'
import { batchOfRow, cardRowColumns, cardRowOf, type Row, textOf, timeOf } from './card-row.ts'

/** A group of reverses that are alike, with the words that name it. */
export interface FoundReverseGroup extends ReverseGroup {
  readonly cardBatchId: HelcimId
  readonly currency: string
  readonly cardNumber: string | null
}

/**
 * The reverses of these batches, with what each can have voided: in its batch, or in one that had closed before.
 * @param settledWithinMs how long before a reverse the sale of another batch may have been made
 */
export async function loadReverseGroups(
  tx: Tx,
  input: {
    accountId: number
    cardBatchIds: readonly HelcimId[]
    settledWithinMs: number
    reverseKinds: ReverseKinds
  },
): Promise<FoundReverseGroup[]> {
  const { accountId, cardBatchIds, settledWithinMs, reverseKinds } = input
  const kinds = new Map((await reverseKinds.ofBatches(cardBatchIds)).map((one) => [one.transactionId, one]))
  if (kinds.size === 0) return []
  const { rows } = await tx.execute<Row>(sql`
    select ${cardRowColumns} from helcim.card_transactions t ${batchOfRow}
    where t.account_id = ${accountId} and t.transaction_id = any(${arrayOf([...kinds.keys()])}::bigint[])
    order by t.transaction_id`)
  const toldRows = await loadTold(
    tx,
    accountId,
    rows.flatMap((row) => cardRowOf(row).originalId ?? []),
  )
  const groups = new Map<string, { first: Row; reverses: Reverse[] }>()
  for (const row of rows) {
    const key = keyOf(row)
    const group = groups.get(key) ?? { first: row, reverses: [] }
    const one = cardRowOf(row)
    const told = one.originalId === null ? null : (toldRows.get(one.originalId) ?? null)
    const { kind = null, isToCome = false } = kinds.get(one.transactionId) ?? {}
    group.reverses.push({ ...one, kind, isToCome, told })
    groups.set(key, group)
  }
  const asked = [...groups.values()].map(({ first, reverses }) => ({
    batch: String(first.card_batch_id),
    card: textOf(first.card_number_masked),
    currency: String(first.currency),
    amount: String(first.amount_minor),
    until: new Date(Math.max(...reverses.map(({ createdAt }) => createdAt))).toISOString(),
    count: reverses.length,
  }))
  const originals = await listInBatch(tx, accountId, asked)
  const lonely = asked.filter(({ count, ...one }) => (originals.get(askedKey(one))?.length ?? 0) < count)
  const settled = await listSettled(tx, accountId, lonely, settledWithinMs)
  return [...groups].map(([key, { first, reverses }]) => ({
    cardBatchId: BigInt(String(first.card_batch_id)),
    currency: String(first.currency),
    cardNumber: textOf(first.card_number_masked),
    reverses,
    originals: originals.get(key) ?? [],
    settled: settled.get(key) ?? [],
    batchClosedAt: timeOf(first.batch_closed_at),
  }))
}

interface Asked {
  readonly batch: string
  readonly card: string | null
  readonly currency: string
  readonly amount: string
  readonly until: string
}

const keyOf = (row: Row): string =>
  [row.card_batch_id, row.card_number_masked ?? '', row.currency, row.amount_minor].join(' ')
const askedKey = ({ batch, card, currency, amount }: Omit<Asked, 'until'>): string =>
  [batch, card ?? '', currency, amount].join(' ')

const askedRows = (asked: readonly Asked[]) => sql`json_to_recordset(${JSON.stringify(asked)}::json)
  as g(batch bigint, card text, currency text, amount bigint, until timestamptz)`

async function loadTold(tx: Tx, accountId: number, ids: readonly HelcimId[]): Promise<Map<HelcimId, CardRow>> {
  if (ids.length === 0) return new Map()
  const { rows } = await tx.execute<Row>(sql`
    select ${cardRowColumns} from helcim.card_transactions t ${batchOfRow}
    where t.account_id = ${accountId} and t.transaction_id = any(${arrayOf(ids)}::bigint[]) and t.outcome = 'approved'
      and t.vanished_at is null and t.type in ('purchase', 'capture', 'refund', 'preauth')`)
  return new Map(rows.map((row) => [BigInt(String(row.transaction_id)), cardRowOf(row)]))
}

async function listInBatch(tx: Tx, accountId: number, asked: readonly Asked[]): Promise<Map<string, CardRow[]>> {
  if (asked.length === 0) return new Map()
  const { rows } = await tx.execute<Row>(sql`
    select ${cardRowColumns} from (
      select ${accountId}::integer as account_id, batch as card_batch_id, card as card_number_masked, currency,
        amount as amount_minor
      from ${askedRows(asked)}
    ) g cross join lateral (
      ${sql.raw(rowsOfGroup('c.*', ['purchase', 'capture', 'refund', 'preauth']))}
    ) t
    ${batchOfRow} order by t.transaction_id`)
  return grouped(rows, keyOf)
}

async function listSettled(
  tx: Tx,
  accountId: number,
  asked: readonly Asked[],
  settledWithinMs: number,
): Promise<Map<string, CardRow[]>> {
  if (asked.length === 0) return new Map()
  const { rows } = await tx.execute<Row>(sql`
    select g.batch as asked_batch, ${cardRowColumns} from ${askedRows(asked)}
    cross join lateral (
      select * from helcim.card_transactions
      where account_id = ${accountId} and card_number_masked = g.card and currency = g.currency and amount_minor = g.amount
        and type in ('purchase', 'capture') and outcome = 'approved' and vanished_at is null
        and created_at between g.until - make_interval(secs => ${settledWithinMs / 1000}) and g.until
        and card_batch_id <> g.batch
    ) t
    join helcim.card_batches b on b.account_id = ${accountId} and b.card_batch_id = t.card_batch_id
      and b.is_closed and b.closed_at <= g.until
    order by t.transaction_id`)
  return grouped(rows, (row) => keyOf({ ...row, card_batch_id: row.asked_batch ?? null }))
}

function grouped(rows: readonly Row[], keyOfRow: (row: Row) => string): Map<string, CardRow[]> {
  const groups = new Map<string, CardRow[]>()
  for (const row of rows) {
    const key = keyOfRow(row)
    const group = groups.get(key)
    if (group) group.push(cardRowOf(row))
    else groups.set(key, [cardRowOf(row)])
  }
  return groups
}
