import type { Report, ReportName } from './report.ts'
import { clearing } from './reports/clearing.ts'
import { dailySales } from './reports/daily-sales.ts'
import { mismatches } from './reports/mismatches.ts'
import { mrr } from './reports/mrr.ts'
import { recurring } from './reports/recurring.ts'
import { settlement, unsettled } from './reports/settlement.ts'
import { transactions } from './reports/transactions.ts'

const BY_NAME = {
  transactions,
  settlement,
  unsettled,
  'daily-sales': dailySales,
  clearing,
  recurring,
  mrr,
  mismatches,
} as const satisfies Record<ReportName, Report>

export const REPORTS: readonly Report[] = Object.values(BY_NAME)

export const reportOf = (name: ReportName): Report => BY_NAME[name]
