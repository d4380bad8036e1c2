import { sql } from 'drizzle-orm'
import { type BatchKey, batchOf } from '../../domain/batch-key.ts'
import type { BusinessDate } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { AttemptState, Closer } from '../../domain/settlement.ts'
import type { Decision, Reason, SettleMode } from '../../domain/settlement-policy.ts'
import { instantOf } from '../batch-facts.ts'
import type { Tx } from '../client.ts'
import { everyAttempt, everyDecision, idOrNull } from './both-kinds.ts'

/**
 * - `settled`: closed, see `closedBy`
 * - `refused`: Helcim said no, see `words`
 * - `uncertain`: called, and not known what came of it
 * - `not_settled`: tried and open: not taken, or abandoned
 * - `held`, `left`: something stood in the way, or the policy did not want it; see `reasons`
 * - `rehearsed`: would have been settled, in a dry run
 */
export const DAY_OUTCOMES = ['settled', 'refused', 'uncertain', 'not_settled', 'held', 'left', 'rehearsed'] as const
export type DayOutcome = (typeof DAY_OUTCOMES)[number]

/** What became of one batch at the cut-offs of a day, or by hand on it. */
export interface DaySettlement {
  readonly batch: BatchKey
  readonly terminalId: HelcimId | null
  readonly outcome: DayOutcome
  /** When it ended, or was decided last. */
  readonly at: Instant
  readonly closedBy: Closer | null
  /** Helcim's, of the last attempt. */
  readonly words: string | null
  /** Of the last decision. */
  readonly reasons: readonly Reason[]
  /** As of the last decision; minor units. */
  readonly currency: string | null
  readonly netMinor: bigint | null
  readonly countTotal: number | null
}

type Row = Readonly<Record<string, string | null>> & {
  readonly reasons: Reason[]
  readonly verdict: Decision['verdict']
  readonly mode: SettleMode
  readonly state: AttemptState | null
}

/**
 * What was decided and done about settling on one local business date of the account, a line for each batch: the money
 * that went first, then what a person must look at, then the rest.
 */
export async function listSettlementsOfDay(
  tx: Tx,
  { accountId, businessDate }: { accountId: number; businessDate: BusinessDate },
): Promise<DaySettlement[]> {
  const { rows } = await tx.execute<Row>(sql`
    select d.card_batch_id, d.ach_batch_id, d.terminal_id, d.verdict, d.mode, d.reasons, d.last_at, d.currency, d.net_minor,
      d.count_total, a.state, a.words, a.closed_by, coalesce(a.finished_at, a.called_at, d.last_at) as at
    from (
      select distinct on (card_batch_id, ach_batch_id) * from ${everyDecision(tx)}
      where account_id = ${accountId} and business_date = ${businessDate}
      order by card_batch_id, ach_batch_id, decision_id desc
    ) d
    left join lateral (
      select * from ${everyAttempt(tx)}
      where account_id = ${accountId} and business_date = ${businessDate}
        and (attempts.card_batch_id = d.card_batch_id or attempts.ach_batch_id = d.ach_batch_id)
      order by attempt_id desc limit 1
    ) a on true
    order by d.card_batch_id, d.ach_batch_id`)
  return rows
    .map((row) => ({
      batch: batchOf({ cardBatchId: idOrNull(row.card_batch_id), achBatchId: idOrNull(row.ach_batch_id) }),
      terminalId: idOrNull(row.terminal_id),
      outcome: outcomeOf(row),
      at: instantOf(row.at) ?? toInstant(0),
      closedBy: (row.closed_by ?? null) as Closer | null,
      words: row.words ?? null,
      reasons: row.reasons,
      currency: row.currency ?? null,
      netMinor: idOrNull(row.net_minor),
      countTotal: row.count_total === null || row.count_total === undefined ? null : Number(row.count_total),
    }))
    .toSorted((one, other) => DAY_OUTCOMES.indexOf(one.outcome) - DAY_OUTCOMES.indexOf(other.outcome))
}

function outcomeOf({ state, verdict, mode }: Row): DayOutcome {
  switch (state) {
    case 'confirmed':
      return 'settled'
    case 'refused':
      return 'refused'
    case 'intended':
    case 'calling':
    case 'unknown':
      return 'uncertain'
    default:
  }
  if (verdict === 'hold') return 'held'
  if (verdict === 'skip') return 'left'
  return state === null && mode !== 'on' ? 'rehearsed' : 'not_settled'
}
