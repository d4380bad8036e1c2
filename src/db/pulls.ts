import { and, desc, eq, max, sql } from 'drizzle-orm'
import type { CallClass } from '../domain/budget-class.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import type { ListOrder, PullWindow } from '../domain/pull.ts'
import type { HelcimId } from '../domain/record.ts'
import type { Tx } from './client.ts'
import { forgetPages, storePageIds } from './pull-pages.ts'
import { pulls } from './schema/pulls.ts'

export type PullState = 'running' | 'complete' | 'incomplete' | 'not_permitted' | 'split'

/** One reading of one window, and how far it is. */
export interface Pull {
  readonly accountId: number
  readonly pullId: bigint
  readonly resource: string
  readonly window: PullWindow
  readonly cause: string
  readonly callClass: CallClass
  readonly state: PullState
  readonly startedAt: Instant
  readonly finishedAt: Instant | null
  readonly walk: number
  readonly walkStartedAt: Instant
  readonly nextPage: number
  readonly firstPage: number
  readonly pageLimit: number
  readonly countRows: number
  readonly countChanged: number
  readonly countCalls: number
  readonly largestPage: number
  readonly listOrder: ListOrder | null
  readonly failCode: string | null
  readonly failWords: string | null
}

/**
 * Asks for a reading. Asking again for the same window and cause returns the first one: harmless.
 * @param listOrder in which the list is known to come; what contradicts it makes it `none`
 */
export async function createPull(
  tx: Tx,
  input: {
    accountId: number
    resource: string
    window: PullWindow
    cause: string
    callClass: CallClass
    pageLimit: number
    listOrder?: ListOrder
    now: Instant
  },
): Promise<{ pull: Pull; isNew: boolean }> {
  const now = new Date(input.now)
  const { accountId, resource, window, cause, callClass, pageLimit, listOrder = null } = input
  const tail = window.kind === 'card_batch_tail' ? window : null
  const firstPage = tail?.firstPage ?? 1
  const [created] = await tx
    .insert(pulls)
    .values({
      accountId,
      resource,
      windowKind: window.kind,
      fromDate: window.kind === 'days' ? window.from : null,
      toDate: window.kind === 'days' ? window.to : null,
      subject: subjectOf(window),
      cause,
      callClass,
      pageLimit,
      firstPage,
      nextPage: firstPage,
      aboveId: tail?.aboveId ?? null,
      listOrder,
      startedAt: now,
      walkStartedAt: now,
      progressAt: now,
    })
    .onConflictDoNothing()
    .returning()
  if (created) return { pull: toPull(created), isNew: true }
  const [existing] = await tx
    .select()
    .from(pulls)
    .where(
      and(
        eq(pulls.accountId, accountId),
        eq(pulls.resource, resource),
        eq(pulls.windowKind, window.kind),
        eq(pulls.subject, subjectOf(window)),
        eq(pulls.cause, cause),
      ),
    )
  if (!existing) throw new Error(`pull of ${resource} for ${cause} neither created nor found`)
  return { pull: toPull(existing), isNew: false }
}

export async function loadPull(tx: Tx, key: { accountId: number; pullId: bigint }): Promise<Pull | null> {
  const [row] = await tx.select().from(pulls).where(whereKey(key))
  return row ? toPull(row) : null
}

/**
 * Moves a running walk past `page`, which must be its next one. Called in the transaction that stores the page's rows:
 * progress moves only with its rows.
 * @returns false when another run of the same job was faster; the caller must then store nothing
 */
export async function advancePull(
  tx: Tx,
  key: { accountId: number; pullId: bigint; walk: number; page: number },
  seen: {
    ids: readonly HelcimId[]
    countRows: number
    countChanged: number
    countUndecodable: number
    listOrder: ListOrder | null
    now: Instant
  },
): Promise<boolean> {
  const moved = await tx
    .update(pulls)
    .set({
      nextPage: sql`${pulls.nextPage} + 1`,
      countCalls: sql`${pulls.countCalls} + 1`,
      countRows: sql`${pulls.countRows} + ${seen.countRows}`,
      countChanged: sql`${pulls.countChanged} + ${seen.countChanged}`,
      countUndecodable: sql`${pulls.countUndecodable} + ${seen.countUndecodable}`,
      largestPage: sql`greatest(${pulls.largestPage}, ${seen.countRows})`,
      listOrder: seen.listOrder,
      progressAt: new Date(seen.now),
    })
    .where(and(whereKey(key), eq(pulls.state, 'running'), eq(pulls.walk, key.walk), eq(pulls.nextPage, key.page)))
    .returning({ pullId: pulls.pullId })
  if (moved.length === 0) return false
  await storePageIds(tx, key, seen.ids)
  return true
}

/** Starts over at the first page. What order a tail relies on is not for its walk to learn. */
export async function walkAgain(tx: Tx, pull: Pull, now: Instant): Promise<void> {
  await tx
    .update(pulls)
    .set({
      walk: pull.walk + 1,
      nextPage: pulls.firstPage,
      listOrder: sql`case when ${pulls.aboveId} is not null then ${pulls.listOrder} end`,
      countRows: 0,
      walkStartedAt: new Date(now),
      progressAt: new Date(now),
    })
    .where(and(whereKey(pull), eq(pulls.state, 'running'), eq(pulls.walk, pull.walk)))
}

