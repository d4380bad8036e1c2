import type { TransactionRow } from '../rows.ts'
import type { DefectContext } from './catalogue.ts'

/** Whether one of these sales, which are alike, was given back. */
export function isGivenBack({ merchant }: Pick<DefectContext, 'merchant'>, sales: readonly TransactionRow[]): boolean {
  const ids = new Set(sales.map(({ id }) => id))
  return merchant.transactions().some(({ originalId }) => originalId !== null && ids.has(originalId))
}

/**
 * Whether a reader can tell that: a refund names its sale, or there are more refunds of that card and amount than sales
 * beside these that they can be of. Otherwise several candidates remain, and none may be taken (API.md §7).
 */
export function isToldGivenBack(
  { merchant, isInvoiceTold }: Pick<DefectContext, 'merchant' | 'isInvoiceTold'>,
  sales: readonly TransactionRow[],
): boolean {
  if (!isGivenBack({ merchant }, sales)) return false
  if (isInvoiceTold) return true
  const [first] = sales
  const isAlike = ({ card, currency, amountMinor, status }: TransactionRow) =>
    card.number === first?.card.number &&
    card.holderName === first.card.holderName &&
    currency === first.currency &&
    amountMinor === first.amountMinor &&
    status === 'approved'
  const alike = merchant.transactions().filter(isAlike)
  const others = alike.filter(({ type, id }) => /purchase|capture/.test(type) && sales.every((one) => one.id !== id))
  const refunds = alike.filter(({ type }) => type === 'refund').toSorted((a, b) => a.createdAt - b.createdAt)
  const closedAt = ({ batchId }: TransactionRow) => merchant.batch(batchId)?.closedAt ?? Number.POSITIVE_INFINITY
  // What was settled by an earlier refund is by a later one too: one for each refund so far is enough.
  return refunds.some(({ createdAt }, place) => others.filter((row) => closedAt(row) <= createdAt).length <= place)
}
