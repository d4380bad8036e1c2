import type { Merchant } from '../merchant.ts'
import type { BatchRow, TransactionRow } from '../rows.ts'

/** How many of a group's reverses voided a sale, a refund and a preauth. */
interface Split {
  readonly sales: number
  readonly refunds: number
  readonly preauths: number
}

interface Group {
  readonly amountMinor: bigint
  readonly reverses: readonly TransactionRow[]
  readonly splits: readonly Split[]
  /** Fewer rows than reverses: which of these has lost its original is another finding. */
  readonly isShort: boolean
}

/**
 * Reverses of a batch of which its figures do not tell what they voided although they agree with its rows: sums of some
 * cards may stand for those of others. Nobody can tell who only reads rows and figures (CHECKS F).
 */
export function untoldReverses(merchant: Merchant, batch: BatchRow): TransactionRow[] {
  const currency = merchant.terminal(batch.terminalId)?.currency ?? ''
  const rows = merchant
    .transactionsOfBatch(batch.id)
    .filter(({ status, isHidden, disguise }) => status === 'approved' && !isHidden && disguise === null)
  if (!rows.some(isOther)) return []
  const groups = groupsOf(rows)
  const open = groups.filter(({ splits }) => splits.length > 1)
  if (open.length === 0) return []
  const isForeign = groups.some(({ reverses }) => reverses.some((reverse) => reverse.currency !== currency))
  const untold = isForeign ? open : differingIn(open, leftFor(groups, merchant, batch))
  return reversesOf(untold).filter(({ createdAt }) => batch.closedAt === null || createdAt <= batch.closedAt)
}

/** Those of approved rows that can have voided rows of more than one kind, as far as card and amount tell. */
export const reversesWithChoice = (approved: readonly TransactionRow[]): TransactionRow[] =>
  reversesOf(groupsOf(approved).filter(({ splits }) => splits.length > 1))

const reversesOf = (groups: readonly Group[]): TransactionRow[] =>
  groups.filter(({ isShort }) => !isShort).flatMap(({ reverses }) => reverses)

const isOther = ({ type }: TransactionRow) => type === 'refund' || type === 'preauth'

function groupsOf(rows: readonly TransactionRow[]): Group[] {
  const byKey = new Map<string, TransactionRow[]>()
  const reversed = new Set(rows.filter(({ type }) => type === 'reverse').map(keyOf))
  for (const row of rows) {
    const key = keyOf(row)
    if (reversed.has(key)) byKey.set(key, [...(byKey.get(key) ?? []), row])
  }
  return [...byKey.values()].map((group) => {
    const count = (...types: string[]) => group.filter(({ type }) => types.includes(type)).length
    const reverses = group.filter(({ type }) => type === 'reverse')
    const held = { sales: count('purchase', 'capture'), refunds: count('refund'), preauths: count('preauth') }
    const lost = Math.max(0, reverses.length - held.sales - held.refunds - held.preauths)
    const splits = splitsOf(reverses.length, { ...held, sales: held.sales + lost, refunds: held.refunds + lost })
    return { amountMinor: reverses[0]?.amountMinor ?? 0n, reverses, splits, isShort: lost > 0 }
  })
}

const keyOf = ({ card, currency, amountMinor }: TransactionRow) => `${card.number} ${currency} ${amountMinor}`

function splitsOf(size: number, most: Split): Split[] {
  const splits: Split[] = []
  for (let sales = 0; sales <= Math.min(size, most.sales); sales += 1) {
    for (let refunds = 0; refunds <= Math.min(size - sales, most.refunds); refunds += 1) {
      const preauths = size - sales - refunds
      if (preauths <= most.preauths) splits.push({ sales, refunds, preauths })
    }
  }
  return splits
}

interface Sums {
  readonly refunds: bigint
  readonly preauths: bigint
}

/** What the groups with a choice must add up to. */
function leftFor(groups: readonly Group[], merchant: Merchant, batch: BatchRow): Sums {
  const { reversed, refundsReversed } = merchant.statistics(batch.id).figures
  const all = groups.reduce((sum, { amountMinor, reverses }) => sum + amountMinor * BigInt(reverses.length), 0n)
  let [refunds, preauths] = [refundsReversed, all - reversed - refundsReversed]
  for (const { amountMinor, splits } of groups) {
    const [only] = splits
    if (splits.length !== 1 || only === undefined) continue
    refunds -= amountMinor * BigInt(only.refunds)
    preauths -= amountMinor * BigInt(only.preauths)
  }
  return { refunds, preauths }
}

/** Those that are split in one way in one reading of all, and in another way in another. */
function differingIn(open: readonly Group[], left: Sums): Group[] {
  const seen = open.map(() => new Set<string>())
  // What is refund or preauth in one group ties the two sums together: each way to split such groups is gone through.
  const isMixed = ({ splits }: Group) => varies(splits, 'refunds') && varies(splits, 'preauths')
  for (const chosen of choicesOf(open.map((group) => (isMixed(group) ? group.splits : group.splits.slice(0, 1))))) {
    const fixed = open.map((group, index) => (isMixed(group) ? [chosen[index] as Split] : group.splits))
    const refunds = countsPossible(open, fixed, 'refunds', left.refunds)
    const preauths = countsPossible(open, fixed, 'preauths', left.preauths)
    if (!refunds || !preauths) continue
    for (const [index, names] of seen.entries()) {
      for (const { refunds: r, preauths: p } of fixed[index] ?? []) {
        if (refunds[index]?.has(r) && preauths[index]?.has(p)) names.add(`${r} ${p}`)
      }
    }
  }
  return open.filter((_, index) => seen[index]?.size !== 1)
}

const varies = (splits: readonly Split[], kind: keyof Split) => new Set(splits.map((one) => one[kind])).size > 1

const CHOICES_MAX = 10_000

function choicesOf(splits: readonly (readonly Split[])[]): Split[][] {
  const choices = splits.reduce<Split[][]>(
    (some, own) => some.flatMap((one) => own.map((split) => [...one, split])),
    [[]],
  )
  if (choices.length > CHOICES_MAX) throw new Error('too many ways to read the reverses of a batch')
  return choices
}

/** By group, how often its amount can be in a sum: bit n of a number stands for the sum n. Undefined where none adds up. */
function countsPossible(
  open: readonly Group[],
  splits: readonly (readonly Split[])[],
  kind: 'refunds' | 'preauths',
  wanted: bigint,
): ReadonlySet<number>[] | undefined {
  if (wanted < 0n) return undefined
  const counts = splits.map((own) => [...new Set(own.map((split) => split[kind]))])
  const upTo = (1n << (wanted + 1n)) - 1n
  const leading = [1n << wanted]
  for (let index = open.length - 1; index >= 0; index -= 1) {
    const [next = 0n, amount = 0n] = [leading[0], open[index]?.amountMinor]
    leading.unshift((counts[index] ?? []).reduce((sums, n) => sums | (next >> (amount * BigInt(n))), 0n))
  }
  let reached = 1n
  const possible: Set<number>[] = []
  for (const [index, { amountMinor }] of open.entries()) {
    const having = (n: number) => (reached << (amountMinor * BigInt(n))) & upTo
    const own = counts[index] ?? []
    possible.push(new Set(own.filter((n) => (having(n) & (leading[index + 1] ?? 0n)) !== 0n)))
    reached = own.reduce((sums, n) => sums | having(n), 0n)
  }
  return possible.every(({ size }) => size > 0) ? possible : undefined
}
