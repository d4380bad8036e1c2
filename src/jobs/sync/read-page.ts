import type { JobContext } from '../../context.ts'
import { blockEndpoint, findBlock } from '../../db/accounts.ts'
import { type CopyTx, copyTransaction, type Tx } from '../../db/client.ts'
import { codeOf } from '../../db/mirror/mirror-table.ts'
import { storeRecords, storeUndecodable } from '../../db/mirror/store-records.ts'
import { loadWalkIds, loadWalkSoFar, NO_ID, NOTHING_SO_FAR } from '../../db/pull-pages.ts'
import {
  advancePull,
  createPull,
  finishPull,
  isReadingFor,
  largestPageSeen,
  listPullsByCause,
  loadPull,
  type Pull,
  walkAgain,
} from '../../db/pulls.ts'
import { addDays } from '../../domain/calendar.ts'
import type { Instant } from '../../domain/clock.ts'
import { OperatingError } from '../../domain/operating-error.ts'
import {
  decideNamed,
  decidePage,
  halves,
  isCardData,
  isOverlong,
  isRoundSize,
  NAMED_PAGES_MAX,
  type NamedDecision,
  orderOf,
  type PageSeen,
  subjectText,
} from '../../domain/pull.ts'
import type { DecodedPage, HelcimId } from '../../domain/record.ts'
import { decideTail, type TailDecision } from '../../domain/tail.ts'
import { HelcimError } from '../../helcim/errors.ts'
import { decodePage, decodeSingle } from '../../helcim/page.ts'
import { dueOfCause } from './cause.ts'
import { noteOrder, wholeInstead } from './list-order.ts'
import { isSameCode } from './named.ts'
import type { PageAsked, ResourceDescription } from './resource.ts'

/** A walk that finds its pages moved this often is given up for narrower windows. */
const WALKS_MAX = 3

const TOO_MANY_NAMED = {
  failCode: 'TOO_MANY_NAMED',
  failWords: `${NAMED_PAGES_MAX} pages of records whose codes begin like this one do not hold it, so nobody can say that it is not there`,
}

interface PageRead<R> {
  readonly page: DecodedPage<R>
  /** Ids in the order of the page, unreadable records with a readable id included. */
  readonly ids: readonly HelcimId[]
  readonly countRows: number
  readonly readAt: Instant
  /** Stores the records of another kind that the page holds. */
  storeInner(tx: CopyTx, at: { accountId: number; readAt: Instant; now: Instant }): Promise<void>
}

const askedOf = ({ pageLimit: limit, nextPage: page, countRows: offset }: Pull): PageAsked => ({ limit, page, offset })

/**
 * Reads the next page of a pull, stores its rows together with the progress, and asks for what comes next. Run twice or
 * at once it stores once: only the run that moves the pull past the page commits.
 */
export async function readPage<R>(resource: ResourceDescription<R>, context: JobContext, pull: Pull): Promise<void> {
  const { accountId, tokenFingerprint } = context.account
  const { name: endpoint } = resource.call(pull.window, askedOf(pull))
  const refusal = await findBlock(context.db, { accountId, tokenFingerprint, endpoint })
  if (refusal !== null) return noteNotPermitted(context, pull, { endpoint, words: refusal })
  let read: PageRead<R>
  try {
    read = await fetchPage(resource, context, pull)
  } catch (error) {
    return endOnError(resource, context, pull, error)
  }
  if (pull.window.kind === 'one' && read.countRows === 0) return noteMissing(resource, context, pull, pull.window.id)
  const countOutside = read.page.records.filter(({ record }) => !resource.isInside(record, pull.window)).length
  if (countOutside > 0) {
    const words = `${countOutside} of ${read.countRows} rows lie outside ${subjectText(pull.window)}`
    return giveUp(context, pull, 'FILTER_IGNORED', words)
  }
  const next = await copyTransaction(context.db, (tx) => storePage(resource, context, pull, read, tx))
  if (next === null) return askForWhatFollows(context, pull)
  for (const one of next.toRead) await context.enqueue.pullPage(one)
  if (!next.isFinished) return
  const countRows = pull.countRows + read.countRows
  context.log.info({ resource: pull.resource, window: subjectText(pull.window), countRows }, 'pull.finished')
  await askNext(context, pull)
}

