import { and, desc, eq, gt, isNull, lte, sql } from 'drizzle-orm'
import type { Silence } from '../../domain/alert-rules.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { MismatchCode } from '../../domain/mismatch.ts'
import type { Tx } from '../client.ts'
import { alertSilences } from '../schema/alerts.ts'

/** One that a person asked for. */
export interface StoredSilence extends Silence {
  readonly silenceId: bigint
  readonly createdAt: Instant
  readonly actor: string
  /** Before its time, by a person; null where it runs, or ran, to its end. */
  readonly endedAt: Instant | null
  readonly endedBy: string | null
}

export async function addSilence(
  tx: Tx,
  { accountId, silence, actor, now }: { accountId: number; silence: Silence; actor: string; now: Instant },
): Promise<StoredSilence> {
  const { code, subject, until, reason } = silence
  const [row] = await tx
    .insert(alertSilences)
    .values({
      accountId,
      code,
      subjectKind: subject?.kind ?? null,
      subjectId: subject?.id ?? null,
      createdAt: new Date(now),
      until: new Date(until),
      reason,
      actor,
    })
    .returning()
  if (!row) throw new Error('an insert returned nothing')
  return toSilence(row)
}

/** Those that hold at `now`, the last to end first. */
export async function listSilences(
  tx: Tx,
  { accountId, now }: { accountId: number; now: Instant },
): Promise<StoredSilence[]> {
  const holds = and(gt(alertSilences.until, new Date(now)), isNull(alertSilences.endedAt))
  const rows = await tx
    .select()
    .from(alertSilences)
    .where(and(eq(alertSilences.accountId, accountId), holds))
    .orderBy(desc(alertSilences.until), desc(alertSilences.silenceId))
  return rows.map(toSilence)
}

/** Those that are over, the newest first. */
export async function listPastSilences(
  tx: Tx,
  { accountId, now, limit }: { accountId: number; now: Instant; limit: number },
): Promise<StoredSilence[]> {
  const isOver = sql`(${lte(alertSilences.until, new Date(now))} or ${alertSilences.endedAt} is not null)`
  const rows = await tx
    .select()
    .from(alertSilences)
    .where(and(eq(alertSilences.accountId, accountId), isOver))
    .orderBy(desc(alertSilences.silenceId))
    .limit(limit)
  return rows.map(toSilence)
}

/** Ends one before its time. @returns false when there is none of this number that holds */
export async function endSilence(
  tx: Tx,
  { accountId, silenceId, actor, now }: { accountId: number; silenceId: bigint; actor: string; now: Instant },
): Promise<boolean> {
  const { rowCount } = await tx
    .update(alertSilences)
    .set({ endedAt: new Date(now), endedBy: actor })
    .where(
      and(
        eq(alertSilences.accountId, accountId),
        eq(alertSilences.silenceId, silenceId),
        gt(alertSilences.until, new Date(now)),
        isNull(alertSilences.endedAt),
      ),
    )
  return (rowCount ?? 0) > 0
}

const toSilence = (row: typeof alertSilences.$inferSelect): StoredSilence => ({
  silenceId: row.silenceId,
  code: row.code as MismatchCode | null,
  subject: row.subjectKind === null && row.subjectId === null ? null : { kind: row.subjectKind, id: row.subjectId },
  until: toInstant(row.until.getTime()),
  reason: row.reason,
  createdAt: toInstant(row.createdAt.getTime()),
  actor: row.actor,
  endedAt: row.endedAt && toInstant(row.endedAt.getTime()),
  endedBy: row.endedBy,
})
