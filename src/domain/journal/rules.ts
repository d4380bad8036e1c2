import type { Fact, FactKind } from './facts.ts'

/** The accounts that entries are made in; `Chart` gives them names. */
export const ACCOUNT_ROLES = [
  'clearing',
  'ach_clearing',
  'deposits_in_transit',
  'sales_recurring',
  'sales_other',
  'refunds',
  'reversals',
  'sales_tax',
  'suspense',
  'undecided',
] as const
export type AccountRole = (typeof ACCOUNT_ROLES)[number]

/** What of a fact a posting holds: all of it, its tax, or the rest. Postings of no amount are left out. */
export type Part = 'gross' | 'net' | 'tax'

export interface RulePosting {
  /** `sales` is one of two accounts, by whether the fact is matched to a subscription. */
  readonly account: AccountRole | 'sales'
  readonly part: Part
  readonly side: 'debit' | 'credit'
}

/** Raised when a rule changes: entries that were posted by another one are corrected by the next full posting. */
export const RULES_VERSION = 1

const debit = (account: RulePosting['account'], part: Part = 'gross'): RulePosting => ({ account, part, side: 'debit' })
const credit = (account: RulePosting['account'], part: Part = 'gross'): RulePosting => ({
  account,
  part,
  side: 'credit',
})
/** Clearing owes us what customers paid; what of it is tax is owed on. */
const income = (clearing: AccountRole, to: RulePosting['account']) => [
  debit(clearing),
  credit(to, 'net'),
  credit('sales_tax', 'tax'),
]
const outgo = (clearing: AccountRole, from: RulePosting['account']) => [
  debit(from, 'net'),
  debit('sales_tax', 'tax'),
  credit(clearing),
]

/**
 * The journal, gross: each kind of fact with the postings it makes. What nothing decides touches neither sales nor
 * clearing: two accounts stand against each other and show it until it is decided.
 */
export const RULES: Readonly<Record<FactKind, readonly RulePosting[]>> = {
  sale: income('clearing', 'sales'),
  refund: outgo('clearing', 'refunds'),
  sale_reversal: outgo('clearing', 'reversals'),
  refund_reversal: income('clearing', 'reversals'),
  reverse_undecided: [debit('suspense'), credit('undecided')],
  settlement: [debit('deposits_in_transit'), credit('clearing')],
  ach_sale: income('ach_clearing', 'sales'),
  ach_refund: outgo('ach_clearing', 'refunds'),
  ach_sale_reversal: outgo('ach_clearing', 'reversals'),
  ach_refund_reversal: income('ach_clearing', 'reversals'),
  ach_payout: [debit('suspense'), credit('ach_clearing')],
  ach_undecided: [debit('suspense'), credit('undecided')],
  ach_settlement: [debit('deposits_in_transit'), credit('ach_clearing')],
}

export interface Posting {
  readonly account: AccountRole
  readonly planId: bigint | null
  /** Minor units, debit positive; never 0. */
  readonly amountMinor: bigint
}

/** How often a posting holds the gross amount and the tax of its fact: debit positive. */
export const factorsOf = ({ part, side }: RulePosting): { gross: bigint; tax: bigint } => {
  const sign = side === 'debit' ? 1n : -1n
  return { gross: part === 'tax' ? 0n : sign, tax: part === 'gross' ? 0n : part === 'tax' ? sign : -sign }
}

/** The balanced postings of a fact; none for an amount of nothing. @throws Error when they do not balance */
export function postingsOf(fact: Fact): Posting[] {
  const postings = RULES[fact.kind].flatMap((rule): Posting[] => {
    const { gross, tax } = factorsOf(rule)
    const amountMinor = gross * fact.grossMinor + tax * fact.taxMinor
    const isSales = rule.account === 'sales'
    const account = rule.account === 'sales' ? (fact.isRecurring ? 'sales_recurring' : 'sales_other') : rule.account
    return amountMinor === 0n ? [] : [{ account, planId: isSales ? fact.planId : null, amountMinor }]
  })
  assertBalanced(postings)
  return postings
}

/** @throws Error when debits and credits differ */
export function assertBalanced(postings: readonly Pick<Posting, 'amountMinor'>[]): void {
  const sum = postings.reduce((total, { amountMinor }) => total + amountMinor, 0n)
  if (sum !== 0n) throw new Error(`an entry does not balance: debits less credits are ${sum}`)
}
