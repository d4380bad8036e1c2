import type { Defect, DefectContext } from './catalogue.ts'
import { later, repeat, withFreshCard } from './fresh-cards.ts'

/** What looks like a repeated sale and is none, or none any more: nothing is to be found. */
export const CARD_MONEY_INNOCENTS = {
  /** Entered wrongly, voided, and entered again within minutes. */
  'innocent:sold-again-after-void'(context: DefectContext) {
    const { history } = context
    const { customer, sale } = sellTwiceOf(context)
    later(context, sale, { seconds: 60 }, (row, at) => void history.payments.reverse(row, at))
    later(context, sale, { seconds: 120 }, (row, at) => void repeat(context, row, customer, at))
    return true
  },
  /** Taken twice, and the second one refunded the day after. */
  'innocent:repeated-and-refunded'(context: DefectContext) {
    const { history, merchant } = context
    const { customer, sale } = sellTwiceOf(context)
    later(context, sale, { seconds: 120 }, (row, at) => {
      const again = repeat(context, row, customer, at)
      later(context, again, { hours: 26 }, (_, when) => {
        const now = merchant.transaction(again.id)
        if (now) history.payments.refund(now, now.amountMinor, when)
      })
    })
    return true
  },
  /** Bought once more, a quarter of an hour later. */
  'innocent:repeated-later'(context: DefectContext) {
    const { customer, sale } = sellTwiceOf(context)
    later(context, sale, { seconds: 900 }, (row, at) => void repeat(context, row, customer, at))
    return true
  },
} satisfies Record<string, Defect>

function sellTwiceOf(context: DefectContext) {
  const customer = withFreshCard(context)
  const amountMinor = BigInt(context.random.integer(2000, 9000))
  const sale = context.history.payments.purchase({ at: context.at, customer, amountMinor, isExact: true })
  return { customer, sale }
}
