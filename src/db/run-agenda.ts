import { sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { MismatchCode } from '../domain/mismatch.ts'
import type { HelcimId } from '../domain/record.ts'
import type { Tx } from './client.ts'
import { DUE_KINDS, type DueKind } from './due-checks.ts'
import { rowsMarked, takeMarks } from './marks.ts'
import { arrayOf, timestamp } from './sql-values.ts'

const MARK_KINDS = [
  'card_batch',
  'card_batch_whole',
  'customer',
  'card',
  'invoice',
  'ach_transaction',
  'ach_batch',
] as const

/** What a run has to look at because something changed, came due, or was said before: asked for once, at its start. */
export interface RunAgenda {
  /** Subjects of which a record changed. */
  marked(kind: (typeof MARK_KINDS)[number]): readonly string[]
  /** Card batches of which something was stored: which of their rows are meant; null for all. */
  readonly batchRows: ReadonlyMap<string, readonly HelcimId[] | null>
  /** Card batches of which a record was stored, and when the last one was. */
  readonly batchesMovedAt: ReadonlyMap<string, Instant>
  /** Subjects of which time or a reading can have changed what is to be said. */
  due(kind: DueKind): readonly string[]
  /** Subjects of mismatches of these codes that are not resolved, or were resolved by a person. */
  said(codes: readonly MismatchCode[]): readonly string[]
}

/** Takes the marks that a reconciliation works off: they are gone when its transaction commits, or stay if it fails. */
export async function takeAgenda(tx: Tx, { accountId, now }: { accountId: number; now: Instant }): Promise<RunAgenda> {
  const marks = await takeMarks(tx, { accountId, kinds: MARK_KINDS })
  const { rows: due } = await tx.execute<{ kind: string; id: string }>(sql`
    select subject_kind as kind, subject_id as id from recon.due_checks
    where account_id = ${accountId} and subject_kind = any(${arrayOf(DUE_KINDS)}::text[]) and due_at <= ${timestamp(now)}`)
  const { rows: said } = await tx.execute<{ kind: string; id: string }>(sql`
    select code as kind, subject_id as id from recon.mismatches
    where account_id = ${accountId} and (state <> 'resolved' or resolution <> 'automatic')
    order by code, subject_id`)
  const idsOf = (subjects: readonly { kind: string; id: string }[], kinds: readonly string[]) =>
    subjects.filter(({ kind }) => kinds.includes(kind)).map(({ id }) => id)
  return {
    marked: (kind) => idsOf(marks, [kind]),
    batchRows: rowsMarked(marks, 'card_batch'),
    batchesMovedAt: new Map(
      marks.flatMap(({ kind, id, movedAt }) => (kind === 'card_batch' && movedAt !== null ? [[id, movedAt]] : [])),
    ),
    due: (kind) => idsOf(due, [kind]),
    said: (codes) => idsOf(said, codes),
  }
}
