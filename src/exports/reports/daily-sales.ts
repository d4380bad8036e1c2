import { isReturned, transactionTables } from '../../db/movements/movements.ts'
import {
  accountTable,
  isCreatedWithin,
  isRefund,
  isReversal,
  isSale,
  isToldMovement,
  localDate,
  reversedMinor,
} from '../movements.ts'
import type { Report } from '../report.ts'

const count = (condition: string) => `count(*) filter (where ${condition})`
const sum = (condition: string, minor = 't.amount_minor') => `coalesce(sum(${minor}) filter (where ${condition}), 0)`

const sales = sum(isSale)
const refunds = sum(isRefund)
const reversed = sum(isReversal, reversedMinor)

export const dailySales: Report = {
  name: 'daily-sales',
  view: 'daily_sales',
  rowIs: 'a day, currency and card brand with money',
  rowsAre: 'the days of the period; a day without sales, refunds and reverses has no row',
  columns: [
    { name: 'business_date', type: 'date', description: 'local date of the transactions', sql: localDate },
    { name: 'currency', type: 'text', description: 'ISO 4217', sql: 't.currency' },
    { name: 'card_brand', type: 'text', description: 'two or three letters; blank where untold', sql: 't.card_brand' },
    { name: 'sales_count', type: 'number', description: 'approved purchases and captures', sql: count(isSale) },
    { name: 'sales', type: 'money', description: 'their sum', sql: sales },
    { name: 'refunds_count', type: 'number', description: 'approved refunds', sql: count(isRefund) },
    { name: 'refunds', type: 'money', description: 'their sum, positive', sql: refunds },
    {
      name: 'reversed_count',
      type: 'number',
      description: 'approved reverses of sales and of refunds; undecided ones are left out, and told',
      sql: count(isReversal),
    },
    {
      name: 'reversed',
      type: 'money',
      description: 'reversed sales less reversed refunds',
      sql: reversed,
    },
    {
      name: 'net',
      type: 'money',
      description: 'sales − refunds − reversed: the sum of `signed_amount` in `transactions`',
      sql: `${sales} - ${refunds} - ${reversed}`,
    },
  ],
  tables: () => `${transactionTables} ${accountTable}`,
  where: `${isReturned} and ${isToldMovement}`,
  within: isCreatedWithin,
  groupBy: `a.name, ${localDate}, t.currency, t.card_brand`,
  orderBy: [localDate, 't.currency collate "C"', 't.card_brand collate "C" nulls first'],
  usesReverses: true,
  needs: { days: 'period', batchList: false, judgement: false, subscriptions: 'none' },
}
