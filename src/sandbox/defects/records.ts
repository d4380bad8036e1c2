import type { Disguise, TransactionFacts, TransactionRow } from '../rows.ts'
import { CARD_TRANSACTIONS_SUBJECT, cardBatchSubject, cardTransactionSubject, type DefectCode } from '../truth.ts'
import type { Defect, DefectContext } from './catalogue.ts'
import { batchOf, loneSale, openBatchOf, sell, soundClosedBatches } from './targets.ts'

/** Family A: records that cannot be read, are unknown, vanish or change, and holes in the list of batches. */
export const RECORD_DEFECTS = {
  // A new sale that cannot be read. Also: count, sales and net of its batch, whose statistics know the sale.
  record_undecodable: undecodableSale({ kind: 'undecodable', key: 'amount', literal: '12.345' }),
  'record_undecodable:text': undecodableSale({ kind: 'undecodable', key: 'amount', literal: '"abc"' }),
  'record_undecodable:id': undecodableSale({ kind: 'undecodable', key: 'transactionId', literal: null }),
  // A suspected duplicate is in no batch: nothing else follows.
  'record_undecodable:no-batch': (context: DefectContext) =>
    disguiseDuplicate(context, { kind: 'undecodable', key: 'amount', literal: '"abc"' }, 'record_undecodable'),

  // A new row of unknown type; the statistics count it and sum it nowhere. Nothing else follows.
  value_unknown(context: DefectContext) {
    const row = context.merchant.alterTransaction(sell(context).id, { type: 'adjustment' })
    note(context, 'value_unknown', row, 'its type is none that is known')
    context.ledger.touchBatch(row.batchId, 'value_unknown')
    return true
  },
  // The status of a row in no batch. Nothing else follows.
  'value_unknown:status': (context: DefectContext) =>
    disguiseDuplicate(context, { kind: 'unknown-status', status: 'PENDING' }, 'value_unknown'),
  // The status of a sale that the statistics know. Also: count (approved), sales and net of its batch.
  'value_unknown:sale'(context: DefectContext) {
    const disguise: Disguise = { kind: 'unknown-status', status: 'PENDING' }
    const row = context.merchant.alterTransaction(sell(context).id, { disguise })
    note(context, 'value_unknown', row, 'its status is none that is known')
    context.ledger.touchBatch(row.batchId, 'value_unknown')
    return true
  },

  // A sale leaves a closed batch, whose statistics follow. Also: the batch changed after its close.
  record_disappeared: disappearance((context) => soundClosedBatches(context)[0], 'everywhere'),
  // The statistics stay. Also: the batch changed after its close; its count, sales and net.
  'record_disappeared:list-only': disappearance((context) => soundClosedBatches(context)[0], 'list-only'),
  // From the open batch. Nothing else follows.
  'record_disappeared:open': disappearance(openBatchOf, 'everywhere'),

  // A sale of a closed batch changes, and the statistics with it. Also: the batch changed after its close.
  record_changed: change((row) => ({ amountMinor: row.amountMinor + 1000n })),
  'record_changed:status': change(() => ({
    status: 'declined',
    errors: 'Transaction Declined: DECLINED - Do Not Honor',
  })),
  'record_changed:type': change(() => ({ type: 'capture' })),
  // Also: the batch's currencies are mixed.
  'record_changed:currency': change((row) => ({ currency: row.currency === 'CAD' ? 'USD' : 'CAD' })),
  // From one closed batch to the one before. Also: both batches changed after their close.
  'record_changed:batch'(context: DefectContext) {
    const [from, to] = soundClosedBatches(context)
    const row = loneSale(context, from)
    if (!row || !from || !to) return false
    moveRow(context, row, to.id, 'record_changed')
    noteChangedAfterClose(context, to.id, 'a row has come from another batch', 'record_changed')
    return true
  },
  // In the open batch. Nothing else follows.
  'record_changed:open': change((row) => ({ amountMinor: row.amountMinor + 1000n }), openBatchOf),

  // The next batch is never returned. Also: its number is missing once a later one exists.
  card_batch_missing({ merchant, ledger, terminalId }: DefectContext) {
    merchant.hideNextBatch(terminalId)
    ledger.touchTerminal(terminalId, 'card_batch_missing')
    return true
  },
  // The counter skips one; to be seen once the next batch is open.
  card_batch_number_gap({ merchant, ledger, terminalId }: DefectContext) {
    merchant.skipBatchNumbers(terminalId, 1n)
    ledger.touchTerminal(terminalId, 'card_batch_number_gap')
    return true
  },

  // From then on the server does not apply the parameter. To be seen by whoever uses it.
  filter_ignored: ignoredFilters(['cardBatchId']),
  'filter_ignored:dates': ignoredFilters(['dateFrom', 'dateTo']),

  // A sale appears in a closed batch, dated after its close; statistics and dateUpdated follow. Nothing else follows.
  card_batch_changed_after_close(context: DefectContext) {
    const { merchant, at } = context
    const batch = soundClosedBatches(context)[0]
    if (!batch) return false
    // Modelled on an honest sale of that moment, so that it looks like any other row.
    const model = sell(context)
    const late = merchant.addTransaction({
      ...model,
      batchId: batch.id,
      amountMinor: model.amountMinor + 250n,
      invoiceNumber: merchant.nextInvoiceNumber(),
    })
    merchant.alterBatch(batch.id, { updatedAt: at })
    noteChangedAfterClose(
      context,
      batch.id,
      `row ${late.id} appeared after the close`,
      'card_batch_changed_after_close',
    )
    return true
  },
  // A sale leaves a closed batch for the open one. Also: the record changed.
  'card_batch_changed_after_close:moves'(context: DefectContext) {
    const row = loneSale(context, soundClosedBatches(context)[0])
    if (!row) return false
    moveRow(context, row, openBatchOf(context).id, 'card_batch_changed_after_close')
    return true
  },
} satisfies Record<string, Defect>

