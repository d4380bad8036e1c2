import { isReturned, signedMinor, transactionTables } from '../../db/movements/movements.ts'
import { accountTable, isCreatedWithin } from '../movements.ts'
import type { Report } from '../report.ts'

/** A transaction is matched once, so that it adds no rows. */
const matchTable = `left join recon.matches m
  on m.account_id = t.account_id and m.via = 'card' and m.transaction_id = t.transaction_id`

export const transactions: Report = {
  name: 'transactions',
  view: 'transactions',
  rowIs: 'a card transaction, of any type and outcome',
  rowsAre: 'created on the days of the period, by `business_date`',
  columns: [
    { name: 'transaction_id', type: 'number', description: 'Helcim’s id', sql: 't.transaction_id' },
    {
      name: 'created_at_utc',
      type: 'instant',
      description: 'when it was made, UTC',
      clocks: 'utc',
      sql: 't.created_at',
    },
    {
      name: 'created_at_local',
      type: 'instant',
      description: 'the same as clocks in the account’s zone showed it',
      clocks: 'account',
      sql: 't.created_at',
    },
    { name: 'business_date', type: 'date', description: 'its local date', clocks: 'account', sql: 't.created_at' },
    { name: 'batch_id', type: 'number', description: 'Helcim’s card batch; blank in none', sql: 't.card_batch_id' },
    {
      name: 'type',
      type: 'text',
      description: '`purchase`, `capture`, `refund`, `reverse`, `preauth`, `verify`, or a new one as Helcim wrote it',
      sql: 't.type',
    },
    {
      name: 'status',
      type: 'text',
      description: '`APPROVED` (also where Helcim writes `APPROVAL`), `DECLINED`, or a new one as Helcim wrote it',
      sql: `case t.outcome when 'approved' then 'APPROVED' when 'declined' then 'DECLINED' else t.status end`,
    },
    { name: 'currency', type: 'text', description: 'ISO 4217', sql: 't.currency' },
    {
      name: 'amount',
      type: 'money',
      description: 'as Helcim states it, without a sign; also of declines',
      sql: 't.amount_minor',
    },
    {
      name: 'signed_amount',
      type: 'money',
      description:
        'what it moved: sales positive, refunds and reversed sales negative, reversed refunds positive, zero where ' +
        'no money moved; blank where nothing tells what a reverse voided, and for unknown types and statuses',
      sql: signedMinor,
    },
    { name: 'customer_code', type: 'text', description: 'Helcim’s customer', sql: 't.customer_code' },
    { name: 'invoice_number', type: 'text', description: 'Helcim’s invoice', sql: 't.invoice_number' },
    { name: 'card_brand', type: 'text', description: 'two or three letters: `VI`, `MC`, …', sql: 't.card_brand' },
    {
      name: 'card_last4',
      type: 'text',
      description: '`******` and the last four digits',
      isCardNumber: true,
      sql: 't.card_number_masked',
    },
    { name: 'approval_code', type: 'text', description: 'of the card’s bank', sql: 't.approval_code' },
    {
      name: 'subscription_id',
      type: 'number',
      description:
        'the subscription whose payment it was matched with, as far as that is known; also of a declined try',
      sql: 'm.subscription_id',
    },
    {
      name: 'payment_number',
      type: 'number',
      description: 'which payment of that subscription, from 1',
      sql: 'm.payment_number',
    },
    {
      name: 'match_rule',
      type: 'text',
      description:
        'why they were matched: `amount_and_time`, `amount_and_day`, `amount_elsewhere`, `amount_tolerated`, or `declined_try`, which carries no money',
      sql: 'm.rule',
    },
  ],
  tables: (scope) => `${transactionTables} ${matchTable} ${scope === null ? accountTable : ''}`,
  where: isReturned,
  within: isCreatedWithin,
  orderBy: ['t.transaction_id'],
  usesReverses: true,
  needs: { days: 'period', batchList: false, judgement: false, subscriptions: 'none' },
}
