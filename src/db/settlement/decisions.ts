import { sql } from 'drizzle-orm'
import { type BatchKey, batchOf } from '../../domain/batch-key.ts'
import type { BusinessDate } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Decision, Reason, SettleMode } from '../../domain/settlement-policy.ts'
import type { Tx } from '../client.ts'
import { achSettlementDecisions, settlementDecisions } from '../schema/settlement.ts'
import { everyDecision, isOfBatch, TERMINAL_UNREAD } from './both-kinds.ts'

/** One decision about one batch, with its reasons. */
export interface RecordedDecision extends Decision {
  readonly batch: BatchKey
  readonly terminalId: HelcimId | null
  readonly businessDate: BusinessDate
  /** The cut-off that it was about; null where a person asked. */
  readonly plannedAt: Instant | null
  readonly mode: SettleMode
  readonly firstAt: Instant
  readonly lastAt: Instant
  readonly currency: string | null
  readonly netMinor: bigint | null
  readonly countTotal: number | null
}

/**
 * Records a decision. One that says the same as the batch's last, for the same cut-off and day and for reasons of the same
 * kind, is that one again.
 */
export async function recordDecision(
  tx: Tx,
  input: Omit<RecordedDecision, 'firstAt' | 'lastAt'> & { accountId: number; now: Instant },
): Promise<void> {
  const { accountId, batch, terminalId, now, ...decision } = input
  const [last] = await selectDecisions(tx, { accountId, batch }).limit(1)
  const isSame =
    last !== undefined &&
    last.verdict === decision.verdict &&
    last.mode === decision.mode &&
    last.businessDate === decision.businessDate &&
    (last.plannedAt?.getTime() ?? null) === decision.plannedAt &&
    codesOf(last.reasons) === codesOf(decision.reasons)
  const isLast = sql`account_id = ${accountId} and decision_id = ${last?.decisionId}`
  const plannedAt = decision.plannedAt === null ? null : new Date(decision.plannedAt)
  const values = { ...decision, reasons: [...decision.reasons], plannedAt, lastAt: new Date(now) }
  const first = { accountId, firstAt: values.lastAt }
  switch (batch.kind) {
    case 'card_batch': {
      const ofCard = { ...values, terminalId: terminalId ?? TERMINAL_UNREAD }
      if (isSame) await tx.update(settlementDecisions).set(ofCard).where(isLast)
      else await tx.insert(settlementDecisions).values({ ...ofCard, ...first, cardBatchId: batch.id })
      return
    }
    case 'ach_batch':
      if (isSame) await tx.update(achSettlementDecisions).set(values).where(isLast)
      else await tx.insert(achSettlementDecisions).values({ ...values, ...first, achBatchId: batch.id })
  }
}

/** The newest decisions, of one batch or of all. */
export async function listDecisions(
  tx: Tx,
  { limit, ...about }: { accountId: number; batch?: BatchKey; limit: number },
): Promise<RecordedDecision[]> {
  const rows = await selectDecisions(tx, about).limit(limit)
  return rows.map(toDecision)
}

/** The newest first. */
const selectDecisions = (tx: Tx, { accountId, batch }: { accountId: number; batch?: BatchKey }) =>
  tx
    .select()
    .from(everyDecision(tx))
    .where(sql`account_id = ${accountId} and ${batch ? isOfBatch(batch) : true}`)
    .orderBy(sql`decision_id desc`)

const codesOf = (reasons: readonly Reason[]): string => reasons.map(({ code, weight }) => `${code} ${weight}`).join()

const toDecision = ({
  cardBatchId,
  achBatchId,
  ...row
}: Awaited<ReturnType<typeof selectDecisions>>[number]): RecordedDecision => ({
  ...row,
  batch: batchOf({ cardBatchId, achBatchId }),
  businessDate: row.businessDate as BusinessDate,
  verdict: row.verdict as Decision['verdict'],
  mode: row.mode as SettleMode,
  plannedAt: row.plannedAt && toInstant(row.plannedAt.getTime()),
  firstAt: toInstant(row.firstAt.getTime()),
  lastAt: toInstant(row.lastAt.getTime()),
})
