import { sql } from 'drizzle-orm'
import { type BatchKey, batchOf } from '../../domain/batch-key.ts'
import type { Instant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { AttemptState, Closer } from '../../domain/settlement.ts'
import type { Reason } from '../../domain/settlement-policy.ts'
import type { Tx } from '../client.ts'
import { arrayOf, timestamp } from '../sql-values.ts'
import { everyAttempt, everyDecision, idOrNull } from './both-kinds.ts'
import { openBatches } from './open-batches.ts'

interface BatchMoney {
  readonly batch: BatchKey
  /** Null for ACH, and for a batch that could not be read. */
  readonly terminalId: HelcimId | null
  /** As of the decision; minor units. */
  readonly currency: string | null
  readonly netMinor: bigint | null
}

/** An attempt that came to its end, or of which nobody knows by now what came of it. */
export interface NewAttempt extends BatchMoney {
  readonly attemptId: bigint
  readonly state: AttemptState
  readonly closedBy: Closer | null
  /** Helcim's answer. */
  readonly status: number | null
  readonly words: string | null
}

/** A batch that was meant to be settled and was not, or in a dry run would have been. */
export interface PassedBatch extends BatchMoney {
  readonly verdict: 'hold' | 'settle'
  readonly reasons: readonly Reason[]
}

type Row = Readonly<Record<string, string | null>> & { readonly reasons: Reason[] }

/**
 * Attempts for batches of both kinds that ended after an instant, without those named, and those whose end is unknown
 * since whenever; the most money first.
 */
export async function listAttemptsSince(
  tx: Tx,
  { accountId, after, without }: { accountId: number; after: Instant; without: readonly bigint[] },
): Promise<NewAttempt[]> {
  const { rows } = await tx.execute<Row>(sql`
    select attempt_id, card_batch_id, ach_batch_id, terminal_id, state, closed_by, status, words, currency, net_minor
    from ${everyAttempt(tx)}
    where account_id = ${accountId}
      and (state = 'unknown'
        or finished_at > ${timestamp(after)} and not (attempt_id = any(${arrayOf(without)}::bigint[])))
    order by currency, abs(net_minor) desc nulls last, attempt_id`)
  return rows.map((row) => ({
    ...moneyOf(row),
    attemptId: BigInt(row.attempt_id ?? 0),
    state: row.state as AttemptState,
    closedBy: (row.closed_by ?? null) as Closer | null,
    status: row.status === null || row.status === undefined ? null : Number(row.status),
    words: row.words ?? null,
  }))
}

/**
 * Open batches of both kinds whose last decision, made after an instant, is to hold them, or to settle them in a dry
 * run; the most money first.
 */
export async function listPassedBatches(
  tx: Tx,
  { accountId, after }: { accountId: number; after: Instant },
): Promise<PassedBatch[]> {
  const { rows } = await tx.execute<Row>(sql`
    select open.card_batch_id, open.ach_batch_id, open.terminal_id, last.verdict, last.reasons, last.currency,
      last.net_minor
    from (${openBatches(accountId)}) open
    cross join lateral (
      select verdict, mode, reasons, currency, net_minor, last_at from ${everyDecision(tx)}
      where decisions.account_id = ${accountId}
        and (decisions.card_batch_id = open.card_batch_id or decisions.ach_batch_id = open.ach_batch_id)
      order by decision_id desc limit 1
    ) last
    where last.last_at > ${timestamp(after)}
      and (last.verdict = 'hold' or last.verdict = 'settle' and last.mode = 'dry-run')
    order by last.verdict, last.currency, abs(last.net_minor) desc nulls last, open.card_batch_id, open.ach_batch_id`)
  return rows.map((row) => ({
    ...moneyOf(row),
    verdict: row.verdict === 'settle' ? 'settle' : 'hold',
    reasons: row.reasons,
  }))
}

const moneyOf = (row: Row): BatchMoney => ({
  batch: batchOf({ cardBatchId: idOrNull(row.card_batch_id), achBatchId: idOrNull(row.ach_batch_id) }),
  terminalId: idOrNull(row.terminal_id),
  currency: row.currency ?? null,
  netMinor: idOrNull(row.net_minor),
})
