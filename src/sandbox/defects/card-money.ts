import type { TransactionRow } from '../rows.ts'
import { cardBatchSubject, cardTransactionSubject, type TruthEntry } from '../truth.ts'
import type { Defect, DefectContext } from './catalogue.ts'
import { later, repeat, sellOnFreshCard, withFreshCard } from './fresh-cards.ts'
import { loneSale, soundClosedBatches } from './targets.ts'

/** Families F and G: refunds, reverses and repeated sales. The figures of batches follow, so that nothing else does. */
export const CARD_MONEY_DEFECTS = {
  // Money goes to a card that never bought anything, and no invoice is named.
  refund_without_original(context: DefectContext) {
    const { merchant, history, at } = context
    const customer = withFreshCard(context)
    const sale = history.payments.purchase({
      at,
      customer: { ...customer, card: withFreshCard(context).card },
      amountMinor: 7500n,
    })
    const refund = merchant.addTransaction({
      ...sale,
      type: 'refund',
      card: customer.card,
      invoiceNumber: '',
      originalId: null,
    })
    note(context, 'refund_without_original', refund, { expectedMinor: 0n, actualMinor: refund.amountMinor })
    return true
  },
  // A sale of 100.00 is refunded with 60.00 twice, a day later.
  refund_exceeds_original(context: DefectContext) {
    const { history } = context
    const sale = sellOnFreshCard(context)
    later(context, sale, { hours: 25 }, (row, at) => void history.payments.refund(row, 6000n, at))
    later(context, sale, { hours: 26 }, (row, at) => {
      history.payments.refund(row, 6000n, at)
      note(context, 'refund_exceeds_original', sale, { expectedMinor: sale.amountMinor, actualMinor: 12_000n })
    })
    return true
  },
  // A reverse by a card that bought nothing. Where it names its original after all, nothing is to be found.
  reverse_without_original(context: DefectContext) {
    const { merchant, random } = context
    const sale = sellOnFreshCard(context, BigInt(random.integer(2000, 9000)))
    const { card } = withFreshCard(context)
    later(context, sale, { seconds: 300 }, (row, at) => {
      const reverse = merchant.addTransaction({ ...row, createdAt: at, type: 'reverse', card, originalId: row.id })
      if (context.isParentTold) return
      note(context, 'reverse_without_original', reverse, { expectedMinor: 0n, actualMinor: reverse.amountMinor })
    })
    return true
  },
  // A sale is reversed in its batch, which had closed. Also: the batch changed after its close.
  reverse_after_close(context: DefectContext) {
    const { merchant, ledger, at } = context
    const batch = soundClosedBatches(context)[0]
    const sale = loneSale(context, batch)
    if (!batch || !sale) return false
    const reverse = merchant.addTransaction({ ...sale, createdAt: at, type: 'reverse', originalId: sale.id })
    merchant.alterBatch(batch.id, { updatedAt: at })
    note(context, 'reverse_after_close', reverse, { expectedMinor: 0n, actualMinor: reverse.amountMinor })
    ledger.note({
      code: 'card_batch_changed_after_close',
      subject: cardBatchSubject(batch.id),
      isConsequence: true,
      note: `row ${reverse.id} appeared after the close`,
    })
    ledger.touchBatch(batch.id, 'reverse_after_close')
    return true
  },
  // A sale is reversed a day later, when its batch has closed, in the batch that is open then.
  'reverse_after_close:next-batch'(context: DefectContext) {
    const { merchant, terminalId, random } = context
    const sale = sellOnFreshCard(context, BigInt(random.integer(2000, 9000)))
    later(context, sale, { hours: 24 }, (row, at) => {
      const batchId = merchant.ensureOpenBatch(terminalId, at).id
      const reverse = merchant.addTransaction({ ...row, createdAt: at, batchId, type: 'reverse', originalId: row.id })
      note(context, 'reverse_after_close', reverse, { expectedMinor: 0n, actualMinor: reverse.amountMinor })
    })
    return true
  },
  // The same sale again three minutes later.
  transaction_duplicated(context: DefectContext) {
    const customer = withFreshCard(context)
    const { at, history } = context
    const sale = history.payments.purchase({ at, customer, amountMinor: 4999n, isExact: true })
    later(context, sale, { seconds: 180 }, (row, when) => {
      const again = repeat(context, row, customer, when)
      note(context, 'transaction_duplicated', again, { expectedMinor: 0n, actualMinor: again.amountMinor })
    })
    return true
  },
} satisfies Record<string, Defect>

function note(
  { ledger }: DefectContext,
  code: TruthEntry['code'],
  row: TransactionRow,
  sides: { expectedMinor: bigint; actualMinor: bigint },
): void {
  const subject = cardTransactionSubject(row.id)
  const text = `transaction ${row.id}, a ${row.type} in batch ${row.batchId}`
  ledger.note({ code, subject, currency: row.currency, ...sides, isConsequence: false, note: text })
}