/** One page, or one record by its id. An empty page behind a full one is asked for again before it is believed. */
async function fetchPage<R>(resource: ResourceDescription<R>, context: JobContext, pull: Pull): Promise<PageRead<R>> {
  const read = await fetchOnce(resource, context, pull)
  return read.countRows === 0 && isBehindFull(pull) ? fetchOnce(resource, context, pull) : read
}

/** Of a list that takes no limit, full are pages of a size at which servers like to cut. */
function isBehindFull({ nextPage, firstPage, countRows, pageLimit }: Pull): boolean {
  const countPages = nextPage - firstPage
  if (countPages === 0) return false
  return pageLimit > 0 ? countRows >= countPages * pageLimit : isRoundSize(countRows / countPages)
}

async function fetchOnce<R>(resource: ResourceDescription<R>, context: JobContext, pull: Pull): Promise<PageRead<R>> {
  const { helcim, clock, signal } = context
  const readAt = clock.now()
  const { body } = await helcim.read(resource.call(pull.window, askedOf(pull)), { callClass: pull.callClass, signal })
  const isSingle = pull.window.kind === 'one'
  const page = isSingle ? await decodeSingle(resource.endpoint, body) : await decodePage(resource.endpoint, body)
  const storeInner = await resource.inner?.read({ body, isSingle })
  const unreadableIds = page.undecodable.flatMap(({ key }) => (/^\d+$/.test(key) ? BigInt(key) : []))
  return {
    page,
    ids: [...page.records.map((record) => record.id), ...unreadableIds],
    countRows: page.records.length + page.undecodable.length,
    readAt,
    storeInner: storeInner ?? (async () => {}),
  }
}

/** Are these just the ids with which the walk until now ended? */
async function isRepeatOfLast(tx: Tx, pull: Pull, ids: readonly HelcimId[]): Promise<boolean> {
  if (ids.length === 0) return false
  const last = (await loadWalkIds(tx, pull)).slice(-ids.length)
  const known = new Set(last)
  return last.length === ids.length && ids.every((id) => known.has(id))
}

interface NextStep {
  readonly toRead: readonly Pull[]
  readonly isFinished: boolean
}

