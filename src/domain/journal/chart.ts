import { ACCOUNT_ROLES } from './rules.ts'

/** Roles that have an account of their own in the chart; the last three are not posted to by us. */
export const CHART_ROLES = [...ACCOUNT_ROLES, 'opening', 'bank', 'fees'] as const
export type ChartRole = (typeof CHART_ROLES)[number]

/** An account as each target calls it. */
export interface ChartAccount {
  /** For Xero, which goes by codes. */
  readonly code: string
  /** For QuickBooks, `Parent:Child`. */
  readonly name: string
  /** For hledger and beancount, beginning with `Assets`, `Liabilities`, `Equity`, `Income` or `Expenses`. */
  readonly ledger: string
}

export interface BooksSettings {
  /** Minutes after midnight, local, at which a business day ends; up to noon it is that of the day before. */
  readonly cutOffMinutes: number
  readonly chart: Readonly<Record<ChartRole, ChartAccount>>
  /** Recurring sales by the id of their plan; those of other plans are `sales_recurring`. */
  readonly plans: ReadonlyMap<bigint, ChartAccount>
  /** By its full name, as Xero has it. */
  readonly xeroTaxRate: string
}

const account = (code: string, name: string, ledger: string): ChartAccount => ({ code, name, ledger })

export const DEFAULT_BOOKS_SETTINGS: BooksSettings = {
  cutOffMinutes: 0,
  chart: {
    clearing: account('1100', 'Helcim Clearing', 'Assets:Helcim:Clearing'),
    ach_clearing: account('1110', 'Helcim ACH Clearing', 'Assets:Helcim:ACH-Clearing'),
    deposits_in_transit: account('1120', 'Deposits in Transit', 'Assets:Deposits-in-Transit'),
    sales_recurring: account('4000', 'Sales:Recurring', 'Income:Sales:Recurring'),
    sales_other: account('4010', 'Sales:Other', 'Income:Sales:Other'),
    refunds: account('4090', 'Sales:Refunds', 'Income:Sales:Refunds'),
    reversals: account('4095', 'Sales:Reversals', 'Income:Sales:Reversals'),
    sales_tax: account('2200', 'Sales Tax Payable', 'Liabilities:Sales-Tax'),
    suspense: account('1190', 'Helcim Suspense', 'Assets:Helcim:Suspense'),
    undecided: account('2190', 'Helcim Undecided', 'Liabilities:Helcim:Undecided'),
    opening: account('3000', 'Opening Balances', 'Equity:Opening-Balances'),
    bank: account('1000', 'Bank', 'Assets:Bank'),
    fees: account('6000', 'Processing Fees', 'Expenses:Processing-Fees'),
  },
  plans: new Map(),
  xeroTaxRate: 'Tax Exempt (0%)',
}