function undecodableSale(disguise: Disguise): Defect {
  return (context) => {
    const row = context.merchant.alterTransaction(sell(context).id, { disguise })
    const hasId = disguise.kind !== 'undecodable' || disguise.key !== 'transactionId'
    context.ledger.note({
      code: 'record_undecodable',
      isConsequence: false,
      subject: hasId ? cardTransactionSubject(row.id) : CARD_TRANSACTIONS_SUBJECT,
      note: `transaction ${row.id} of batch ${row.batchId} cannot be read`,
    })
    context.ledger.touchBatch(row.batchId, 'record_undecodable')
    return true
  }
}

function disguiseDuplicate(context: DefectContext, disguise: Disguise, code: DefectCode): boolean {
  const duplicate = context.history.payments.suspectedDuplicate(sell(context), context.at)
  const row = context.merchant.alterTransaction(duplicate.id, { disguise })
  note(context, code, row, 'a suspected duplicate in no batch')
  return true
}

function disappearance(
  findBatch: (context: DefectContext) => ReturnType<typeof openBatchOf> | undefined,
  from: 'everywhere' | 'list-only',
): Defect {
  return (context) => {
    const row = loneSale(context, findBatch(context))
    if (!row) return false
    const isClosed = batchOf(context, row).closedAt !== null
    if (from === 'everywhere') context.merchant.removeTransaction(row.id)
    else context.merchant.alterTransaction(row.id, { isHidden: true })
    note(context, 'record_disappeared', row, `it was in batch ${row.batchId}`)
    if (isClosed) noteChangedAfterClose(context, row.batchId, `row ${row.id} is gone`, 'record_disappeared')
    else context.ledger.touchBatch(row.batchId, 'record_disappeared')
    return true
  }
}

function change(
  changeOf: (row: TransactionRow) => Partial<TransactionFacts>,
  findBatch: (context: DefectContext) => ReturnType<typeof openBatchOf> | undefined = (context) =>
    soundClosedBatches(context)[0],
): Defect {
  return (context) => {
    const row = loneSale(context, findBatch(context))
    if (!row) return false
    const isClosed = batchOf(context, row).closedAt !== null
    const facts = changeOf(row)
    context.merchant.alterTransaction(row.id, facts)
    note(context, 'record_changed', row, `changed: ${Object.keys(facts).join(', ')}`)
    if (isClosed) noteChangedAfterClose(context, row.batchId, `row ${row.id} has changed`, 'record_changed')
    else context.ledger.touchBatch(row.batchId, 'record_changed')
    return true
  }
}

function moveRow(context: DefectContext, row: TransactionRow, to: bigint, cause: DefectCode): void {
  context.merchant.alterTransaction(row.id, { batchId: to })
  note(context, 'record_changed', row, `moved from batch ${row.batchId} to ${to}`, cause)
  noteChangedAfterClose(context, row.batchId, `row ${row.id} has left`, cause)
  context.ledger.touchBatch(to, cause)
}

function ignoredFilters(names: readonly string[]): Defect {
  return ({ ignoreFilters, ledger }) => {
    ignoreFilters(names)
    const note = `the parameters ${names.join(', ')} are not applied`
    ledger.note({
      code: 'filter_ignored',
      subject: CARD_TRANSACTIONS_SUBJECT,
      isConsequence: false,
      note,
    })
    return true
  }
}

function note({ ledger }: DefectContext, code: DefectCode, row: TransactionRow, text: string, cause = code): void {
  ledger.note({ code, subject: cardTransactionSubject(row.id), isConsequence: code !== cause, note: text })
}

function noteChangedAfterClose({ ledger }: DefectContext, batchId: bigint, text: string, cause: DefectCode): void {
  const code = 'card_batch_changed_after_close'
  ledger.note({ code, subject: cardBatchSubject(batchId), isConsequence: cause !== code, note: text })
  ledger.touchBatch(batchId, cause)
}
