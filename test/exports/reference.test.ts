import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { Report } from '../../src/exports/report.ts'
import { REPORTS } from '../../src/exports/reports.ts'

const PATH = fileURLToPath(new URL('../../docs/exports.md', import.meta.url))
const HEAD = '## Reports\n'

function referenceOf({ name, view, rowIs, rowsAre, columns }: Report): string {
  const cell = (text: string) => text.replaceAll('|', '\\|')
  return [
    `### ${name}`,
    '',
    `One row for ${rowIs}; ${rowsAre}. View \`accounting.${view}\`.`,
    '',
    '| column | type | holds |',
    '| --- | --- | --- |',
    ...columns.map((column) => `| \`${column.name}\` | ${column.type} | ${cell(column.description)} |`),
  ].join('\n')
}

it('docs/exports.md tells every column as it is defined', () => {
  const text = readFileSync(PATH, 'utf8')
  const [before = ''] = text.split(HEAD)
  const current = `${before}${HEAD}\n${REPORTS.map(referenceOf).join('\n\n')}\n`
  // UPDATE_DOCS=1 npx vitest run test/exports/reference.test.ts
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PATH, current)
  else expect(text).toBe(current)
})

it('the columns are those that EXPORTS.md names', () => {
  expect(REPORTS.map(({ name, columns }) => [name, columns.map((column) => column.name).join(',')])).toEqual([
    [
      'transactions',
      'transaction_id,created_at_utc,created_at_local,business_date,batch_id,type,status,currency,amount,signed_amount,customer_code,invoice_number,card_brand,card_last4,approval_code,subscription_id,payment_number,match_rule',
    ],
    [
      'settlement',
      'settlement_id,settled_at_utc,settled_at_local,transaction_id,created_utc,reporting_category,currency,gross,fee,net,customer_code,invoice_number,card_brand,source_amount',
    ],
    [
      'unsettled',
      'settlement_id,settled_at_utc,settled_at_local,transaction_id,created_utc,reporting_category,currency,gross,fee,net,customer_code,invoice_number,card_brand,source_amount',
    ],
    [
      'daily-sales',
      'business_date,currency,card_brand,sales_count,sales,refunds_count,refunds,reversed_count,reversed,net',
    ],
    ['clearing', 'date,currency,opening,sales,refunds,reversed,settled,closing'],
    [
      'recurring',
      'subscription_id,payment_number,plan,customer_code,date_due,date_processed,status,currency,expected,actual,transaction_id,match_rule,confidence,retries',
    ],
    ['mrr', 'month,currency,opening,new,expansion,contraction,churn,reactivation,closing'],
    [
      'mismatches',
      'mismatch_id,code,severity,subject_kind,subject_id,currency,expected,actual,difference,state,resolution,first_seen_utc,last_seen_utc,age_days,bucket,summary',
    ],
  ])
})
