import { and, desc, eq } from 'drizzle-orm'
import { type BatchKey, batchOf, idsOf } from '../../domain/batch-key.ts'
import type { BusinessDate } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Decision, Reason, SettleMode } from '../../domain/settlement-policy.ts'
import type { Tx } from '../client.ts'
import { settlementDecisions } from '../schema/settlement.ts'
import { isOfBatch } from './of-batch.ts'

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
  const { accountId, batch, now, ...decision } = input
  const [last] = await tx.select().from(settlementDecisions).where(ofBatch(accountId, batch)).orderBy(newest).limit(1)
  const isSame =
    last !== undefined &&
    last.verdict === decision.verdict &&
    last.mode === decision.mode &&
    last.businessDate === decision.businessDate &&
    (last.plannedAt?.getTime() ?? null) === decision.plannedAt &&
    codesOf(last.reasons) === codesOf(decision.reasons)
  const values = { ...decision, reasons: [...decision.reasons], lastAt: new Date(now) }
  const plannedAt = decision.plannedAt === null ? null : new Date(decision.plannedAt)
  if (isSame) {
    await tx
      .update(settlementDecisions)
      .set({ ...values, plannedAt })
      .where(and(ofBatch(accountId, batch), eq(settlementDecisions.decisionId, last.decisionId)))
    return
  }
  await tx
    .insert(settlementDecisions)
    .values({ ...values, ...idsOf(batch), accountId, plannedAt, firstAt: new Date(now) })
}

/** The newest decisions, of one batch or of all. */
export async function listDecisions(
  tx: Tx,
  { accountId, batch, limit }: { accountId: number; batch?: BatchKey; limit: number },
): Promise<RecordedDecision[]> {
  const rows = await tx
    .select()
    .from(settlementDecisions)
    .where(batch === undefined ? eq(settlementDecisions.accountId, accountId) : ofBatch(accountId, batch))
    .orderBy(newest)
    .limit(limit)
  return rows.map(toDecision)
}

const ofBatch = (accountId: number, batch: BatchKey) =>
  and(eq(settlementDecisions.accountId, accountId), isOfBatch(settlementDecisions, batch))

const newest = desc(settlementDecisions.decisionId)

const codesOf = (reasons: readonly Reason[]): string => reasons.map(({ code, weight }) => `${code} ${weight}`).join()

const toDecision = ({
  cardBatchId,
  achBatchId,
  ...row
}: typeof settlementDecisions.$inferSelect): RecordedDecision => ({
  ...row,
  batch: batchOf({ cardBatchId, achBatchId }),
  businessDate: row.businessDate as BusinessDate,
  verdict: row.verdict as Decision['verdict'],
  mode: row.mode as SettleMode,
  plannedAt: row.plannedAt && toInstant(row.plannedAt.getTime()),
  firstAt: toInstant(row.firstAt.getTime()),
  lastAt: toInstant(row.lastAt.getTime()),
})
