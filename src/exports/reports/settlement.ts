import { isMovement, isReturned, movementTables, settledAt, signedMinor } from '../../db/movements/movements.ts'
import { accountTable } from '../movements.ts'
import { blank, type Column, instantSql, type Report, type Scope } from '../report.ts'

/** Both reports have the same columns; only one of them has an instant of settlement. */
const columnsWith = (settled: string): readonly Column[] => [
  {
    name: 'settlement_id',
    type: 'number',
    description: 'the card batch it is settled with, as the API tells of no deposit; blank in none',
    sql: 't.card_batch_id',
  },
  { name: 'settled_at_utc', type: 'instant', description: 'when the batch closed, UTC', clocks: 'utc', sql: settled },
  {
    name: 'settled_at_local',
    type: 'instant',
    description: 'the same as clocks in the account’s zone showed it',
    clocks: 'account',
    sql: settled,
  },
  { name: 'transaction_id', type: 'number', description: 'Helcim’s id', sql: 't.transaction_id' },
  {
    name: 'created_utc',
    type: 'instant',
    description: 'when the movement was made, UTC',
    clocks: 'utc',
    sql: 't.created_at',
  },
  {
    name: 'reporting_category',
    type: 'text',
    description:
      '`sale`, `refund`, `sale_reversal`, `refund_reversal`, or `reversal_undecided` where nothing tells what a ' +
      'reverse voided',
    sql: `case t.type when 'refund' then 'refund' when 'reverse' then coalesce(r.kind || '_reversal', 'reversal_undecided')
      else 'sale' end`,
  },
  { name: 'currency', type: 'text', description: 'ISO 4217', sql: 't.currency' },
  {
    name: 'gross',
    type: 'money',
    description: 'the movement with its sign, positive towards the merchant; blank where it is undecided',
    sql: signedMinor,
  },
  blank('fee', 'money', 'blank: the API tells no fees'),
  blank('net', 'money', 'blank: without fees there is no net'),
  { name: 'customer_code', type: 'text', description: 'Helcim’s customer', sql: 't.customer_code' },
  { name: 'invoice_number', type: 'text', description: 'Helcim’s invoice', sql: 't.invoice_number' },
  { name: 'card_brand', type: 'text', description: 'two or three letters: `VI`, `MC`, …', sql: 't.card_brand' },
  {
    name: 'source_amount',
    type: 'money',
    description: 'the transaction’s amount as Helcim states it, without a sign',
    sql: 't.amount_minor',
  },
]

const tablesOf: Report['tables'] = (scope) => (scope === null ? `${movementTables} ${accountTable}` : movementTables)

const isSettledWithin = ({ accountId, startsAt, endsAt }: Scope): string =>
  `t.account_id = ${accountId} and b.is_closed and b.closed_at >= ${instantSql(startsAt)} and b.closed_at < ${instantSql(endsAt)}`

/** A batch that closed later was still open at the period's end, and what came later was not there yet. */
const isUnsettledAt = ({ accountId, endsAt }: Scope): string =>
  `t.account_id = ${accountId} and (${settledAt} is null or b.closed_at >= ${instantSql(endsAt)}) and t.created_at < ${instantSql(endsAt)}`

export const settlement: Report = {
  name: 'settlement',
  view: 'settlement',
  rowIs: 'a movement of money in a closed batch',
  rowsAre: 'of batches that closed on the days of the period, by `settled_at_local`',
  columns: columnsWith(settledAt),
  tables: tablesOf,
  where: `${isReturned} and ${isMovement}`,
  within: isSettledWithin,
  now: `${settledAt} is not null`,
  orderBy: ['b.closed_at', 't.card_batch_id', 't.transaction_id'],
  usesReverses: true,
  needs: { days: 'batches', batchList: true, judgement: false, subscriptions: 'none' },
}

export const unsettled: Report = {
  name: 'unsettled',
  view: 'unsettled',
  rowIs: 'a movement of money that is in no closed batch',
  rowsAre: 'of any day up to the end of the period, in no batch that had closed by then; the view shows those of now',
  columns: columnsWith('null::timestamptz'),
  tables: tablesOf,
  where: `${isReturned} and ${isMovement}`,
  within: isUnsettledAt,
  now: `${settledAt} is null`,
  orderBy: ['t.transaction_id'],
  usesReverses: true,
  needs: { days: 'history', batchList: true, judgement: false, subscriptions: 'none' },
}

/** How much of what was created within the period had been settled before it began: rows that came after the close. */
export const isSettledBefore = ({ startsAt }: Scope): string => `b.is_closed and b.closed_at < ${instantSql(startsAt)}`
