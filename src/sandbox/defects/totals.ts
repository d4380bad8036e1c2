import { type Instant, toInstant } from '../../domain/clock.ts'
import type { BatchFigure } from '../rows.ts'
import { cardBatchSubject } from '../truth.ts'
import { createZone } from '../zone.ts'
import type { Defect, DefectContext } from './catalogue.ts'
import { openBatchOf, saleOf, sell } from './targets.ts'

const DAY_MS = 86_400_000
const zone = createZone('America/Edmonton')

/**
 * Family B, and the counts: what a batch says of itself is wrong from the moment it is struck while still open, so that
 * nothing has to change after its close.
 */
export const TOTAL_DEFECTS = {
  // Each lie touches its one figure and no other: net is stated as if the others were right.
  'card_batch_total_differs:sales': wrongFigure('sales', 1013n),
  'card_batch_total_differs:refunds': wrongFigure('refunds', 2500n),
  // Larger than all voids of a batch, so that no choice of what a reverse voided explains it.
  'card_batch_total_differs:reversed': wrongFigure('reversed', 9_876_543n),
  'card_batch_total_differs:refundsReversed': wrongFigure('refundsReversed', 8_765_432n),
  'card_batch_total_differs:net': wrongFigure('net', -777n),

  // countTotal is one too high; approved and declined are right.
  card_batch_count_differs(context: DefectContext) {
    const batch = openBatchOf(context)
    context.merchant.alterBatch(batch.id, { lie: { ...batch.lie, counts: { ...batch.lie.counts, total: 1 } } })
    context.ledger.touchBatch(batch.id, 'card_batch_count_differs')
    return true
  },

  // An approved row in the other currency. It counts, and its amount is in no figure. Nothing else follows.
  card_batch_currency_mixed: foreignRow('approved'),
  'card_batch_currency_mixed:declined': foreignRow('declined'),

  // The automatic close is off for good: from 24 hours on, until somebody settles it.
  card_batch_open_too_long: (context: DefectContext) => leaveOpen(context, null),
  // As documented it closes after 48 hours all the same; the finding holds in between.
  'card_batch_open_too_long:48h': (context: DefectContext) => leaveOpen(context, 2 * DAY_MS),
} satisfies Record<string, Defect>

function wrongFigure(figure: BatchFigure, deltaMinor: bigint): Defect {
  return (context) => {
    const batch = openBatchOf(context)
    const figures = { ...batch.lie.figures, [figure]: (batch.lie.figures[figure] ?? 0n) + deltaMinor }
    context.merchant.alterBatch(batch.id, { lie: { ...batch.lie, figures } })
    context.ledger.touchBatch(batch.id, 'card_batch_total_differs')
    return true
  }
}

function foreignRow(status: 'approved' | 'declined'): Defect {
  return (context) => {
    const { merchant, history, ledger } = context
    const row = status === 'approved' ? sell(context) : history.payments.decline(saleOf(context))
    merchant.alterTransaction(row.id, { currency: row.currency === 'CAD' ? 'USD' : 'CAD' })
    ledger.touchBatch(row.batchId, 'card_batch_currency_mixed')
    return true
  }
}

function leaveOpen(context: DefectContext, openForMs: number | null): boolean {
  const { merchant, ledger } = context
  const batch = openBatchOf(context)
  merchant.alterBatch(batch.id, { closesAt: openForMs === null ? null : toInstant(batch.createdAt + openForMs) })
  ledger.note(
    {
      code: 'card_batch_open_too_long',
      subject: cardBatchSubject(batch.id),
      isConsequence: false,
      note: 'its automatic close did not happen',
    },
    (now) => merchant.batch(batch.id)?.closedAt === null && wallMs(now) - wallMs(batch.createdAt) > DAY_MS,
  )
  return true
}

/** Local time as a number: days are counted by the clock on the wall, also where it is put back or forward. */
const wallMs = (instant: Instant): number => Date.parse(`${zone.text(instant).replace(' ', 'T')}Z`)
