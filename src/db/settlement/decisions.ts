import { and, desc, eq, sql } from 'drizzle-orm'
import type { BusinessDate } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Decision, Reason, SettleMode } from '../../domain/settlement-policy.ts'
import { instantOf } from '../batch-facts.ts'
import type { Tx } from '../client.ts'
import { timestamp } from '../mirror/store-records.ts'
import { settlementDecisions } from '../schema/settlement.ts'

/** One decision about one batch, with its reasons. */
export interface RecordedDecision extends Decision {
  readonly cardBatchId: HelcimId
  readonly terminalId: HelcimId
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
 * Records a decision. One that says the same as the batch's last, for the same cut-off and for reasons of the same kind,
 * is that one again.
 */
export async function recordDecision(
  tx: Tx,
  input: Omit<RecordedDecision, 'firstAt' | 'lastAt'> & { accountId: number; now: Instant },
): Promise<void> {
  const { accountId, cardBatchId, now, ...decision } = input
  const [last] = await tx
    .select()
    .from(settlementDecisions)
    .where(ofBatch(accountId, cardBatchId))
    .orderBy(newest)
    .limit(1)
  const isSame =
    last !== undefined &&
    last.verdict === decision.verdict &&
    last.mode === decision.mode &&
    (last.plannedAt?.getTime() ?? null) === decision.plannedAt &&
    codesOf(last.reasons) === codesOf(decision.reasons)
  const values = { ...decision, reasons: [...decision.reasons], lastAt: new Date(now) }
  const plannedAt = decision.plannedAt === null ? null : new Date(decision.plannedAt)
  if (isSame) {
    await tx
      .update(settlementDecisions)
      .set({ ...values, plannedAt })
      .where(and(ofBatch(accountId, cardBatchId), eq(settlementDecisions.decisionId, last.decisionId)))
    return
  }
  await tx.insert(settlementDecisions).values({ ...values, accountId, cardBatchId, plannedAt, firstAt: new Date(now) })
}

/** The newest decisions, of one batch or of all. */
export async function listDecisions(
  tx: Tx,
  { accountId, cardBatchId, limit }: { accountId: number; cardBatchId?: HelcimId; limit: number },
): Promise<RecordedDecision[]> {
  const rows = await tx
    .select()
    .from(settlementDecisions)
    .where(cardBatchId === undefined ? eq(settlementDecisions.accountId, accountId) : ofBatch(accountId, cardBatchId))
    .orderBy(newest)
    .limit(limit)
  return rows.map(toDecision)
}

export interface OverdueBatch {
  readonly cardBatchId: HelcimId
  readonly terminalId: HelcimId
  readonly heldSince: Instant
  readonly reasons: readonly Reason[]
}

/**
 * Open batches that were meant to be settled at their cut-off and have been held since before `heldBefore`. What was
 * decided in a dry run holds nothing.
 */
export async function listOverdue(
  tx: Tx,
  { accountId, heldBefore }: { accountId: number; heldBefore: Instant },
): Promise<OverdueBatch[]> {
  const { rows } = await tx.execute<{
    card_batch_id: string
    terminal_id: string
    held_since: string
    reasons: Reason[]
  }>(
    sql`
    select b.card_batch_id, b.terminal_id, last.reasons, held.since as held_since
    from helcim.card_batches b
    cross join lateral (
      select verdict, mode, reasons from recon.settlement_decisions d
      where d.account_id = b.account_id and d.card_batch_id = b.card_batch_id order by decision_id desc limit 1
    ) last
    cross join lateral (
      select min(d.first_at) as since from recon.settlement_decisions d
      where d.account_id = b.account_id and d.card_batch_id = b.card_batch_id and d.verdict = 'hold' and d.mode = 'on'
        and d.decision_id > coalesce((
          select max(o.decision_id) from recon.settlement_decisions o
          where o.account_id = b.account_id and o.card_batch_id = b.card_batch_id and o.verdict = 'skip'), 0)
    ) held
    where b.account_id = ${accountId} and not b.is_closed and b.vanished_at is null
      and last.verdict = 'hold' and last.mode = 'on' and held.since <= ${timestamp(heldBefore)}
    order by 1`,
  )
  return rows.map((row) => ({
    cardBatchId: BigInt(row.card_batch_id),
    terminalId: BigInt(row.terminal_id),
    heldSince: instantOf(row.held_since) ?? toInstant(0),
    reasons: row.reasons,
  }))
}

const ofBatch = (accountId: number, cardBatchId: HelcimId) =>
  and(eq(settlementDecisions.accountId, accountId), eq(settlementDecisions.cardBatchId, cardBatchId))

const newest = desc(settlementDecisions.decisionId)

const codesOf = (reasons: readonly Reason[]): string => reasons.map(({ code, weight }) => `${code} ${weight}`).join()

const toDecision = (row: typeof settlementDecisions.$inferSelect): RecordedDecision => ({
  ...row,
  businessDate: row.businessDate as BusinessDate,
  verdict: row.verdict as Decision['verdict'],
  mode: row.mode as SettleMode,
  plannedAt: row.plannedAt && toInstant(row.plannedAt.getTime()),
  firstAt: toInstant(row.firstAt.getTime()),
  lastAt: toInstant(row.lastAt.getTime()),
})
