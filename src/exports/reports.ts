import type { Report, ReportName } from './report.ts'
import { dailySales } from './reports/daily-sales.ts'
import { mismatches } from './reports/mismatches.ts'
import { settlement, unsettled } from './reports/settlement.ts'
import { transactions } from './reports/transactions.ts'

const BY_NAME = {
  transactions,
  settlement,
  unsettled,
  'daily-sales': dailySales,
  mismatches,
} as const satisfies Record<ReportName, Report>

export const REPORTS: readonly Report[] = Object.values(BY_NAME)

export const reportOf = (name: ReportName): Report => BY_NAME[name]