/** @returns null when another run of this job was faster: what it stored is what we hold */
async function storePage<R>(
  resource: ResourceDescription<R>,
  context: JobContext,
  pull: Pull,
  read: PageRead<R>,
  tx: CopyTx,
): Promise<NextStep | null> {
  const { accountId, pullId, walk, nextPage: page } = pull
  const countBefore = page - pull.firstPage
  const now = context.clock.now()
  const before = countBefore === 0 ? NOTHING_SO_FAR : await loadWalkSoFar(tx, pull, read.ids)
  if (before.countPages < countBefore) return restart(tx, pull, now)
  if (before.countPages > countBefore) return null

  const fresh = new Set(read.ids.filter((id) => !before.knownIds.has(id)))
  const order = orderOf(
    read.page.records.map((record) => record.id).filter((id) => fresh.has(id)),
    pull.listOrder,
    before.lastId,
  )
  const largestPage = Math.max(await largestPageSeen(tx, accountId, resource.name), read.countRows)
  const next = decideNext(resource, pull, read, {
    page: countBefore + 1,
    limit: pull.pageLimit || null,
    isByOffset: resource.endpoint.paging.style === 'offset',
    countRows: read.countRows,
    countFresh: fresh.size,
    countRepeated: read.ids.length - fresh.size,
    isRepeatAtHead: read.ids.findIndex((id) => fresh.has(id)) === read.ids.length - fresh.size,
    isRepeatOfLast: fresh.size === 0 && (await isRepeatOfLast(tx, pull, read.ids)),
    isAfterRepeat: countBefore > 1 && before.countLast === 0,
    largestPage,
    order,
  })

  const records = read.page.records.filter((record) => fresh.has(record.id))
  const stored = await storeRecords(tx, resource.mirror, { accountId, observedAt: read.readAt, storedAt: now, records })
  await read.storeInner(tx, { accountId, readAt: read.readAt, now })
  await storeUndecodable(tx, {
    accountId,
    resource: resource.name,
    observedAt: read.readAt,
    undecodable: read.page.undecodable,
    decodedIds: records.map((record) => record.id),
  })
  const countRecords = { countRows: read.countRows, countUndecodable: read.page.undecodable.length }
  // At the head, so that the last id of a page is one that can be compared.
  const ids = [...(read.countRows > read.ids.length ? [NO_ID] : []), ...fresh]
  const isFirst = await advancePull(
    tx,
    { accountId, pullId, walk, page },
    { ids, ...countRecords, countChanged: stored.countNew + stored.countChanged, listOrder: order, now },
  )
  if (!isFirst) return null
  await resource.afterPage?.(tx, { accountId, ids: read.page.records.map((record) => record.id), readAt: read.readAt })

  const isOver = next === 'end' || next === 'found'
  const allIds = isOver && countBefore > 0 ? await loadWalkIds(tx, pull) : ids
  const largestOfPull = Math.max(pull.largestPage, read.countRows)
  const countIds = allIds.length
  await noteOrder(tx, pull, { order, isWhole: next === 'end', countIds, largestPage: largestOfPull, now })
  switch (next) {
    case 'next':
      if (isOverlong(pull, page)) return narrow(tx, pull, now)
      return { toRead: [{ ...pull, nextPage: page + 1 }], isFinished: false }
    case 'walk-again':
      return pull.walk < WALKS_MAX ? restart(tx, pull, now) : narrow(tx, pull, now)
    case 'stuck':
    case 'broken':
      return narrow(tx, pull, now)
    case 'reached':
      await resource.afterTail?.(tx, { pull })
      await finishPull(tx, pull, { state: 'complete', now })
      return { toRead: [], isFinished: true }
    case 'too-many':
      await finishPull(tx, pull, { state: 'incomplete', ...TOO_MANY_NAMED, now })
      return { toRead: [], isFinished: true }
    case 'found':
    case 'end': {
      const known = allIds.filter((id) => id !== NO_ID)
      const end = { pull, ids: known, mayHoldOthers: next === 'found' || known.length < allIds.length, now }
      const toRead = (await resource.afterWalk?.(tx, context, end)) ?? []
      await finishPull(tx, pull, { state: 'complete', now })
      return { toRead, isFinished: true }
    }
  }
}

/** What follows from a page, by what its window asks for. */
function decideNext<R>(
  { endpoint, mirror }: ResourceDescription<R>,
  { window, nextPage: page }: Pull,
  { page: { records }, ids }: PageRead<R>,
  seen: PageSeen,
): TailDecision | NamedDecision {
  if (endpoint.paging.style === 'none' || window.kind === 'one') return 'end'
  if (window.kind === 'code') {
    return decideNamed(seen, { isFound: records.some(({ record }) => isSameCode(codeOf(mirror, record), window)) })
  }
  const decision = decidePage(seen)
  if (window.kind !== 'card_batch_tail') return decision
  return decideTail(window, { page, ids, order: seen.order, decision })
}

/** @returns null when another run of this job, whose pages are forgotten with it, has ended the pull meanwhile */
async function restart(tx: Tx, pull: Pull, now: Instant): Promise<NextStep | null> {
  await walkAgain(tx, pull, now)
  const restarted = await loadPull(tx, pull)
  return restarted?.state === 'running' ? { toRead: [restarted], isFinished: false } : null
}

/**
 * Paging cannot be trusted for this window, or it holds too much. Smaller windows fit on one page; a single day that does
 * not is told. A tail whose order does not hold, or whose pages do not stand still, shows nothing by itself.
 */
async function narrow(tx: Tx, pull: Pull, now: Instant): Promise<NextStep> {
  if (pull.window.kind === 'card_batch_tail') {
    return { toRead: [await wholeInstead(tx, pull, pull.window, now)], isFinished: false }
  }
  const parts = pull.window.kind === 'days' ? halves(pull.window, addDays) : null
  if (parts === null) {
    const failWords = 'the pages of this list repeat or move, so nobody can say that they were all read'
    await finishPull(tx, pull, { state: 'incomplete', failCode: 'PAGES_UNSTABLE', failWords, now })
    return { toRead: [], isFinished: true }
  }
  await finishPull(tx, pull, { state: 'split', now })
  const { accountId, resource, cause, callClass, pageLimit } = pull
  const toRead: Pull[] = []
  for (const part of parts) {
    const window = { kind: 'days' as const, ...part }
    toRead.push((await createPull(tx, { accountId, resource, window, cause, callClass, pageLimit, now })).pull)
  }
  return { toRead, isFinished: false }
}

