import { type Customer, drawCard, drawName } from '../history/customers.ts'
import { secondsAfter } from '../history/payments.ts'
import type { TransactionRow } from '../rows.ts'
import type { DefectContext } from './catalogue.ts'
import { saleOf } from './targets.ts'

/** A customer of that terminal with a card that nobody has used, so that nothing else can be meant by it. */
export function withFreshCard(context: DefectContext): Customer {
  const { customer } = saleOf(context)
  const { random } = context
  return { ...customer, card: { ...drawCard(random), holderName: drawName(random) } }
}

/** A sale of that moment on such a card. */
export function sellOnFreshCard(context: DefectContext, amountMinor = 10_000n): TransactionRow {
  const { at, history } = context
  return history.payments.purchase({ at, customer: withFreshCard(context), amountMinor, isExact: true })
}

/** What happens so many hours and seconds after the strike, with the sale as it stands then. */
export function later(
  { at, history, merchant }: DefectContext,
  sale: TransactionRow,
  delay: { hours?: number; seconds?: number },
  run: (row: TransactionRow, at: ReturnType<typeof secondsAfter>) => void,
): void {
  const when = secondsAfter(at, (delay.hours ?? 0) * 3600 + (delay.seconds ?? 0))
  history.schedule(when, () => {
    const row = merchant.transaction(sale.id)
    if (row) run(row, when)
  })
}

/** The same sale again: another row, another invoice. */
export function repeat(
  { history }: DefectContext,
  sale: TransactionRow,
  customer: Customer,
  at: TransactionRow['createdAt'],
): TransactionRow {
  return history.payments.purchase({ at, customer, amountMinor: sale.amountMinor, isExact: true })
}