/** Ends a running pull and forgets its pages. Called in a transaction: nobody else would ever forget them. */
export async function finishPull(
  tx: Tx,
  key: { accountId: number; pullId: bigint },
  end: { state: Exclude<PullState, 'running'>; failCode?: string; failWords?: string; now: Instant },
): Promise<void> {
  await tx
    .update(pulls)
    .set({
      state: end.state,
      failCode: end.failCode ?? null,
      failWords: end.failWords ?? null,
      finishedAt: new Date(end.now),
    })
    .where(and(whereKey(key), eq(pulls.state, 'running')))
  await forgetPages(tx, key)
}

/** Running pulls, the oldest first. */
export async function listRunningPulls(tx: Tx, accountId: number): Promise<Pull[]> {
  const rows = await tx
    .select()
    .from(pulls)
    .where(and(eq(pulls.accountId, accountId), eq(pulls.state, 'running')))
    .orderBy(pulls.pullId)
  return rows.map(toPull)
}

/** True while days of card transactions are read: most differences of batches are rows still on their way. */
export const isOfCardDays = ({ resource, window }: Pull): boolean =>
  resource === 'card_transaction' && window.kind === 'days'

/** Pulls that one piece of due work or one command asked for, parts of split windows included. */
export async function listPullsByCause(tx: Tx, accountId: number, cause: string): Promise<Pull[]> {
  const rows = await tx
    .select()
    .from(pulls)
    .where(and(eq(pulls.accountId, accountId), eq(pulls.cause, cause)))
    .orderBy(pulls.pullId)
  return rows.map(toPull)
}

/** True while any pull that this cause asked for is still read. */
export async function isReadingFor(tx: Tx, accountId: number, cause: string): Promise<boolean> {
  const rows = await tx
    .select({ pullId: pulls.pullId })
    .from(pulls)
    .where(and(eq(pulls.accountId, accountId), eq(pulls.cause, cause), eq(pulls.state, 'running')))
    .limit(1)
  return rows.length > 0
}

/** Pulls of all runs of one command: their causes begin alike. */
export async function listPullsByCausePrefix(tx: Tx, accountId: number, prefix: string): Promise<Pull[]> {
  const rows = await tx
    .select()
    .from(pulls)
    .where(and(eq(pulls.accountId, accountId), sql`starts_with(${pulls.cause}, ${prefix})`))
    .orderBy(pulls.pullId)
  return rows.map(toPull)
}

/** The newest complete reading of a whole list. */
export async function latestCompletePull(tx: Tx, accountId: number, resource: string): Promise<Pull | null> {
  const [row] = await tx
    .select()
    .from(pulls)
    .where(
      and(
        eq(pulls.accountId, accountId),
        eq(pulls.resource, resource),
        eq(pulls.windowKind, 'all'),
        eq(pulls.state, 'complete'),
      ),
    )
    .orderBy(desc(pulls.startedAt))
    .limit(1)
  return row ? toPull(row) : null
}

/** The largest page that this resource ever gave: a smaller round number of rows is no silent maximum. */
export async function largestPageSeen(tx: Tx, accountId: number, resource: string): Promise<number> {
  const [row] = await tx
    .select({ largest: max(pulls.largestPage) })
    .from(pulls)
    .where(and(eq(pulls.accountId, accountId), eq(pulls.resource, resource)))
  return row?.largest ?? 0
}

const whereKey = ({ accountId, pullId }: { accountId: number; pullId: bigint }) =>
  and(eq(pulls.accountId, accountId), eq(pulls.pullId, pullId))

/** Text that tells windows of one kind apart; part of the pull's identity. */
export function subjectOf(window: PullWindow): string {
  switch (window.kind) {
    case 'all':
      return ''
    case 'days':
      return `${window.from}..${window.to}`
    case 'card_batch':
    case 'card_batch_tail':
      return String(window.cardBatchId)
    case 'one':
      return String(window.id)
    case 'code':
      return window.code
    case 'batch_number':
      return `${window.terminalId}:${window.batchNumber}`
  }
}

function windowOf(row: typeof pulls.$inferSelect): PullWindow {
  switch (row.windowKind) {
    case 'all':
      return { kind: 'all' }
    case 'days':
      return { kind: 'days', from: row.fromDate as BusinessDate, to: row.toDate as BusinessDate }
    case 'card_batch':
      return { kind: 'card_batch', cardBatchId: BigInt(row.subject) }
    case 'card_batch_tail': {
      const { subject, aboveId, firstPage } = row
      return { kind: 'card_batch_tail', cardBatchId: BigInt(subject), aboveId: aboveId ?? 0n, firstPage }
    }
    case 'one':
      return { kind: 'one', id: BigInt(row.subject) }
    case 'code':
      return { kind: 'code', code: row.subject }
    case 'batch_number': {
      const [terminalId = '', batchNumber = ''] = row.subject.split(':')
      return { kind: 'batch_number', terminalId: BigInt(terminalId), batchNumber: BigInt(batchNumber) }
    }
    default:
      throw new Error(`pull ${row.pullId} has the unknown window kind ${row.windowKind}`)
  }
}

function toPull(row: typeof pulls.$inferSelect): Pull {
  return {
    ...row,
    window: windowOf(row),
    callClass: row.callClass as CallClass,
    state: row.state as PullState,
    listOrder: row.listOrder as ListOrder | null,
    startedAt: toInstant(row.startedAt.getTime()),
    walkStartedAt: toInstant(row.walkStartedAt.getTime()),
    finishedAt: row.finishedAt && toInstant(row.finishedAt.getTime()),
  }
}
