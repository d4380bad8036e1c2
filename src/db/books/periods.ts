import { and, asc, desc, eq, sql } from 'drizzle-orm'
import type { BusinessDate } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import { firstDayOf, type Month, monthOf } from '../../domain/month.ts'
import type { Tx } from '../client.ts'
import { periodEvents, periodFileParts, periodFiles, periodRevisions } from '../schema/periods.ts'

export interface PeriodEvent {
  readonly month: Month
  readonly kind: 'closed' | 'reopened'
  readonly revision: number
  readonly at: Instant
  readonly actor: string
  readonly reason: string | null
}

/** A month as it was closed, see `period_revisions`. */
export interface PeriodRevision {
  readonly month: Month
  readonly revision: number
  readonly asOf: Instant
  readonly closedAt: Instant
  readonly closedBy: string
  readonly lacking: readonly string[]
  readonly forcedReason: string | null
  readonly settings: unknown
  readonly sha256: string
}

export interface PeriodFile {
  readonly file: string
  readonly content: string | null
  readonly definition: string | null
  readonly countBytes: bigint
  readonly sha256: string
}

export interface RevisionKey {
  readonly accountId: number
  readonly month: Month
  readonly revision: number
}

/** The first day on which entries may still be dated; null while no month is closed. */
export async function loadOpenFrom(tx: Tx, accountId: number): Promise<BusinessDate | null> {
  const { rows } = await tx.execute<{ open_from: string | null }>(
    sql`select books.open_from(${accountId}::int)::text as open_from`,
  )
  return (rows[0]?.open_from ?? null) as BusinessDate | null
}

/** Everything that happened to periods, in order. */
export async function listPeriodEvents(tx: Tx, accountId: number): Promise<PeriodEvent[]> {
  const rows = await tx
    .select()
    .from(periodEvents)
    .where(eq(periodEvents.accountId, accountId))
    .orderBy(asc(periodEvents.eventId))
  return rows.map(({ monthOn, kind, revision, at, actor, reason }) => ({
    month: monthOf(monthOn as BusinessDate),
    kind: kind as PeriodEvent['kind'],
    revision,
    at: toInstant(at.getTime()),
    actor,
    reason,
  }))
}

export async function storePeriodEvent(tx: Tx, accountId: number, event: PeriodEvent): Promise<void> {
  const { month, at, ...values } = event
  await tx.insert(periodEvents).values({ accountId, monthOn: firstDayOf(month), at: new Date(at), ...values })
}

/** All revisions, the oldest month and the first revision of it first. */
export async function listRevisions(tx: Tx, accountId: number): Promise<PeriodRevision[]> {
  const rows = await tx
    .select()
    .from(periodRevisions)
    .where(eq(periodRevisions.accountId, accountId))
    .orderBy(asc(periodRevisions.monthOn), asc(periodRevisions.revision))
  return rows.map(toRevision)
}

/** @param revision the last one unless said */
export async function findRevision(
  tx: Tx,
  { accountId, month, revision }: { accountId: number; month: Month; revision?: number },
): Promise<PeriodRevision | null> {
  const isIt = and(eq(periodRevisions.accountId, accountId), eq(periodRevisions.monthOn, firstDayOf(month)))
  const [row] = await tx
    .select()
    .from(periodRevisions)
    .where(revision === undefined ? isIt : and(isIt, eq(periodRevisions.revision, revision)))
    .orderBy(desc(periodRevisions.revision))
    .limit(1)
  return row ? toRevision(row) : null
}

export async function storeRevision(tx: Tx, accountId: number, one: PeriodRevision): Promise<void> {
  const { month, asOf, closedAt, ...values } = one
  await tx.insert(periodRevisions).values({
    accountId,
    monthOn: firstDayOf(month),
    asOf: new Date(asOf),
    closedAt: new Date(closedAt),
    ...values,
  })
}

/** Stores a file with its bytes, part by part as they come. */
export async function storePeriodFile(
  tx: Tx,
  { accountId, month, revision }: RevisionKey,
  { parts, ...file }: PeriodFile & { parts: AsyncIterable<Buffer> | Iterable<Buffer> },
): Promise<void> {
  const key = { accountId, monthOn: firstDayOf(month), revision, file: file.file }
  await tx.insert(periodFiles).values({ ...file, ...key })
  let position = 0
  for await (const bytes of parts) {
    await tx.insert(periodFileParts).values({ ...key, position, bytes })
    position += 1
  }
}

/** In the order of their names. */
export async function listPeriodFiles(tx: Tx, key: RevisionKey): Promise<PeriodFile[]> {
  const rows = await tx
    .select()
    .from(periodFiles)
    .where(isOfRevision(periodFiles, key))
    .orderBy(sql`${periodFiles.file} collate "C"`)
  return rows.map(({ file, content, definition, countBytes, sha256 }) => ({
    file,
    content,
    definition,
    countBytes,
    sha256,
  }))
}

/** The bytes of a stored file, part by part. */
export async function* readPeriodFile(
  tx: Tx,
  { file, ...key }: RevisionKey & { file: string },
): AsyncGenerator<Buffer> {
  for (let position = 0; ; position += 1) {
    const isPart = and(eq(periodFileParts.file, file), eq(periodFileParts.position, position))
    const [row] = await tx
      .select({ bytes: periodFileParts.bytes })
      .from(periodFileParts)
      .where(and(isOfRevision(periodFileParts, key), isPart))
    if (!row) return
    yield row.bytes
  }
}

const isOfRevision = (
  table: typeof periodFiles | typeof periodFileParts,
  { accountId, month, revision }: RevisionKey,
) => and(eq(table.accountId, accountId), eq(table.monthOn, firstDayOf(month)), eq(table.revision, revision))

const toRevision = ({
  monthOn,
  asOf,
  closedAt,
  accountId: _,
  ...row
}: typeof periodRevisions.$inferSelect): PeriodRevision => ({
  ...row,
  month: monthOf(monthOn as BusinessDate),
  asOf: toInstant(asOf.getTime()),
  closedAt: toInstant(closedAt.getTime()),
})