/** What each error of a reading means for its pull; what is to be tried again is thrown on to the queue. */
async function endOnError<R>(
  resource: ResourceDescription<R>,
  context: JobContext,
  pull: Pull,
  error: unknown,
): Promise<void> {
  if (!(error instanceof OperatingError)) throw error
  if (context.signal.aborted) throw error
  if (error instanceof HelcimError && error.code === 'HELCIM_NOT_FOUND' && pull.window.kind === 'one') {
    return noteMissing(resource, context, pull, pull.window.id)
  }
  if (error instanceof HelcimError && error.code === 'HELCIM_NOT_PERMITTED') {
    return noteNotPermitted(context, pull, error)
  }
  const isHopeless = error.retry.kind === 'never'
  if (!isHopeless && !(context.isLastAttempt && error.retry.kind === 'backoff')) throw error
  await giveUp(context, pull, error.code, error.message)
}

async function noteMissing<R>(
  resource: ResourceDescription<R>,
  context: JobContext,
  pull: Pull,
  id: HelcimId,
): Promise<void> {
  await context.db.transaction(async (tx) => {
    const now = context.clock.now()
    await resource.afterMissing?.(tx, { pull, id, now })
    await finishPull(tx, pull, { state: 'complete', now })
  })
  await askNext(context, pull)
}

async function noteNotPermitted(
  context: JobContext,
  pull: Pull,
  { endpoint, words }: { endpoint: string; words: string },
): Promise<void> {
  const { accountId, tokenFingerprint } = context.account
  const isNews = await context.db.transaction(async (tx) => {
    await finishPull(tx, pull, {
      state: 'not_permitted',
      failCode: 'HELCIM_NOT_PERMITTED',
      failWords: words,
      now: context.clock.now(),
    })
    return blockEndpoint(tx, { accountId, tokenFingerprint, endpoint, words })
  })
  if (isNews) context.log.error({ endpoint, words, resource: pull.resource }, 'helcim.not_permitted')
  await askNext(context, pull)
}

async function giveUp(context: JobContext, pull: Pull, failCode: string, failWords: string): Promise<void> {
  const now = context.clock.now()
  await context.db.transaction((tx) => finishPull(tx, pull, { state: 'incomplete', failCode, failWords, now }))
  context.log.error(
    { resource: pull.resource, window: subjectText(pull.window), failCode, failWords },
    'pull.incomplete',
  )
  await askNext(context, pull)
}

/**
 * Asks for what follows from a pull as it stands now: its next page, its parts, or what its end sets going. Whoever moved
 * it there may have died before asking.
 */
export async function askForWhatFollows(context: JobContext, key: Pick<Pull, 'accountId' | 'pullId'>): Promise<void> {
  const pull = await loadPull(context.db, key)
  if (pull === null) return
  if (pull.state !== 'running' && pull.state !== 'split') return askNext(context, pull)
  // The parts of a split window have its cause.
  const pulls = pull.state === 'running' ? [pull] : await listPullsByCause(context.db, pull.accountId, pull.cause)
  for (const one of pulls) if (one.state === 'running') await context.enqueue.pullPage(one)
}

/**
 * What an ended pull sets going: judging what it brought, and the end of the due work that it was the last part of. What
 * the other resources brought is judged once for all of a cause: by its due work, or, where it has none, by its last one.
 */
async function askNext(context: JobContext, { accountId, pullId, resource, cause }: Pull): Promise<void> {
  const key = dueOfCause(accountId, cause)
  const isCard = isCardData(resource)
  // Each looks after its own end was written, so that the last one sees that it was the last.
  const isLast = (!isCard || key !== null) && !(await isReadingFor(context.db, accountId, cause))
  if (isCard || (isLast && key === null)) {
    await context.enqueue.reconcile({ accountId, scope: 'marked', cause: `pull-${pullId}` })
  }
  if (isLast && key !== null) await context.enqueue.due({ ...key, after: pullId })
}
